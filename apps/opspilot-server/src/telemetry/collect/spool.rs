//! A queue of a bounded size that never waits: what finds no room is dropped and counted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many entries wait at most.
pub(crate) const MOST: usize = 4_096;

/// What waits to be sent.
#[derive(Debug)]
pub(crate) struct Spool<T> {
    waiting: Mutex<VecDeque<T>>,
    lost: AtomicU64,
}

impl<T> Default for Spool<T> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            lost: AtomicU64::new(0),
        }
    }
}

impl<T> Spool<T> {
    /// Keeps an entry, if there is room. Returns how many wait.
    pub(super) fn push(&self, entry: T) -> usize {
        let mut waiting = self.lock();
        if waiting.len() < MOST {
            waiting.push_back(entry);
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        waiting.len()
    }

    /// The oldest entries, `most` of them.
    pub(crate) fn take(&self, most: usize) -> Vec<T> {
        let mut waiting = self.lock();
        let count = waiting.len().min(most);
        waiting.drain(..count).collect()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// How many were dropped since this was last asked.
    pub(crate) fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_and_the_oldest_stay() {
        let spool = Spool::default();
        for number in 0..MOST + 3 {
            spool.push(number);
        }
        assert_eq!((spool.take_lost(), spool.take_lost()), (3, 0));
        assert_eq!(spool.take(2), [0, 1]);
        assert_eq!(spool.len(), MOST - 2);
        assert_eq!(spool.take(usize::MAX).last(), Some(&(MOST - 1)));
    }
}
