//! Collects the findings of one batch, so that an incident is repeated at most once in it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use opspilot_core::clock::Timestamp;
use opspilot_core::event::IncidentRepeated;
use opspilot_core::incident::IncidentId;

use crate::cap::ByRule;
use crate::detector::{Finding, Reason};

/// The repetitions of one batch.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    repeated: Vec<Repeated>,
    by_incident: HashMap<IncidentId, usize>,
}

#[derive(Debug)]
struct Repeated {
    incident: IncidentId,
    position: u64,
    count: u64,
    by_rule: ByRule,
    reason: Reason,
    rule: Arc<str>,
}

/// One match that repeats an incident.
#[derive(Debug)]
pub(crate) struct Repeat<'a> {
    pub(crate) incident: &'a IncidentId,
    pub(crate) position: u64,
    pub(crate) reason: Reason,
    pub(crate) rule: &'a Arc<str>,
}

impl Tally {
    /// Counts one more match.
    pub(crate) fn repeat(&mut self, repeat: &Repeat<'_>) {
        let index = match self.by_incident.get(repeat.incident) {
            Some(index) => *index,
            None => self.start(repeat),
        };
        let Some(entry) = self.repeated.get_mut(index) else {
            return;
        };
        entry.count += 1;
        entry.position = repeat.position;
        if !Arc::ptr_eq(&entry.rule, repeat.rule) {
            entry.rule = Arc::clone(repeat.rule);
        }
        if repeat.reason == Reason::RateCap {
            match entry.by_rule.get_mut(&**repeat.rule) {
                Some(count) => *count += 1,
                None => drop(entry.by_rule.insert(repeat.rule.to_string(), 1)),
            }
        }
    }

    fn start(&mut self, repeat: &Repeat<'_>) -> usize {
        let index = self.repeated.len();
        self.by_incident.insert(repeat.incident.clone(), index);
        self.repeated.push(Repeated {
            incident: repeat.incident.clone(),
            position: repeat.position,
            count: 0,
            by_rule: BTreeMap::new(),
            reason: repeat.reason,
            rule: Arc::clone(repeat.rule),
        });
        index
    }

    /// Adds the repetitions to `out` and starts afresh.
    pub(crate) fn finish(&mut self, now: Timestamp, out: &mut Vec<Finding>) {
        self.by_incident.clear();
        out.extend(self.repeated.drain(..).map(|entry| Finding::Repeated {
            position: entry.position,
            event: IncidentRepeated {
                incident_id: entry.incident,
                occurrences: entry.count,
                last_seen_at: now,
                by_rule: entry.by_rule,
            },
            reason: entry.reason,
            rule: entry.rule,
        }));
    }
}
