//! The consumers of a bus: which are attached, and where each stands.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::storage::{Collection, CollectionSpec, Record};

/// The stored place of a consumer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) cursor: u64,
}

impl Record for Place {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "consumers",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.name.clone()
    }
}

/// The consumers that are attached, by name.
#[derive(Debug)]
pub(super) struct Consumers {
    pub(super) places: Collection<Place>,
    attached: Mutex<HashMap<String, Arc<Attached>>>,
}

/// What the bus knows of an attached consumer.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) cursor: AtomicU64,
    pub(super) wake: Notify,
}

impl Consumers {
    pub(super) fn new(places: Collection<Place>) -> Self {
        Self {
            places,
            attached: Mutex::default(),
        }
    }

    /// How far the slowest attached consumer is; `None` without consumers.
    pub(super) fn slowest(&self) -> Option<u64> {
        self.lock()
            .values()
            .map(|state| state.cursor.load(Ordering::Acquire))
            .min()
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<Attached>> {
        self.lock().get(name).cloned()
    }

    pub(super) fn attach(&self, name: &str, cursor: u64) -> Arc<Attached> {
        let state = Arc::new(Attached {
            cursor: cursor.into(),
            wake: Notify::new(),
        });
        self.lock().insert(name.to_owned(), Arc::clone(&state));
        state
    }

    pub(super) fn detach(&self, name: &str, state: &Arc<Attached>) {
        let mut attached = self.lock();
        if attached
            .get(name)
            .is_some_and(|found| Arc::ptr_eq(found, state))
        {
            attached.remove(name);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Attached>>> {
        self.attached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
