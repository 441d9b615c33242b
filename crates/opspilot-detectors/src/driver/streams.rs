//! How far each stream was looked at, so that what is read again counts once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use opspilot_core::bus::ModuleBus;
use opspilot_core::signal::LogBatch;
use opspilot_core::storage::StorageError;

/// How many streams are remembered; those that were quiet for longest are forgotten.
const MAX_STREAMS: usize = 10_000;

/// Marks in the streams that batches came from.
#[derive(Debug, Default)]
pub(super) struct Streams {
    marks: HashMap<Arc<str>, Mark>,
    batches: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    /// The detector's restored state contains everything before.
    known: u64,
    /// What was found before is stored.
    published: u64,
    /// How far batches came in this life.
    seen: u64,
    /// The number of the newest batch.
    batch: u64,
    asked: bool,
}

/// The parts of a batch.
#[derive(Debug)]
pub(super) struct Parts {
    /// What was found in these records is stored, but the detector's state does not contain them.
    pub(super) again: Option<LogBatch>,
    /// What nobody has looked at.
    pub(super) fresh: Option<LogBatch>,
}

impl Streams {
    /// Streams of which the restored state contains everything before these positions.
    pub(super) fn restored(known: BTreeMap<String, u64>) -> Self {
        let marks = known.into_iter().map(|(stream, known)| {
            (
                stream.into(),
                Mark {
                    known,
                    ..Mark::default()
                },
            )
        });
        Self {
            marks: marks.collect(),
            batches: 0,
        }
    }

    /// Takes a batch apart at the marks. Copies only where a batch crosses one.
    ///
    /// # Errors
    /// When the stored mark cannot be read.
    pub(super) async fn take(
        &mut self,
        bus: &ModuleBus,
        batch: LogBatch,
    ) -> Result<Parts, StorageError> {
        let Some(start) = batch.start() else {
            return Ok(Parts {
                again: None,
                fresh: None,
            });
        };
        self.batches += 1;
        let stream = Arc::clone(&batch.source().stream);
        if !self.marks.contains_key(&stream) {
            self.make_room();
            self.marks.insert(Arc::clone(&stream), Mark::default());
        }
        let batches = self.batches;
        let Some(mark) = self.marks.get_mut(&stream) else {
            return Ok(Parts {
                again: None,
                fresh: Some(batch),
            });
        };
        let is_sent_again = start < mark.seen;
        if !mark.asked || is_sent_again {
            mark.published = bus.published_until(&stream).await?;
            mark.asked = true;
        }
        if is_sent_again {
            // The detector saw it in this life, so its state contains what is published.
            mark.known = mark.known.max(mark.published);
        }
        mark.seen = mark.seen.max(batch.end());
        mark.batch = batches;
        Ok(mark.split(start, batch))
    }

    /// How far each stream is in the detector's state.
    pub(super) fn known(&self) -> BTreeMap<String, u64> {
        self.marks
            .iter()
            .map(|(stream, mark)| (stream.to_string(), mark.seen.max(mark.known)))
            .collect()
    }

    fn make_room(&mut self) {
        if self.marks.len() >= MAX_STREAMS {
            let mut ages: Vec<u64> = self.marks.values().map(|mark| mark.batch).collect();
            let middle = ages.len() / 2;
            let (_, median, _) = ages.select_nth_unstable(middle);
            let median = *median;
            self.marks.retain(|_, mark| mark.batch > median);
        }
    }
}

impl Mark {
    fn split(&self, start: u64, batch: LogBatch) -> Parts {
        let done = self.known.max(self.published);
        if start >= done {
            return Parts {
                again: None,
                fresh: Some(batch),
            };
        }
        let (before, fresh) = batch.split_at(done);
        let again = if start < self.known {
            before.split_at(self.known).1
        } else {
            before
        };
        let filled = |batch: LogBatch| (!batch.is_empty()).then_some(batch);
        Parts {
            again: filled(again),
            fresh: filled(fresh),
        }
    }
}
