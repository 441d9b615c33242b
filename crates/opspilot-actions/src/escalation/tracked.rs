//! How far the escalation of one incident has come. Everything here is a pure function of the time.

use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::incident::{IncidentId, Status};
use opspilot_core::storage::{CollectionSpec, IndexEntry, IndexSpec, Record};
use serde::{Deserialize, Serialize};

use super::policy::{Level, Policy, Rules};

/// The escalation of one incident, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tracked {
    pub(super) incident_id: IncidentId,
    pub(super) policy_id: String,
    /// When the incident arrived, or came back after it was resolved.
    pub(super) started_at: Timestamp,
    /// For how long it was acknowledged meanwhile, which does not count, in milliseconds.
    pub(super) paused_ms: u64,
    /// The level that was told last; 0 before the first.
    pub(super) level: u32,
    /// How many times that level was told.
    pub(super) told: u32,
    /// When it was told last, later by as long as the incident was acknowledged since.
    pub(super) told_at: Timestamp,
    pub(super) hold: Hold,
    /// When there is something to do next, if ever.
    pub(super) due_at: Option<Timestamp>,
}

/// Whether somebody has the incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(super) enum Hold {
    /// Nobody has.
    None,
    /// Somebody has acknowledged it.
    Acknowledged {
        /// Since when.
        since: Timestamp,
        /// When they last gave a sign: the acknowledgement, a comment or an assignment.
        sign: Timestamp,
    },
    /// Somebody has, but did not resolve it in time: it is escalated all the same.
    Overdue {
        /// Since when.
        since: Timestamp,
    },
}

/// What is to be told now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) level: u32,
    pub(super) notify: Vec<String>,
    /// Lower levels that were due too.
    pub(super) skipped: Vec<u32>,
    /// How many times the level was told before.
    pub(super) repetition: u32,
    pub(super) reason: String,
}

impl Tracked {
    /// The escalation of an incident that arrived at `started_at`.
    pub(super) fn start(id: IncidentId, policy: &Policy, started_at: Timestamp) -> Self {
        Self {
            incident_id: id,
            policy_id: policy.id.clone(),
            started_at,
            paused_ms: 0,
            level: 0,
            told: 0,
            told_at: started_at,
            hold: Hold::None,
            due_at: None,
        }
    }

    /// Takes down the incident's status, and when somebody gave the last sign that they have it.
    pub(super) fn follow(
        &mut self,
        status: Status,
        sign: Option<Timestamp>,
        rules: &Rules,
        now: Timestamp,
    ) {
        let is_held = rules.acknowledged_pauses && status == Status::Acknowledged;
        let sign = sign.map(|sign| sign.min(now));
        self.hold = match (self.hold, is_held) {
            (Hold::None, true) => {
                let since = sign.unwrap_or(now);
                Hold::Acknowledged { since, sign: since }
            }
            (Hold::Acknowledged { since, sign: last }, true) => Hold::Acknowledged {
                since,
                sign: sign.map_or(last, |sign| sign.max(last)),
            },
            (Hold::Overdue { since }, true) => match sign.filter(|sign| *sign > since) {
                Some(sign) => Hold::Acknowledged { since: sign, sign },
                None => Hold::Overdue { since },
            },
            (Hold::Acknowledged { since, .. }, false) => {
                self.resume(since, now);
                Hold::None
            }
            (Hold::None | Hold::Overdue { .. }, false) => Hold::None,
        };
    }

    /// Goes on if something is due, and says what is to be told. Afterwards `due_at` is later than `now`.
    pub(super) fn advance(
        &mut self,
        policy: &Policy,
        rules: &Rules,
        now: Timestamp,
    ) -> Option<Told> {
        let told = self.next(policy, rules, now);
        if told.is_some() {
            self.told_at = now;
        }
        self.due_at = self.due(policy, rules);
        told
    }

    fn next(&mut self, policy: &Policy, rules: &Rules, now: Timestamp) -> Option<Told> {
        let mut reason = None;
        if let Hold::Acknowledged { since, sign } = self.hold {
            let timeout = rules.acknowledge_timeout?;
            if sign.plus(timeout) > now {
                return None;
            }
            self.resume(since, now);
            self.hold = Hold::Overdue { since: now };
            reason = Some(format!(
                "acknowledged, but not resolved for {}",
                spoken(now.since(sign))
            ));
        }
        let due: Vec<_> = policy
            .above(self.level)
            .filter(|level| self.begins(level) <= now)
            .collect();
        if let Some((highest, lower)) = due.split_last() {
            let skipped = lower.iter().map(|level| level.number).collect();
            (self.level, self.told) = (highest.number, 0);
            let waited = spoken(now.since(self.started_at));
            let reason = reason.unwrap_or_else(|| format!("nobody took it for {waited}"));
            return Some(self.tell(highest, skipped, reason));
        }
        if let Some(reason) = reason {
            let level = policy.level(self.level).or_else(|| policy.levels.first())?;
            self.level = level.number;
            return Some(self.tell(level, Vec::new(), reason));
        }
        let level = policy.level(self.level)?;
        (self.repeats(level)? <= now).then(|| {
            let waited = spoken(now.since(self.started_at));
            self.tell(
                level,
                Vec::new(),
                format!("still nobody took it for {waited}"),
            )
        })
    }

    fn tell(&mut self, level: &Level, skipped: Vec<u32>, reason: String) -> Told {
        let repetition = self.told;
        self.told = self.told.saturating_add(1);
        Told {
            level: level.number,
            notify: level.notify.clone(),
            skipped,
            repetition,
            reason,
        }
    }

    /// When there is something to do next.
    pub(super) fn due(&self, policy: &Policy, rules: &Rules) -> Option<Timestamp> {
        if let Hold::Acknowledged { sign, .. } = self.hold {
            return rules.acknowledge_timeout.map(|timeout| sign.plus(timeout));
        }
        let next = policy
            .above(self.level)
            .map(|level| self.begins(level))
            .min();
        let again = policy
            .level(self.level)
            .and_then(|level| self.repeats(level));
        [next, again].into_iter().flatten().min()
    }

    fn begins(&self, level: &Level) -> Timestamp {
        self.started_at
            .plus(Duration::from_millis(self.paused_ms))
            .plus(level.after)
    }

    /// When the present level is told again, if it is.
    fn repeats(&self, level: &Level) -> Option<Timestamp> {
        let repeat = level.repeat?;
        (self.told <= repeat.limit).then(|| self.told_at.plus(repeat.interval))
    }

    /// Leaves the time since `since` out of account.
    fn resume(&mut self, since: Timestamp, now: Timestamp) {
        let paused = now.since(since);
        let millis = u64::try_from(paused.as_millis()).unwrap_or(u64::MAX);
        self.paused_ms = self.paused_ms.saturating_add(millis);
        if self.level > 0 {
            self.told_at = self.told_at.plus(paused);
        }
    }
}

impl Record for Tracked {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "tracked",
        indexes: &[
            IndexSpec {
                name: "due",
                prefix: 0,
            },
            IndexSpec {
                name: "started",
                prefix: 0,
            },
        ],
    };

    fn key(&self) -> String {
        self.incident_id.to_string()
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        let entry = |at: Timestamp| IndexEntry {
            prefix: Vec::new(),
            sort: at.as_millis(),
        };
        vec![self.due_at.map(entry), Some(entry(self.started_at))]
    }
}

/// A length of time for people: whole seconds below two minutes, then whole minutes, then whole hours.
fn spoken(length: Duration) -> String {
    match length.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}
