//! How many connections there may be, in all and of one address.

use std::net::IpAddr;

use opspilot_core::metrics::Gauge;

use super::Limits;
use crate::peers::{Connections, Place, Refused};

/// Gives out seats.
#[derive(Debug)]
pub(super) struct Admission {
    limits: Limits,
    open: Gauge,
    connections: Connections,
}

/// The right to one connection, given back by dropping it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) limits: Limits,
    open: Gauge,
    _place: Place,
}

impl Admission {
    /// Nobody is connected yet.
    pub(super) fn new(limits: Limits, open: Gauge) -> Self {
        let connections =
            Connections::with_loopback(limits.connections, limits.per_address, limits.per_loopback);
        Self {
            limits,
            open,
            connections,
        }
    }

    /// A seat for `address`, unless a limit is reached.
    pub(super) fn admit(&self, address: IpAddr) -> Result<Seat, Refused> {
        let place = self.connections.admit(address)?;
        self.open.inc();
        Ok(Seat {
            limits: self.limits,
            open: self.open.clone(),
            _place: place,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.open.dec();
    }
}
