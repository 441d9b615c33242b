//! How far a resource was watched and what is known of its objects, as it is stored.

use std::collections::BTreeMap;

use opspilot_core::module::Context;
use opspilot_core::storage::{
    Collection, CollectionSpec, Expect, Query, Record, StorageError, WriteBatch,
};
use serde::{Deserialize, Serialize};

use crate::progress::{Keep, Mark};

/// How many writes one transaction has.
const TOGETHER: usize = 500;

/// How far a resource was watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Watched {
    /// The version of this form.
    pub(super) format: u32,
    /// What is watched.
    pub(super) watch: String,
    /// How often the cluster's versions began anew (it was restored from a backup).
    pub(super) epoch: u64,
    /// Everything up to this resource version is done with.
    pub(super) version: u64,
}

impl Record for Watched {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "watches",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.watch.clone()
    }
}

/// The facts of one object that were told already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    /// What is watched.
    pub(super) watch: String,
    /// The object.
    pub(super) uid: String,
    /// Keys of facts.
    pub(super) facts: Vec<u64>,
}

impl Told {
    fn key_of(watch: &str, uid: &str) -> String {
        format!("{watch}|{uid}")
    }
}

impl Record for Told {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "told",
        indexes: &[],
    };

    fn key(&self) -> String {
        Self::key_of(&self.watch, &self.uid)
    }
}

/// Facts by object; `None` forgets the object.
pub(super) type Changes = BTreeMap<String, Option<Vec<u64>>>;

/// Where positions are stored; cloning it clones handles.
#[derive(Debug, Clone)]
pub(super) struct Positions {
    watches: Collection<Watched>,
    told: Collection<Told>,
}

impl Positions {
    pub(super) async fn open(cx: &Context) -> Result<Self, StorageError> {
        Ok(Self {
            watches: cx.store.collection().await?,
            told: cx.store.collection().await?,
        })
    }

    /// What is stored of `watch`.
    pub(super) async fn load(
        &self,
        watch: &str,
    ) -> Result<(Option<Watched>, BTreeMap<String, Vec<u64>>), StorageError> {
        let watched = self.watches.get(watch).await?.map(|(watched, _)| watched);
        let mut told = BTreeMap::new();
        let mut after = None;
        loop {
            let (page, next) = self.told.query(&Query::by_key(500).after(after)).await?;
            let own = page.into_iter().filter(|one| one.watch == watch);
            told.extend(own.map(|one| (one.uid, one.facts)));
            after = next;
            if after.is_none() {
                return Ok((watched, told));
            }
        }
    }

    /// Stores where a watch stands: before anything is sent under a new epoch.
    pub(super) async fn save(&self, watched: &Watched) -> Result<(), StorageError> {
        self.watches.save(watched).await
    }

    /// Stores what is told, and with the last part of it how far the watch came.
    async fn apply(&self, watched: &Watched, changes: &Changes) -> Result<(), StorageError> {
        let all: Vec<_> = changes.iter().collect();
        for part in all.chunks(TOGETHER) {
            let mut batch = WriteBatch::default();
            for (uid, facts) in part {
                let write = match facts {
                    Some(facts) => {
                        let told = Told {
                            watch: watched.watch.clone(),
                            uid: (*uid).clone(),
                            facts: facts.clone(),
                        };
                        self.told.put(&told, Expect::Any)?
                    }
                    None => self.told.delete(&Told::key_of(&watched.watch, uid)),
                };
                batch.push(write);
            }
            if changes.len() <= TOGETHER {
                batch.push(self.watches.put(watched, Expect::Any)?);
            }
            self.watches.storage().apply(batch).await?;
        }
        if changes.is_empty() || changes.len() > TOGETHER {
            self.save(watched).await?;
        }
        Ok(())
    }
}

/// Where a watch stands, and what is told then.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) watched: Watched,
    pub(super) changes: Changes,
}

impl Mark for Standing {
    /// What a watch goes on from is loaded with what was told.
    type Place = ();

    fn place(&self) {}

    fn absorb(&mut self, later: Self) {
        self.watched = later.watched;
        self.changes.extend(later.changes);
    }
}

/// What was sent and what of it is done.
pub(super) type Progress = crate::progress::Progress<Standing>;

impl Keep<Standing> for Positions {
    async fn keep(&self, mark: &Standing) -> Result<(), StorageError> {
        self.apply(&mark.watched, &mark.changes).await
    }
}
