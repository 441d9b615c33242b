//! How often an address showed a bad credential lately.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::rate::client;

const WINDOW: Duration = Duration::from_mins(1);

/// How many clients have a count of their own; all further ones share one.
const CLIENTS: usize = 1_024;

/// Counts bad credentials by client address, for a minute. A table of a fixed size, whoever asks.
#[derive(Debug)]
pub(in crate::api) struct Guesses {
    limit: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    own: HashMap<IpAddr, Count>,
    shared: Count,
}

#[derive(Debug, Default)]
struct Count {
    /// When the latest guesses were made, oldest first; at most as many as the limit.
    at: Vec<Instant>,
    /// How many are being checked.
    pending: usize,
}

/// An attempt that is being checked. It counts as a guess unless it is said to be good.
#[derive(Debug)]
pub(in crate::api) struct Attempt<'a> {
    guesses: &'a Guesses,
    address: IpAddr,
    is_good: bool,
}

impl Guesses {
    /// Nobody has guessed yet.
    pub(in crate::api) fn new(limit: usize) -> Self {
        Self {
            limit,
            table: Mutex::default(),
        }
    }

    /// For how many seconds nothing of `address` is looked at; `None` if it may go on.
    pub(in crate::api) fn wait(&self, address: IpAddr) -> Option<u32> {
        let mut table = self.lock();
        table.of(address).wait(self.limit)
    }

    /// Counts a guess.
    pub(in crate::api) fn count(&self, address: IpAddr) {
        let mut table = self.lock();
        table.of(address).push(self.limit);
    }

    /// Begins an attempt. Attempts that run at the same time count as if they failed, so that many at once get no
    /// further than one after the other.
    ///
    /// # Errors
    /// The seconds to wait.
    pub(in crate::api) fn attempt(&self, address: IpAddr) -> Result<Attempt<'_>, u32> {
        let mut table = self.lock();
        let count = table.of(address);
        if let Some(wait) = count.wait(self.limit) {
            return Err(wait);
        }
        if count.at.len() + count.pending >= self.limit {
            return Err(1);
        }
        count.pending += 1;
        Ok(Attempt {
            guesses: self,
            address,
            is_good: false,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// Says that the credential was good, or could not be checked.
    pub(in crate::api) fn forgive(mut self) {
        self.is_good = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut table = self.guesses.lock();
        let count = table.of(self.address);
        count.pending = count.pending.saturating_sub(1);
        if !self.is_good {
            count.push(self.guesses.limit);
        }
    }
}

impl Table {
    fn of(&mut self, address: IpAddr) -> &mut Count {
        let address = client(address);
        let Self { own, shared } = self;
        if own.len() >= CLIENTS && !own.contains_key(&address) {
            own.retain(|_, count| !count.is_idle());
            if own.len() >= CLIENTS {
                return shared;
            }
        }
        own.entry(address).or_default()
    }
}

impl Count {
    fn push(&mut self, limit: usize) {
        if self.at.len() >= limit {
            self.at.remove(0);
        }
        self.at.push(Instant::now());
    }

    fn wait(&mut self, limit: usize) -> Option<u32> {
        self.at.retain(|at| at.elapsed() < WINDOW);
        let over = self.at.len().checked_sub(limit)?;
        let frees = self.at.get(over)?;
        let left = WINDOW
            .saturating_sub(frees.elapsed())
            .as_millis()
            .div_ceil(1_000);
        Some(u32::try_from(left).unwrap_or(60).max(1))
    }

    fn is_idle(&self) -> bool {
        self.pending == 0 && self.at.iter().all(|at| at.elapsed() >= WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test(start_paused = true)]
    async fn an_address_waits_after_its_guesses_and_others_do_not() {
        let guesses = Guesses::new(2);
        assert_eq!(guesses.wait(HERE), None);
        guesses.count(HERE);
        tokio::time::advance(Duration::from_secs(20)).await;
        guesses.count(HERE);
        assert_eq!(guesses.wait(HERE), Some(40));
        assert_eq!(guesses.wait("10.0.0.1".parse().unwrap()), None);
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(guesses.wait(HERE), None);
        guesses.count(HERE);
        assert_eq!(guesses.wait(HERE), Some(20));
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_at_the_same_time_count_until_they_turn_out_good() {
        let guesses = Guesses::new(2);
        let (one, two) = (
            guesses.attempt(HERE).unwrap(),
            guesses.attempt(HERE).unwrap(),
        );
        assert!(guesses.attempt(HERE).is_err());
        one.forgive();
        let three = guesses.attempt(HERE).unwrap();
        drop((two, three));
        assert!(guesses.attempt(HERE).is_err());
        assert_eq!(guesses.wait(HERE), Some(60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_guesses_takes_no_more_room() {
        let guesses = Guesses::new(3);
        for _ in 0..10_000 {
            guesses.count(HERE);
        }
        tokio::time::advance(Duration::from_secs(30)).await;
        guesses.count(HERE);
        assert_eq!(guesses.lock().own[&HERE].at.len(), 3);
        assert_eq!(guesses.wait(HERE), Some(30));
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_of_addresses_is_bounded() {
        let guesses = Guesses::new(1);
        for n in 0..3_000u32 {
            guesses.count(IpAddr::V4((0x0a00_0000 + n).into()));
        }
        assert_eq!(guesses.lock().own.len(), CLIENTS);
        assert!(
            guesses.wait("10.9.9.9".parse().unwrap()).is_some(),
            "shares a count"
        );
        tokio::time::advance(WINDOW).await;
        assert_eq!(guesses.wait("10.9.9.9".parse().unwrap()), None);
    }
}
