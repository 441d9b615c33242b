//! From a place in the buffer to the record it belongs to.

use opspilot_core::signal::LogBatch;

/// Finds records; fast when asked for places close to each other.
#[derive(Debug)]
pub(super) struct Locator<'a> {
    batch: &'a LogBatch,
    index: usize,
    range: std::ops::Range<usize>,
}

impl<'a> Locator<'a> {
    pub(super) fn new(batch: &'a LogBatch) -> Self {
        Self {
            batch,
            index: 0,
            range: 0..0,
        }
    }

    /// The index of the record that byte `at` belongs to, or of the next one; `None` behind the last.
    pub(super) fn record_at(&mut self, at: usize) -> Option<u32> {
        if !self.range.contains(&at) {
            self.index = self.batch.index_at(at);
            self.range = self.batch.range(self.index)?;
            // Records may touch each other: the byte behind one is then the first of the next.
            while self.range.end <= at {
                self.index += 1;
                self.range = self.batch.range(self.index)?;
            }
        }
        u32::try_from(self.index).ok()
    }

    /// Where the record found last ends.
    pub(super) fn record_end(&self) -> usize {
        self.range.end
    }
}
