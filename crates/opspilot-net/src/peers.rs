//! Bounds for peers: how many connections they have, and how fast they may send.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many peers' budgets are remembered. When it is reached, full budgets are forgotten: they are as good as new.
const MAX_BUDGETS: usize = 10_000;

/// The open connections, counted per peer; cloning it clones a handle.
#[derive(Debug, Clone)]
pub struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    most_per_peer: usize,
    most_of_loopback: usize,
    open: Mutex<Open>,
}

/// Invariant: `all` is the sum of `by_peer`, which has no zeros.
#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// Why a connection is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There are too many in all.
    #[error("{0} connections are open, which is the limit")]
    Full(usize),
    /// The peer has too many.
    #[error("this peer has {0} connections open, which is its limit")]
    PeerFull(usize),
}

/// One open connection; dropping it makes room.
#[derive(Debug)]
pub struct Place {
    connections: Connections,
    peer: IpAddr,
}

/// How many of `wanted` connections this process can have without taking the files that the rest of it needs: half of
/// what it may open.
#[must_use]
pub fn affordable(wanted: usize) -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let half = limit.map_or(usize::MAX, |files| {
        usize::try_from(files / 2).unwrap_or(usize::MAX)
    });
    wanted.min(half.max(1))
}

impl Connections {
    /// Room for `most` connections, of which one peer may have `most_per_peer`.
    #[must_use]
    pub fn new(most: usize, most_per_peer: usize) -> Self {
        Self::with_loopback(most, most_per_peer, most_per_peer)
    }

    /// As [`Connections::new`]; the programs of this machine, which share one address, may have `most_of_loopback`.
    #[must_use]
    pub fn with_loopback(most: usize, most_per_peer: usize, most_of_loopback: usize) -> Self {
        Self(Arc::new(Inner {
            most,
            most_per_peer,
            most_of_loopback,
            open: Mutex::default(),
        }))
    }

    /// Takes a place for a connection of `peer`.
    ///
    /// # Errors
    /// When there is none.
    pub fn admit(&self, peer: IpAddr) -> Result<Place, Refused> {
        let peer = peer.to_canonical();
        let own_limit = if peer.is_loopback() {
            self.0.most_of_loopback
        } else {
            self.0.most_per_peer
        };
        let mut open = self.lock();
        if open.all >= self.0.most {
            return Err(Refused::Full(self.0.most));
        }
        let own = open.by_peer.get(&peer).copied().unwrap_or(0);
        if own >= own_limit {
            return Err(Refused::PeerFull(own_limit));
        }
        open.all += 1;
        open.by_peer.insert(peer, own + 1);
        Ok(Place {
            connections: self.clone(),
            peer,
        })
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().all
    }

    /// True if none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.all -= 1;
        if let Some(own) = open.by_peer.get_mut(&self.peer) {
            *own -= 1;
            if *own == 0 {
                open.by_peer.remove(&self.peer);
            }
        }
    }
}

/// How much each peer may still send: a bucket of one second's worth that fills at the configured rate.
#[derive(Debug)]
pub struct Budgets {
    per_second: f64,
    left: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Budgets {
    /// Budgets of `per_second` messages; `None` where 0 stands for no bound.
    #[must_use]
    pub fn new(per_second: u32) -> Option<Self> {
        (per_second > 0).then(|| Self {
            per_second: f64::from(per_second),
            left: Mutex::default(),
        })
    }

    /// Takes `messages` from the budget of `peer`, which may run into debt, and tells how long that takes to pay off.
    #[must_use]
    pub fn spend(&self, peer: IpAddr, messages: usize) -> Duration {
        let left = self.change(peer, |left| left - messages as f64);
        Duration::from_secs_f64((-left).max(0.0) / self.per_second)
    }

    /// Takes one message from the budget of `peer`; false if there is none left.
    #[must_use]
    pub fn admit(&self, peer: IpAddr) -> bool {
        let mut admitted = false;
        self.change(peer, |left| {
            admitted = left >= 1.0;
            if admitted { left - 1.0 } else { left }
        });
        admitted
    }

    fn change(&self, peer: IpAddr, change: impl FnOnce(f64) -> f64) -> f64 {
        let now = Instant::now();
        let mut buckets = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_BUDGETS && !buckets.contains_key(&peer) {
            buckets.retain(|_, bucket| self.filled(bucket, now) < self.per_second);
            if buckets.len() >= MAX_BUDGETS {
                // So many peers at work at once: nobody's past is worth more than the bound on memory.
                buckets.clear();
            }
        }
        let full = Bucket {
            left: self.per_second,
            at: now,
        };
        let bucket = buckets.entry(peer).or_insert(full);
        let left = change(self.filled(bucket, now));
        *bucket = Bucket { left, at: now };
        left
    }

    fn filled(&self, bucket: &Bucket, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(bucket.at).as_secs_f64();
        seconds
            .mul_add(self.per_second, bucket.left)
            .min(self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn connections_are_bounded_in_all_and_per_peer() {
        let connections = Connections::new(3, 2);
        let first = connections.admit(ONE).unwrap();
        let _second = connections.admit(ONE).unwrap();
        assert_eq!(connections.admit(ONE).unwrap_err(), Refused::PeerFull(2));
        let _third = connections.admit(TWO).unwrap();
        assert_eq!(connections.admit(TWO).unwrap_err(), Refused::Full(3));
        drop(first);
        assert_eq!(connections.len(), 2);
        assert!(connections.admit(ONE).is_ok());
        assert!(
            connections.lock().by_peer.contains_key(&TWO),
            "who is gone is forgotten"
        );
    }

    #[test]
    fn this_machine_has_a_bound_of_its_own_however_its_address_is_written() {
        let connections = Connections::with_loopback(9, 1, 2);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let held = ["127.0.0.1", "::ffff:127.0.0.1"].map(|text| connections.admit(address(text)));
        assert!(held.iter().all(Result::is_ok));
        let third = connections.admit(address("127.0.0.1"));
        assert_eq!(third.unwrap_err(), Refused::PeerFull(2));
        drop(held);
        assert!(connections.is_empty() && connections.lock().by_peer.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_fills_again_and_is_each_peers_own() {
        let budgets = Budgets::new(10).unwrap();
        assert_eq!((0..20).filter(|_| budgets.admit(ONE)).count(), 10);
        assert!(budgets.admit(TWO));
        tokio::time::advance(Duration::from_millis(300)).await;
        assert_eq!((0..20).filter(|_| budgets.admit(ONE)).count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn debts_are_paid_off_with_time() {
        let budgets = Budgets::new(10).unwrap();
        assert_eq!(budgets.spend(ONE, 10), Duration::ZERO);
        assert_eq!(budgets.spend(ONE, 20), Duration::from_secs(2));
        assert!(Budgets::new(0).is_none());
    }
}
