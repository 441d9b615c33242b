//! The series of one rule: one for each set of attributes that its samples have.

use std::collections::BTreeMap;
use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::event::IncidentCleared;
use opspilot_core::incident::IncidentId;
use opspilot_core::signal::Attributes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ID;
use super::series::Series;
use crate::conditions::find;
use crate::detector::Finding;
use crate::limiter::{Match, Newest, Origin};

/// How many open incidents a series remembers to clear; the oldest are forgotten first.
const MAX_OPEN: usize = 100;

/// The longest key of a series, in bytes.
const KEY_LIMIT: usize = 1 << 10;

/// The series of a rule, by key.
#[derive(Debug, Default)]
pub(super) struct Groups {
    all: BTreeMap<String, Group>,
    /// When those are looked for that say nothing any more.
    prune_at: Option<Timestamp>,
    /// Until when there is no room, whoever asks.
    full_until: Option<Timestamp>,
}

/// One series and the incidents that it led to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Group {
    pub(super) series: Series,
    /// Incidents that are to be cleared.
    pub(super) open: Vec<IncidentId>,
    pub(super) newest: Option<Newest>,
    /// When the last sample came, in milliseconds.
    last: i64,
}

/// How many series there may be, and how long one that is silent is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) count: usize,
    pub(super) silence: Duration,
}

/// The attributes that tell the series of a sample: those named by `names`, or all that the sample itself has. A rule
/// about lines that names none has one series.
pub(super) fn about(names: Option<&[String]>, matched: &Match<'_>) -> Attributes {
    let Some(names) = names else {
        return match matched.origin {
            Origin::Record(_) => Attributes::new(),
            Origin::Sample(sample) => sample.attributes.clone(),
        };
    };
    if names.is_empty() {
        return Attributes::new();
    }
    named(names, &matched.attributes())
}

/// What `all` has under each of `names`; null where it has nothing.
pub(super) fn named(names: &[String], all: &Attributes) -> Attributes {
    let named = |name: &String| {
        let value = find(name, all).cloned();
        (name.clone(), value.unwrap_or(Value::Null))
    };
    names.iter().map(named).collect()
}

/// The attributes as texts show them.
pub(super) fn shown(about: &Attributes) -> String {
    let pairs = about.iter().map(|(name, value)| match value {
        Value::String(text) => format!("{name}={text}"),
        value => format!("{name}={value}"),
    });
    pairs.collect::<Vec<_>>().join(" ")
}

impl Groups {
    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The series of what `about` tells, for a sample at `now`; `None` if there is no room for a new one.
    pub(super) fn enter(
        &mut self,
        about: &Attributes,
        now: Timestamp,
        bounds: Bounds,
    ) -> Option<&mut Group> {
        let key = if about.is_empty() {
            String::new()
        } else {
            serde_json::to_string(about).ok()?
        };
        if !self.all.contains_key(&key) && (key.len() > KEY_LIMIT || !self.has_room(now, bounds)) {
            return None;
        }
        let group = self.all.entry(key).or_default();
        group.last = now.as_millis();
        Some(group)
    }

    /// Counts nothing more on `incident`.
    pub(super) fn forget(&mut self, incident: &IncidentId) {
        for group in self.all.values_mut() {
            group.open.retain(|open| open != incident);
            group.newest.take_if(|newest| newest.incident == *incident);
        }
    }

    /// The series as they are stored.
    pub(super) const fn stored(&self) -> &BTreeMap<String, Group> {
        &self.all
    }

    /// What was stored.
    pub(super) fn restore(mut all: BTreeMap<String, Group>) -> Self {
        for group in all.values_mut() {
            group.series.add_up();
        }
        Self {
            all,
            ..Self::default()
        }
    }

    /// Makes room for one more, if it can: first by letting go of what is silent and has no incident to clear, then of
    /// what is silent for longest.
    fn has_room(&mut self, now: Timestamp, bounds: Bounds) -> bool {
        let oldest = now.minus(bounds.silence).as_millis();
        // One from the future is from before the clock was set back.
        let last = |group: &Group| {
            if group.last > now.as_millis() {
                i64::MIN
            } else {
                group.last
            }
        };
        // A clock that was set back starts anew.
        let is_before = |moment: Option<Timestamp>| {
            moment.is_some_and(|moment| now < moment && moment <= now.plus(bounds.silence))
        };
        if !is_before(self.prune_at) {
            self.prune_at = Some(now.plus(bounds.silence));
            self.all
                .retain(|_, group| last(group) >= oldest || !group.open.is_empty());
        }
        if self.all.len() < bounds.count {
            return true;
        }
        if is_before(self.full_until) {
            return false;
        }
        let silent = self.all.iter().map(|(key, group)| (last(group), key));
        let Some((last, key)) = silent.min().map(|(last, key)| (last, key.clone())) else {
            return false;
        };
        if last >= oldest {
            self.full_until = Some(Timestamp::from_millis(last).plus(bounds.silence));
            return false;
        }
        self.all.remove(&key);
        true
    }
}

impl Group {
    /// One of which nothing is known since the epoch.
    pub(super) const fn new(series: Series, open: Vec<IncidentId>, newest: Option<Newest>) -> Self {
        Self {
            series,
            open,
            newest,
            last: 0,
        }
    }

    /// Remembers the incident that is to be cleared, if `findings` has one of the series.
    pub(super) fn opened(&mut self, findings: &[Finding]) {
        for finding in findings {
            if let Finding::Created { event, .. } = finding
                && self
                    .newest
                    .as_ref()
                    .is_some_and(|newest| newest.incident == event.incident_id)
                && !self.open.contains(&event.incident_id)
            {
                self.open.truncate(MAX_OPEN - 1);
                self.open.insert(0, event.incident_id.clone());
            }
        }
    }

    /// The incidents of the series are over.
    pub(super) fn calm(
        &mut self,
        (now, position): (Timestamp, u64),
        reason: &str,
        out: &mut Vec<Finding>,
    ) {
        if self.open.is_empty() {
            return;
        }
        let cleared = |incident_id| Finding::Cleared {
            position: Some(position),
            event: IncidentCleared {
                incident_id,
                cleared_by: ID.into(),
                reason: reason.to_owned(),
                cleared_at: now,
            },
        };
        out.extend(self.open.drain(..).rev().map(cleared));
        // The next breach is a new incident, however soon it comes.
        self.newest = None;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        count: 2,
        silence: Duration::from_secs(10),
    };

    fn attributes(value: Value) -> Attributes {
        serde_json::from_value(value).unwrap()
    }

    fn enter(groups: &mut Groups, name: &str, seconds: i64) -> bool {
        let about = attributes(json!({ "mount": name }));
        let now = Timestamp::from_millis(seconds * 1000);
        groups.enter(&about, now, BOUNDS).is_some()
    }

    #[test]
    fn the_silent_make_room_and_the_others_stay() {
        let mut groups = Groups::default();
        assert!(enter(&mut groups, "a", 0) && enter(&mut groups, "b", 5));
        assert!(!enter(&mut groups, "c", 5));
        assert!(enter(&mut groups, "b", 9) && !enter(&mut groups, "c", 10));
        assert!(enter(&mut groups, "c", 11), "a was silent for 11 s");
        assert!(enter(&mut groups, "b", 11) && !enter(&mut groups, "a", 12));
        assert_eq!(groups.len(), 2);
    }

    #[test]
    fn one_with_an_incident_to_clear_goes_last() {
        let mut groups = Groups::default();
        let about = attributes(json!({ "mount": "a" }));
        let group = groups.enter(&about, Timestamp::UNIX_EPOCH, BOUNDS);
        group.unwrap().open.push(IncidentId::from("x".to_owned()));
        assert!(enter(&mut groups, "b", 1));
        assert!(enter(&mut groups, "c", 20));
        assert!(groups.stored().contains_key(r#"{"mount":"a"}"#));
        assert!(enter(&mut groups, "d", 20));
        assert!(!groups.stored().contains_key(r#"{"mount":"a"}"#));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_lock_the_door() {
        let mut groups = Groups::default();
        assert!(enter(&mut groups, "a", 1_000_000) && enter(&mut groups, "b", 1_000_000));
        assert!(!enter(&mut groups, "c", 1_000_000));
        assert!(enter(&mut groups, "c", 0));
    }

    #[test]
    fn a_key_is_bounded() {
        assert!(!enter(&mut Groups::default(), &"x".repeat(KEY_LIMIT), 0));
    }
}
