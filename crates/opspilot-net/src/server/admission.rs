//! How many connections there may be, in all and of one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use opspilot_core::metrics::Gauge;

use super::Limits;

/// Counts connections; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(super) struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    open: Gauge,
    counts: Mutex<Counts>,
}

/// Invariant: `all` is the sum of `by_address`, which has no zeros.
#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// The right to one connection, given back by dropping it.
#[derive(Debug)]
pub(super) struct Seat {
    admission: Admission,
    address: IpAddr,
}

impl Admission {
    /// Nobody is connected yet.
    pub(super) fn new(limits: Limits, open: Gauge) -> Self {
        let counts = Mutex::default();
        Self(Arc::new(Inner {
            limits,
            open,
            counts,
        }))
    }

    /// A seat for `address`, unless a limit is reached.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Seat> {
        let limits = &self.0.limits;
        let own_limit = if address.is_loopback() {
            limits.per_loopback
        } else {
            limits.per_address
        };
        let mut counts = self.lock();
        let own = counts.by_address.get(&address).copied().unwrap_or(0);
        if counts.all >= limits.connections || own >= own_limit {
            return None;
        }
        counts.all += 1;
        counts.by_address.insert(address, own + 1);
        self.0.open.inc();
        Some(Seat {
            admission: self.clone(),
            address,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// The limits of the connection.
    pub(super) fn limits(&self) -> Limits {
        self.admission.0.limits
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.admission.lock();
        counts.all -= 1;
        if let Some(own) = counts.by_address.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                counts.by_address.remove(&self.address);
            }
        }
        self.admission.0.open.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_limited_by_address_and_in_all_and_given_back() {
        let limits = Limits {
            connections: 4,
            per_address: 1,
            per_loopback: 3,
            ..Limits::default()
        };
        let admission = Admission::new(limits, Gauge::default());
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut local: Vec<_> = (0..3)
            .map(|_| admission.admit(address("127.0.0.1")))
            .collect();
        assert!(local.iter().all(Option::is_some));
        assert!(admission.admit(address("127.0.0.1")).is_none());
        let far = admission.admit(address("10.0.0.1"));
        assert!(far.is_some());
        assert!(
            admission.admit(address("10.0.0.2")).is_none(),
            "four in all"
        );
        local.pop();
        assert!(
            admission.admit(address("10.0.0.1")).is_none(),
            "one of each address"
        );
        assert!(admission.admit(address("10.0.0.2")).is_some());
        drop((local, far));
        assert_eq!(admission.0.open.get(), 0);
        assert!(admission.lock().by_address.is_empty());
    }
}
