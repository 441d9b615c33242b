//! Identities and positions of streams.
//!
//! An incident is named after stream and position, so a pair of both must never come again, over restarts neither. A
//! syslog peer cannot be asked to repeat anything, so a position need not be found again: it only has to be new. The
//! streams are numbered places, of which a connection holds one while it is open. A place goes on where its last
//! connection ended, and with each start of the module all begin behind everything that was reserved before. So there
//! are never more streams to remember than there were connections at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use opspilot_core::module::Context;
use opspilot_core::storage::{Collection, CollectionSpec, Record, StorageError};
use serde::{Deserialize, Serialize};

/// How far positions are reserved ahead, in bytes of one stream.
const AHEAD: u64 = 1 << 40;

const KEY: &str = "positions";

/// Up to where positions may have been used.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reserved {
    until: u64,
}

impl Record for Reserved {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "reserved",
        indexes: &[],
    };

    fn key(&self) -> String {
        KEY.to_owned()
    }
}

/// The places of streams.
#[derive(Debug)]
pub(super) struct Positions {
    reserved: Collection<Reserved>,
    begin: u64,
    until: AtomicU64,
    renewing: tokio::sync::Mutex<()>,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    made: u64,
    free: Vec<Place>,
}

/// A stream, and how far it is.
#[derive(Debug)]
pub(super) struct Place {
    /// The identity.
    pub(super) stream: Arc<str>,
    /// The position of the next message.
    pub(super) position: u64,
    /// How many messages there were.
    pub(super) messages: u64,
}

impl Positions {
    /// Reserves positions for this start of the module.
    pub(super) async fn open(cx: &Context) -> Result<Self, StorageError> {
        let reserved: Collection<Reserved> = cx.store.collection().await?;
        let begin = reserved.get(KEY).await?.map_or(0, |(last, _)| last.until);
        let until = begin + AHEAD;
        reserved.save(&Reserved { until }).await?;
        Ok(Self {
            reserved,
            begin,
            until: AtomicU64::new(until),
            renewing: tokio::sync::Mutex::default(),
            places: Mutex::default(),
        })
    }

    /// A place that nobody holds.
    pub(super) fn take(&self) -> Place {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.free.pop() {
            return place;
        }
        places.made += 1;
        Place {
            stream: format!("syslog:{}", places.made).into(),
            position: self.begin,
            messages: 0,
        }
    }

    /// Gives a place back.
    pub(super) fn give_back(&self, place: Place) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.free.push(place);
    }

    /// Makes sure that positions up to `end` are reserved. Asks the storage once in a terabyte.
    pub(super) async fn reserve(&self, end: u64) -> Result<(), StorageError> {
        if end <= self.until.load(Ordering::Acquire) {
            return Ok(());
        }
        let _renewing = self.renewing.lock().await;
        if end > self.until.load(Ordering::Acquire) {
            let until = end + AHEAD;
            self.reserved.save(&Reserved { until }).await?;
            self.until.store(until, Ordering::Release);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use opspilot_core::module::{Category, Manifest};
    use opspilot_core::testing::Bench;

    use super::*;

    static MANIFEST: Manifest = Manifest::new("connector.syslog", Category::Connector, "Tests.");

    #[tokio::test]
    async fn no_pair_of_stream_and_position_comes_again() {
        let bench = Bench::new().await;
        let cx = bench.context(&MANIFEST);
        let positions = Positions::open(&cx).await.unwrap();
        let (mut first, second) = (positions.take(), positions.take());
        assert_ne!(first.stream, second.stream);
        first.position += AHEAD + 5;
        positions.reserve(first.position).await.unwrap();
        let (stream, position) = (Arc::clone(&first.stream), first.position);
        positions.give_back(first);
        let third = positions.take();
        assert_eq!((&third.stream, third.position), (&stream, position));
        let again = Positions::open(&cx).await.unwrap();
        assert!(again.take().position >= position);
    }
}
