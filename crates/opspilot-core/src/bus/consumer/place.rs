//! How far a consumer has come, and how that is stored.

use std::sync::atomic::Ordering;

use tracing::warn;

use super::{Consumer, Place, SAVE_EVERY};
use crate::error::chain;
use crate::storage::StorageError;

impl Consumer {
    /// Moves behind the first `count` events at hand.
    pub(super) async fn handled(&mut self, count: usize) -> Result<(), StorageError> {
        self.health.clear(&self.cause);
        self.attempts = None;
        self.handled = true;
        self.done = self.page.len().min(self.done + count);
        let last = self
            .done
            .checked_sub(1)
            .and_then(|last| self.page.get(last));
        let place = match last {
            Some(last) if self.done < self.page.len() => last.seq,
            _ => self.page_end,
        };
        self.advance(place).await
    }

    pub(super) async fn advance(&mut self, seq: u64) -> Result<(), StorageError> {
        self.state.cursor.store(seq, Ordering::Release);
        if seq.saturating_sub(self.saved) >= SAVE_EVERY {
            return self.save().await;
        }
        Ok(())
    }

    pub(super) async fn save_unless_saved(&mut self) -> Result<(), StorageError> {
        if self.cursor() != self.saved {
            return self.save().await;
        }
        Ok(())
    }

    /// Stores the place. A storage that does not work now is passed over: the next call stores a later place.
    pub(super) async fn save(&mut self) -> Result<(), StorageError> {
        let cursor = self.cursor();
        let place = Place {
            name: self.name.clone(),
            cursor,
        };
        match self.bus.consumers.places.save(&place).await {
            Ok(()) => {
                self.saved = cursor;
                self.handled = false;
            }
            Err(error) if error.is_transient() => {
                warn!(consumer = self.name, error = %chain(&error), "place not stored, trying again later");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
