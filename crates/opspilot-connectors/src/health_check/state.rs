//! What is known of one endpoint, and what is told of it. No time passes here: it is passed in.

use std::collections::VecDeque;

use super::config::{CheckedEndpoint, Flapping};
use super::probe::Outcome;

/// How an endpoint is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Status {
    /// Not known yet.
    #[default]
    Unknown,
    /// Up.
    Healthy,
    /// Up, but slow, or with a certificate that ends soon.
    Degraded,
    /// Down.
    Unhealthy,
}

impl Status {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// What a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Failure,
    Degraded,
    Recovery,
    Flapping,
}

/// A line about an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// When things are told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Telling {
    pub(super) reminder_ms: u64,
    pub(super) flapping: Flapping,
}

/// What is known of one endpoint.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) status: Status,
    pub(super) is_flapping: bool,
    /// Failures in a row.
    pub(super) fails: u32,
    pub(super) last_response_ms: Option<u64>,
    /// What is wrong, if anything is.
    pub(super) trouble: Option<String>,
    /// Probes in a row that found it up, that were all well, and that were not.
    up: u32,
    well: u32,
    warned: u32,
    changes: VecDeque<u64>,
    told_at: u64,
}

impl State {
    /// Takes in how a probe at `now` (in milliseconds) ended, and says what to tell.
    pub(super) fn observe(
        &mut self,
        now: u64,
        (endpoint, telling): (&CheckedEndpoint, Telling),
        outcome: &Outcome,
    ) -> Vec<Line> {
        let before = self.status;
        self.last_response_ms = Some(outcome.response_ms);
        self.count(outcome);
        self.status = self.next(endpoint, outcome);
        self.trouble = match &outcome.result {
            Ok(warning) if self.status == Status::Degraded => {
                warning.clone().or_else(|| self.trouble.take())
            }
            Err(failure) => Some(failure.to_string()),
            // Down until it was up often enough: what was wrong last is still the reason.
            Ok(_) if self.status == Status::Unhealthy => self.trouble.take(),
            Ok(_) => None,
        };
        let has_changed = before != self.status && before != Status::Unknown;
        let lines = self.damp(now, has_changed, (endpoint, telling));
        if self.is_flapping || !lines.is_empty() {
            return lines;
        }
        self.tell(now, before, (endpoint, telling), outcome)
    }

    fn count(&mut self, outcome: &Outcome) {
        let next = |count: u32, is_met: bool| if is_met { count.saturating_add(1) } else { 0 };
        let (is_up, is_well) = (outcome.result.is_ok(), outcome.result == Ok(None));
        self.fails = next(self.fails, !is_up);
        self.up = next(self.up, is_up);
        self.well = next(self.well, is_well);
        self.warned = next(self.warned, is_up && !is_well);
    }

    fn next(&self, endpoint: &CheckedEndpoint, outcome: &Outcome) -> Status {
        if outcome.result.is_err() {
            let is_down = self.fails >= endpoint.failures;
            return if is_down {
                Status::Unhealthy
            } else {
                self.status
            };
        }
        match self.status {
            Status::Unhealthy if self.up < endpoint.successes => Status::Unhealthy,
            _ if self.warned >= endpoint.failures => Status::Degraded,
            Status::Degraded if self.well < endpoint.successes => Status::Degraded,
            _ => Status::Healthy,
        }
    }

    /// Counts changes, and tells once that there are too many and once how it settled.
    fn damp(
        &mut self,
        now: u64,
        has_changed: bool,
        (endpoint, telling): (&CheckedEndpoint, Telling),
    ) -> Vec<Line> {
        let Flapping { changes, window_ms } = telling.flapping;
        if changes == 0 {
            return Vec::new();
        }
        if has_changed {
            self.changes.push_back(now);
        }
        while self.changes.front().is_some_and(|at| at + window_ms <= now) {
            self.changes.pop_front();
        }
        let seen = self.changes.len();
        if !self.is_flapping && seen >= changes {
            self.is_flapping = true;
            let text = format!(
                "[HEALTH_CHECK] [FLAPPING] {} ({}): changed {seen} times within {} s; more is told when it has settled",
                endpoint.name,
                endpoint.url,
                window_ms / 1000
            );
            self.told_at = now;
            return vec![Line {
                kind: Kind::Flapping,
                text,
            }];
        }
        if self.is_flapping && seen <= changes / 2 {
            self.is_flapping = false;
            return vec![self.settled(now, endpoint)];
        }
        // Invariant: as many changes as make it flap are the most that are kept.
        while self.changes.len() > changes {
            self.changes.pop_front();
        }
        Vec::new()
    }

    fn settled(&mut self, now: u64, endpoint: &CheckedEndpoint) -> Line {
        match self.status {
            Status::Unhealthy => self.failure(now, endpoint),
            Status::Degraded => self.degraded(now, endpoint),
            Status::Unknown | Status::Healthy => self.recovery(now, endpoint, "is reachable again"),
        }
    }

    fn tell(
        &mut self,
        now: u64,
        before: Status,
        (endpoint, telling): (&CheckedEndpoint, Telling),
        outcome: &Outcome,
    ) -> Vec<Line> {
        let is_due = now >= self.told_at.saturating_add(telling.reminder_ms);
        let mut lines = Vec::new();
        match (before, self.status) {
            (Status::Unhealthy, Status::Unhealthy) if outcome.result.is_err() && is_due => {
                lines.push(self.failure(now, endpoint));
            }
            (Status::Degraded, Status::Degraded) if outcome.result.is_ok() && is_due => {
                lines.push(self.degraded(now, endpoint));
            }
            (before, after) if before == after => {}
            (_, Status::Unhealthy) => lines.push(self.failure(now, endpoint)),
            (before, after) => {
                if before == Status::Unhealthy {
                    lines.push(self.recovery(now, endpoint, "is reachable again"));
                } else if before == Status::Degraded {
                    lines.push(self.recovery(now, endpoint, "is well again"));
                }
                if after == Status::Degraded {
                    lines.push(self.degraded(now, endpoint));
                }
            }
        }
        lines
    }

    fn failure(&mut self, now: u64, endpoint: &CheckedEndpoint) -> Line {
        self.told_at = now;
        let (CheckedEndpoint { name, url, .. }, trouble) = (endpoint, self.shown_trouble());
        let text = format!(
            "[HEALTH_CHECK] [FAILURE] {name} ({url}): {trouble} (attempt {})",
            self.fails
        );
        Line {
            kind: Kind::Failure,
            text,
        }
    }

    fn degraded(&mut self, now: u64, endpoint: &CheckedEndpoint) -> Line {
        self.told_at = now;
        let (CheckedEndpoint { name, url, .. }, trouble) = (endpoint, self.shown_trouble());
        Line {
            kind: Kind::Degraded,
            text: format!("[HEALTH_CHECK] [DEGRADED] {name} ({url}): {trouble}"),
        }
    }

    fn recovery(&mut self, now: u64, endpoint: &CheckedEndpoint, what: &str) -> Line {
        self.told_at = now;
        let (CheckedEndpoint { name, url, .. }, ms) =
            (endpoint, self.last_response_ms.unwrap_or(0));
        Line {
            kind: Kind::Recovery,
            text: format!("[HEALTH_CHECK] [RECOVERY] {name} ({url}) {what} ({ms}ms)"),
        }
    }

    fn shown_trouble(&self) -> &str {
        self.trouble.as_deref().unwrap_or("is not well")
    }
}

#[cfg(test)]
mod tests;
