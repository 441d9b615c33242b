//! How the groups are, for the health.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use opspilot_core::module::{Context, HealthStatus};
use serde_json::json;

use super::config::Config;
use super::meters::Meters;

/// The cause under which it is told that no group can be read.
const ALL: &str = "groups";

/// The cause under which it is told that live tail does not ring.
const LIVE: &str = "live tail";

/// How the groups are.
#[derive(Debug)]
pub(super) struct Board<'a> {
    cx: &'a Context,
    groups: usize,
    states: Mutex<BTreeMap<String, State>>,
    sessions: Mutex<BTreeMap<usize, Session>>,
}

/// How a session of live tail is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Session {
    /// It is open.
    Open,
    /// It ended, and the next is opened soon.
    Over,
    /// It cannot be opened.
    Failing(String),
}

#[derive(Debug, Default)]
struct State {
    polls: u64,
    events: u64,
    errors: u64,
    last_error: Option<String>,
    is_failing: bool,
}

impl<'a> Board<'a> {
    pub(super) fn new(cx: &'a Context, config: &Config) -> Self {
        cx.health.detail("region", config.region.as_str());
        cx.health.detail("logGroups", config.log_groups.len());
        Self {
            cx,
            groups: config.log_groups.len(),
            states: Mutex::default(),
            sessions: Mutex::default(),
        }
    }

    /// How the session number `index` is. What is wrong with several is told once.
    pub(super) fn live(&self, index: usize, session: Session) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.insert(index, session);
        let health = &self.cx.health;
        let open = sessions
            .values()
            .filter(|session| **session == Session::Open);
        health.detail("liveSessions", open.count());
        let failing = sessions.values().find_map(|session| match session {
            Session::Failing(message) => Some(message.as_str()),
            Session::Open | Session::Over => None,
        });
        match failing {
            Some(message) => health.raise(LIVE, HealthStatus::Degraded, message),
            None => health.clear(LIVE),
        }
    }

    /// The group was read to its end.
    pub(super) fn fine(&self, group: &str, meters: &Meters) {
        self.cx.health.clear(&cause(group));
        self.change(group, meters, |state| {
            state.polls += 1;
            state.is_failing = false;
        });
    }

    /// The group waits because there were too many requests.
    pub(super) fn slowed(&self, group: &str, meters: &Meters, message: String) {
        let status = HealthStatus::Degraded;
        self.cx.health.raise(cause(group), status, message.clone());
        self.change(group, meters, |state| state.last_error = Some(message));
    }

    /// The group cannot be read.
    pub(super) fn failed(&self, group: &str, meters: &Meters, message: String) {
        let status = HealthStatus::Degraded;
        self.cx.health.raise(cause(group), status, message.clone());
        self.change(group, meters, |state| {
            state.last_error = Some(message);
            state.is_failing = true;
        });
    }

    fn change(&self, group: &str, meters: &Meters, change: impl FnOnce(&mut State)) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let state = states.entry(group.to_owned()).or_default();
        change(state);
        state.events = meters.events.get();
        state.errors = meters.errors.get() + meters.throttled.get();
        let health = &self.cx.health;
        let total = |of: fn(&State) -> u64| states.values().map(of).sum::<u64>();
        health.detail("totalEventsProcessed", total(|state| state.events));
        health.detail("totalErrors", total(|state| state.errors));
        health.detail("pollCycles", total(|state| state.polls));
        let shown = states.iter().map(|(group, state)| {
            let shown = json!({
                "eventsProcessed": state.events, "errors": state.errors, "lastError": state.last_error,
            });
            (group.clone(), shown)
        });
        health.detail("groupStates", serde_json::Value::Object(shown.collect()));
        let failing = states.values().filter(|state| state.is_failing).count();
        if failing == self.groups {
            let message = "none of the log groups can be read";
            health.raise(ALL, HealthStatus::Unhealthy, message);
        } else {
            health.clear(ALL);
        }
    }
}

fn cause(group: &str) -> String {
    format!("group {group}")
}
