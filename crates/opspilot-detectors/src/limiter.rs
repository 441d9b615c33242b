//! What happens to a match: an incident of its own, or a count on another one. The same for all detectors with rules.

use std::sync::Arc;
use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::event::IncidentCreated;
use opspilot_core::incident::{IncidentId, Severity};
use opspilot_core::signal::{Attributes, LogBatch, LogRecord, Sample};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::cap::{CapState, RateCap, Storm, is_within};
use crate::conditions::shown;
use crate::detector::{Finding, Reason};
use crate::tally::{Repeat, Tally};

/// How much of the matched line an incident shows, in bytes.
pub(crate) const LINE_LIMIT: usize = 64 << 10;

/// Cooldowns and cap over a detector's rules.
#[derive(Debug)]
pub(crate) struct Limiter {
    detector: &'static str,
    cap: RateCap,
    tally: Tally,
    created: u64,
    /// Where among the findings of this batch the storm is that started in it.
    storm_in_batch: Option<usize>,
}

/// What the limiter must know of a rule.
#[derive(Debug)]
pub(crate) struct RuleLimits {
    pub(crate) id: Arc<str>,
    pub(crate) severity: Severity,
    pub(crate) cooldown: Duration,
    pub(crate) auto_resolve_ms: Option<u64>,
    /// The rule's newest incident.
    pub(crate) newest: Option<Newest>,
}

/// The newest incident of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Newest {
    pub(crate) incident: IncidentId,
    pub(crate) stream: Arc<str>,
    pub(crate) position: u64,
    pub(crate) since: i64,
}

/// The record that matched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Match<'a> {
    pub(crate) now: Timestamp,
    pub(crate) batch: &'a LogBatch,
    pub(crate) record: LogRecord<'a>,
    pub(crate) origin: Origin<'a>,
}

/// What a match was found in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// The record at this index of the batch.
    Record(usize),
    /// A number that was read; the record shows it as text.
    Sample(&'a Sample),
}

impl Match<'_> {
    pub(crate) fn attributes(&self) -> Attributes {
        match self.origin {
            Origin::Record(index) => self.batch.attributes(index),
            Origin::Sample(sample) => {
                let mut attributes = self.batch.source().attributes.clone();
                attributes.extend(sample.attributes.clone());
                attributes
            }
        }
    }

    const fn event(&self) -> &'static str {
        match self.origin {
            Origin::Record(_) => "log.ingested",
            Origin::Sample(_) => "metric.sampled",
        }
    }
}

/// What an incident says.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) context: Map<String, Value>,
}

impl Limiter {
    pub(crate) fn new(detector: &'static str, per_minute: u32) -> Self {
        Self {
            detector,
            cap: RateCap::new(per_minute),
            tally: Tally::default(),
            created: 0,
            storm_in_batch: None,
        }
    }

    /// How many incidents were created.
    pub(crate) fn created(&self) -> u64 {
        self.created
    }

    /// Decides on a match and adds the incident, if there is one; `story` is called only then. Whatever is decided, the
    /// match is counted on exactly one incident.
    pub(crate) fn found(
        &mut self,
        rule: &mut RuleLimits,
        matched: Match<'_>,
        out: &mut Vec<Finding>,
        story: impl FnOnce() -> Story,
    ) {
        let Match {
            now, batch, record, ..
        } = matched;
        let stream = &batch.source().stream;
        let again = rule
            .newest
            .as_ref()
            .is_some_and(|newest| newest.is_from(stream, record.position));
        match &rule.newest {
            Some(newest) if !again && newest.is_cooling(now, rule.cooldown) => {
                let Newest { incident, .. } = newest;
                let (position, reason) = (record.position, Reason::Cooldown);
                self.tally.repeat(&Repeat {
                    incident,
                    position,
                    reason,
                    rule: &rule.id,
                });
            }
            _ if again || self.cap.admit(now) => {
                let incident = IncidentId::derive(self.detector, &rule.id, stream, record.position);
                rule.newest = Some(Newest {
                    incident: incident.clone(),
                    stream: Arc::clone(stream),
                    position: record.position,
                    since: now.as_millis(),
                });
                let mut event = self.event(
                    incident,
                    (rule.severity, rule.auto_resolve_ms),
                    matched,
                    story(),
                );
                event.context.insert("ruleId".into(), (&*rule.id).into());
                self.created += 1;
                out.push(Finding::Created {
                    position: record.position,
                    event,
                });
            }
            _ => self.hold_back(rule, matched, out),
        }
    }

    /// Adds the repetitions that were counted since the last call. Call it at the end of a batch.
    pub(crate) fn finish(&mut self, now: Timestamp, out: &mut Vec<Finding>) {
        self.storm_in_batch = None;
        self.tally.finish(now, out);
    }

    /// Counts a match that the cap holds back on the storm. Starts one if there is none, if the match is worse than what
    /// the storm told of, or if it is the one that started it, read again.
    fn hold_back(&mut self, rule: &RuleLimits, matched: Match<'_>, out: &mut Vec<Finding>) {
        let (position, stream) = (matched.record.position, &matched.batch.source().stream);
        let in_batch = self.storm_in_batch;
        if let Some(storm) = self.cap.storm(matched.now) {
            let again = storm.origin.2 == position
                && storm.origin.0 == rule.id
                && storm.origin.1 == *stream;
            let worse = rule.severity > storm.severity;
            if let (true, Some(Finding::Created { event, .. })) =
                (worse, in_batch.and_then(|index| out.get_mut(index)))
            {
                storm.severity = rule.severity;
                event.severity = rule.severity;
            }
            if !again && rule.severity <= storm.severity {
                let incident = &storm.incident;
                return self.tally.repeat(&Repeat {
                    incident,
                    position,
                    reason: Reason::RateCap,
                    rule: &rule.id,
                });
            }
        }
        self.start_storm(rule, matched, out);
    }

    fn start_storm(&mut self, rule: &RuleLimits, matched: Match<'_>, out: &mut Vec<Finding>) {
        let (position, stream) = (matched.record.position, &matched.batch.source().stream);
        // A detector id of its own keeps storms apart from the incidents of rules, whatever these are called.
        let family = format!("{} storm", self.detector);
        let incident = IncidentId::derive(&family, &rule.id, stream, position);
        let origin = (Arc::clone(&rule.id), Arc::clone(stream), position);
        self.cap.start_storm(
            Storm::new(incident.clone(), rule.severity, origin),
            matched.now,
        );
        let event = self.event(
            incident,
            (rule.severity, None),
            matched,
            self.storm_story(rule),
        );
        self.created += 1;
        self.storm_in_batch = Some(out.len());
        out.push(Finding::Created { position, event });
    }

    fn storm_story(&self, rule: &RuleLimits) -> Story {
        let cap = self.cap.per_minute();
        let mut context = Map::new();
        context.insert("cap".into(), cap.into());
        context.insert("rules".into(), json!({ &*rule.id: 1 }));
        Story {
            title: "More matches than maxIncidentsPerMinute allows".into(),
            description: format!(
                "Rules matched more often than the {cap} incidents a minute that `maxIncidentsPerMinute` allows. \
                 Further matches are counted here, by rule, until they are fewer for a minute."
            ),
            context,
        }
    }

    fn event(
        &self,
        incident_id: IncidentId,
        (severity, auto_resolve_ms): (Severity, Option<u64>),
        matched: Match<'_>,
        story: Story,
    ) -> IncidentCreated {
        let mut context = story.context;
        context.insert("logSource".into(), (&*matched.batch.source().name).into());
        if let Origin::Record(_) = matched.origin {
            context.insert("logLineNumber".into(), matched.record.number.into());
        }
        context.insert("stream".into(), (&*matched.batch.source().stream).into());
        context.insert("position".into(), matched.record.position.into());
        let attributes = shown(matched.attributes());
        if !attributes.is_empty() {
            context.insert("attributes".into(), attributes.into());
        }
        IncidentCreated {
            incident_id,
            title: story.title,
            description: story.description,
            severity,
            detected_by: self.detector.to_owned(),
            source_event: Some(matched.event().into()),
            detected_at: matched.now,
            occurrences: 1,
            last_seen_at: None,
            auto_resolve_ms,
            context,
        }
    }

    /// Counts nothing more on `incident`.
    pub(crate) fn forget<'r>(
        &mut self,
        incident: &IncidentId,
        rules: impl Iterator<Item = &'r mut RuleLimits>,
    ) {
        self.cap.forget(incident);
        for rule in rules {
            rule.newest.take_if(|newest| newest.incident == *incident);
        }
    }

    pub(crate) fn state(&self) -> CapState {
        self.cap.state().clone()
    }

    pub(crate) fn restore(&mut self, state: CapState) {
        self.cap.restore(state);
    }
}

impl Newest {
    /// True for the very record that the incident came from, which is then being read again.
    fn is_from(&self, stream: &str, position: u64) -> bool {
        self.position == position && *self.stream == *stream
    }

    fn is_cooling(&self, now: Timestamp, cooldown: Duration) -> bool {
        is_within(Timestamp::from_millis(self.since), now, cooldown)
    }
}
