//! Stores how far each group is.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use opspilot_core::module::Context;
use opspilot_core::storage::{Collection, Expect, Query, StorageError, WriteBatch};

use super::ledger::{Ledger, Page, Place};

/// How many pages are forgotten in one transaction.
const TOGETHER: usize = 500;

/// What is stored of a stream.
type Found = (Option<Place>, Vec<Page>);

/// Where places are stored.
#[derive(Debug)]
pub(super) struct Shelf {
    places: Collection<Place>,
    pages: Collection<Page>,
    /// What was found of each stream at the start.
    found: Mutex<BTreeMap<String, Found>>,
}

impl Shelf {
    /// Reads what is stored.
    pub(super) async fn open(cx: &Context) -> Result<Self, StorageError> {
        let places: Collection<Place> = cx.store.collection().await?;
        let pages: Collection<Page> = cx.store.collection().await?;
        let mut found: BTreeMap<String, Found> = BTreeMap::new();
        let mut after = None;
        loop {
            let (some, next) = places.query(&Query::by_key(500).after(after)).await?;
            for place in some {
                let stream = place.stream.clone();
                found.entry(stream).or_default().0 = Some(place);
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        loop {
            let (some, next) = pages.query(&Query::by_key(100).after(after)).await?;
            for page in some {
                let stream = page.stream.clone();
                found.entry(stream).or_default().1.push(page);
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(Self {
            places,
            pages,
            found: Mutex::new(found),
        })
    }

    /// The ledger of a stream, which starts at the time `first` if nothing is stored of it.
    pub(super) fn ledger(&self, stream: &str, first: i64) -> Ledger {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let (place, mut pages) = found.remove(stream).unwrap_or_default();
        pages.sort_by_key(|page| page.first);
        let place = place.unwrap_or_else(|| Place {
            format: 1,
            stream: stream.to_owned(),
            from: first,
            next: 0,
            done: 0,
        });
        // A page of which no place knows was never begun.
        pages.retain(|page| page.first < place.next);
        Ledger::restored(place, pages)
    }

    /// Stores that events were numbered, before they are sent.
    pub(super) async fn begin(&self, ledger: &Ledger) -> Result<(), StorageError> {
        let mut batch = WriteBatch::default();
        if let Some(page) = ledger.pending() {
            batch.push(self.pages.put(page, Expect::Any)?);
        }
        batch.push(self.places.put(ledger.place(), Expect::Any)?);
        self.places.storage().apply(batch).await.map(|_| ())
    }

    /// Stores how far the group is, and forgets pages.
    pub(super) async fn save(&self, place: &Place, forgotten: &[Page]) -> Result<(), StorageError> {
        // First the place: pages that are left over only cost memory.
        self.places.save(place).await?;
        for some in forgotten.chunks(TOGETHER) {
            let mut batch = WriteBatch::default();
            for page in some {
                batch.push(
                    self.pages
                        .delete(&opspilot_core::storage::Record::key(page)),
                );
            }
            self.pages.storage().apply(batch).await?;
        }
        Ok(())
    }
}
