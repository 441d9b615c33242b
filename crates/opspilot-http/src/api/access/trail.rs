//! What the audit log is told of refusals, in such numbers that a flood of them cannot fill the disk.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::error::chain;
use opspilot_core::resilience::{Decision, SlidingWindow};
use opspilot_core::safety::audit::Record;
use tokio::time::Instant;
use tracing::info;

use super::super::rate::client;
use super::super::state::State;

/// How many refusals of one address are written in a minute; the next one that is written tells how many were not.
const PER_MINUTE: usize = 20;

const WINDOW: Duration = Duration::from_mins(1);

/// How many refusals are written in a minute of all addresses together.
const PER_MINUTE_OF_ALL: usize = 200;

/// How many addresses have a count of their own; all further ones share one.
const CLIENTS: usize = 256;

/// Counts what is written of refusals.
#[derive(Debug)]
pub(in crate::api) struct Trail {
    started: Instant,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    own: HashMap<IpAddr, Written>,
    shared: Written,
    all: SlidingWindow,
}

#[derive(Debug)]
struct Written {
    window: SlidingWindow,
    left_out: u64,
}

/// A request that was refused. It never holds the credential.
#[derive(Debug, Clone)]
pub(in crate::api) struct Entry {
    pub(in crate::api) action: &'static str,
    pub(in crate::api) address: IpAddr,
    /// Whoever it was; empty if that is not known.
    pub(in crate::api) subject: String,
    pub(in crate::api) reason: String,
    /// Method and path of the row.
    pub(in crate::api) route: String,
}

impl Default for Trail {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            table: Mutex::new(Table {
                own: HashMap::new(),
                shared: Written::default(),
                all: SlidingWindow::new(PER_MINUTE_OF_ALL, WINDOW),
            }),
        }
    }
}

impl Default for Written {
    fn default() -> Self {
        Self {
            window: SlidingWindow::new(PER_MINUTE, WINDOW),
            left_out: 0,
        }
    }
}

impl Trail {
    /// Writes a refusal, unless its address has had enough of them written. The answer does not wait for that.
    pub(in crate::api) fn write(&self, state: &State, refusal: Entry) {
        let Some(left_out) = self.admit(refusal.address) else {
            return;
        };
        let Entry {
            action,
            address,
            subject,
            reason,
            route,
        } = refusal;
        let address = address.to_string();
        info!(
            action,
            address, subject, reason, route, left_out, "request refused"
        );
        let Some(access) = &state.cx.access else {
            return;
        };
        let actor = match subject.as_str() {
            "" => format!("anonymous@{address}"),
            _ => subject,
        };
        let record = Record::new(action, actor)
            .target(route)
            .detail("reason", reason)
            .detail("address", address);
        let record = match left_out {
            0 => record,
            _ => record.detail("leftOut", left_out),
        };
        let credentials = access.credentials.clone();
        state.aside("refusal", async move {
            let written = credentials.note_refusal(record).await;
            written.map_err(|error| chain(&error))
        });
    }

    /// How many refusals were left out before this one; `None` if this one is left out as well.
    fn admit(&self, address: IpAddr) -> Option<u64> {
        let elapsed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let now = Timestamp::from_millis(elapsed);
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.admit(client(address), now)
    }
}

impl Table {
    fn admit(&mut self, client: IpAddr, now: Timestamp) -> Option<u64> {
        if self.own.len() >= CLIENTS && !self.own.contains_key(&client) {
            self.forget(now);
        }
        let Self { own, shared, all } = self;
        let written = match own.len() < CLIENTS || own.contains_key(&client) {
            true => own.entry(client).or_default(),
            false => shared,
        };
        let is_admitted =
            |window: &mut SlidingWindow| matches!(window.admit(now), Decision::Admitted { .. });
        if is_admitted(&mut written.window) && is_admitted(all) {
            return Some(std::mem::take(&mut written.left_out));
        }
        written.left_out += 1;
        None
    }

    /// Makes room. What was left out of those that go is told with the shared count.
    fn forget(&mut self, now: Timestamp) {
        let Self { own, shared, .. } = self;
        own.retain(|_, written| {
            let is_idle = written.window.is_idle(now);
            if is_idle {
                shared.left_out += written.left_out;
            }
            !is_idle
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_written_as_a_count() {
        let trail = Trail::default();
        let address = "10.0.0.1".parse().unwrap();
        let written = (0..1_000)
            .filter(|_| trail.admit(address).is_some())
            .count();
        assert_eq!(written, PER_MINUTE);
        assert_eq!(trail.admit("10.0.0.2".parse().unwrap()), Some(0));
        tokio::time::advance(WINDOW).await;
        assert_eq!(trail.admit(address), Some(980));
        assert_eq!(trail.admit(address), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn many_addresses_together_write_no_more_than_all_may() {
        let trail = Trail::default();
        let addresses = (0..10_000u32).map(|n| IpAddr::V4((0x0a00_0000 + n).into()));
        let written = addresses
            .filter(|address| trail.admit(*address).is_some())
            .count();
        assert_eq!(written, PER_MINUTE_OF_ALL);
        assert_eq!(trail.table.lock().unwrap().own.len(), CLIENTS);
        tokio::time::advance(WINDOW).await;
        let later = (0..100u32).map(|n| IpAddr::V4((0x0b00_0000 + n).into()));
        assert_eq!(
            later
                .filter(|address| trail.admit(*address) == Some(0))
                .count(),
            100
        );
    }
}
