//! How many incidents a module may create in a minute, and where the rest is counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::incident::{IncidentId, Severity};
use serde::{Deserialize, Serialize};

/// The length of the sliding window.
pub(crate) const WINDOW: Duration = Duration::from_mins(1);

/// The largest cap.
pub(crate) const MAX_PER_MINUTE: u32 = 100_000;

/// True if `at` lies less than `span` before `now`. A time in the future, left by a clock that was set back, does not.
pub(crate) fn is_within(at: Timestamp, now: Timestamp, span: Duration) -> bool {
    at <= now && now.since(at) < span
}

/// Counts the incidents of the last minute over all rules.
#[derive(Debug)]
pub(crate) struct RateCap {
    per_minute: usize,
    state: CapState,
}

/// What a cap remembers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CapState {
    created: VecDeque<i64>,
    storm: Option<Storm>,
}

/// The incident that counts what the cap held back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Storm {
    /// The incident.
    pub(crate) incident: IncidentId,
    /// How bad the worst of the rules is that it told of when it started.
    pub(crate) severity: Severity,
    /// The rule, stream and position that it started with.
    pub(crate) origin: (Arc<str>, Arc<str>, u64),
    last: i64,
}

impl Storm {
    pub(crate) fn new(
        incident: IncidentId,
        severity: Severity,
        origin: (Arc<str>, Arc<str>, u64),
    ) -> Self {
        Self {
            incident,
            severity,
            origin,
            last: 0,
        }
    }
}

impl RateCap {
    /// A cap of `per_minute` incidents; 0 means none.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self {
            per_minute: per_minute as usize,
            state: CapState::default(),
        }
    }

    /// The cap.
    pub(crate) fn per_minute(&self) -> usize {
        self.per_minute
    }

    /// Takes a place for one more incident, if there is one.
    pub(crate) fn admit(&mut self, now: Timestamp) -> bool {
        if self.per_minute == 0 {
            return true;
        }
        let created = &mut self.state.created;
        while created
            .front()
            .is_some_and(|at| !is_within(Timestamp::from_millis(*at), now, WINDOW))
        {
            created.pop_front();
        }
        if created.len() >= self.per_minute {
            return false;
        }
        created.push_back(now.as_millis());
        true
    }

    /// The storm that a held-back match is counted on, if one is going on.
    pub(crate) fn storm(&mut self, now: Timestamp) -> Option<&mut Storm> {
        let storm = self
            .state
            .storm
            .take_if(|storm| is_within(Timestamp::from_millis(storm.last), now, WINDOW))?;
        Some(self.state.storm.insert(Storm {
            last: now.as_millis(),
            ..storm
        }))
    }

    /// Starts a storm. It lasts until no match was held back for a whole window.
    pub(crate) fn start_storm(&mut self, storm: Storm, now: Timestamp) {
        self.state.storm = Some(Storm {
            last: now.as_millis(),
            ..storm
        });
    }

    /// Ends the storm that counts on `incident`.
    pub(crate) fn forget(&mut self, incident: &IncidentId) {
        self.state
            .storm
            .take_if(|storm| storm.incident == *incident);
    }

    /// What the cap remembers.
    pub(crate) fn state(&self) -> &CapState {
        &self.state
    }

    /// Continues from `state`.
    pub(crate) fn restore(&mut self, state: CapState) {
        self.state = state;
    }
}

/// How many matches each rule contributed.
pub(crate) type ByRule = BTreeMap<String, u64>;
