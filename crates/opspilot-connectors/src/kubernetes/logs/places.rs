//! How far logs were read, as it is stored.

use std::collections::HashSet;

use opspilot_core::clock::Timestamp;
use opspilot_core::module::{Context, HealthStatus};
use opspilot_core::storage::{
    Collection, CollectionSpec, Expect, Query, Record, StorageError, WriteBatch,
};
use serde::{Deserialize, Serialize};

use super::runs::uid_of;
use crate::kubernetes::cluster::Trouble;

/// The place of the first look: of what ran before it, only what comes is read.
const FIRST_LOOK: &str = "first look";

/// How far one run of a container was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::kubernetes) struct Place {
    /// The version of this form.
    pub(in crate::kubernetes) format: u32,
    /// The run.
    pub(in crate::kubernetes) stream: String,
    /// The time of the last line that is done with, in nanoseconds since 1970.
    pub(in crate::kubernetes) time: u64,
    /// A hash of that line.
    pub(in crate::kubernetes) hash: u64,
    /// Where the next line starts at least.
    pub(in crate::kubernetes) position: u64,
    /// The run is over and was read to its end.
    pub(in crate::kubernetes) is_done: bool,
}

impl Record for Place {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "logs",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.stream.clone()
    }
}

/// Where places are stored.
pub(in crate::kubernetes) struct Places<'a> {
    cx: &'a Context,
    all: Collection<Place>,
}

impl<'a> Places<'a> {
    pub(in crate::kubernetes) async fn open(cx: &'a Context) -> Result<Self, StorageError> {
        let all = cx.store.collection().await?;
        Ok(Self { cx, all })
    }

    /// How far the run `stream` was read.
    pub(super) async fn get(&self, stream: &str) -> Result<Option<Place>, StorageError> {
        Ok(self.all.get(stream).await?.map(|(place, _)| place))
    }

    pub(super) async fn save(&self, place: &Place) -> Result<(), Trouble> {
        self.all.save(place).await.map_err(|error| unstored(&error))
    }

    /// When logs were looked for the first time, in nanoseconds since 1970.
    pub(super) async fn first_look(&self) -> Result<u64, StorageError> {
        if let Some(place) = self.get(FIRST_LOOK).await? {
            return Ok(place.time);
        }
        let time = nanos(self.cx.clock.now());
        let place = Place {
            format: 1,
            stream: FIRST_LOOK.to_owned(),
            time,
            hash: 0,
            position: 0,
            is_done: true,
        };
        self.all.save(&place).await?;
        Ok(time)
    }

    /// Forgets the places of pods that are gone, and marks those that are lost, which it counts.
    pub(super) async fn tidy(
        &self,
        pods: &HashSet<String>,
        is_kept: impl Fn(&str) -> bool,
        is_lost: impl Fn(&str) -> bool,
    ) -> Result<u64, StorageError> {
        let mut after = None;
        let mut lost = 0;
        loop {
            let (page, next) = self.all.query(&Query::by_key(500).after(after)).await?;
            let mut batch = WriteBatch::default();
            for mut place in page {
                let stream = place.stream.clone();
                let is_there = pods.contains(uid_of(&stream));
                if stream == FIRST_LOOK || is_kept(&stream) {
                    continue;
                }
                if !is_there {
                    batch.push(self.all.delete(&stream));
                    // The bus is closed only when everything ends.
                    self.cx
                        .bus
                        .forget_stream(&stream.as_str().into())
                        .await
                        .ok();
                } else if !place.is_done && is_lost(&stream) {
                    lost += 1;
                    place.is_done = true;
                    batch.push(self.all.put(&place, Expect::Any)?);
                }
            }
            self.all.storage().apply(batch).await?;
            after = next;
            if after.is_none() {
                return Ok(lost);
            }
        }
    }
}

pub(super) fn nanos(time: Timestamp) -> u64 {
    u64::try_from(time.as_millis())
        .unwrap_or(0)
        .saturating_mul(1_000_000)
}

/// A trouble of the storage.
fn unstored(error: &StorageError) -> Trouble {
    Trouble {
        status: HealthStatus::Degraded,
        ..Trouble::other(format!(
            "cannot store where a log is: {}",
            opspilot_core::error::chain(error)
        ))
    }
}
