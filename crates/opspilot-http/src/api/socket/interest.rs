//! What a client wants to be sent.

use opspilot_core::event::Envelope;
use opspilot_core::incident::Severity;
use serde::Deserialize;

use super::super::stream::Frame;

/// The types that a client is subscribed to, each with the filter of the message that asked for it last.
#[derive(Debug, Default)]
pub(super) struct Interests(Vec<(&'static str, Filter)>);

/// Lets an event through that says one of the values asked for, for each thing that is asked for. An event that does
/// not say it is not let through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) severities: Vec<Severity>,
    pub(super) incidents: Vec<String>,
    pub(super) modules: Vec<String>,
}

/// What filters ask of an event.
#[derive(Debug, Default)]
pub(in crate::api) struct Facts {
    severity: Option<Severity>,
    /// The incidents that the event names.
    incidents: Vec<String>,
    /// The module that published it.
    module: String,
}

/// The members of payloads that filters ask for; most types have only some.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Said {
    severity: Option<Severity>,
    incident_id: Option<String>,
    original_incident_id: Option<String>,
    suppressed_incident_id: Option<String>,
    root_incident_id: Option<String>,
}

impl Facts {
    /// What `envelope` says; nothing where it is damaged.
    pub(in crate::api) fn of(envelope: &Envelope) -> Self {
        let payload = envelope.raw_payload().map_or("", |payload| payload.get());
        let said: Said = serde_json::from_str(payload).unwrap_or_default();
        let incidents = [
            said.incident_id,
            said.original_incident_id,
            said.suppressed_incident_id,
            said.root_incident_id,
        ];
        Self {
            severity: said.severity,
            incidents: incidents.into_iter().flatten().collect(),
            module: envelope.source.to_string(),
        }
    }
}

impl Filter {
    fn is_open(&self) -> bool {
        self.severities.is_empty() && self.incidents.is_empty() && self.modules.is_empty()
    }

    fn lets(&self, facts: &Facts) -> bool {
        let severity = facts.severity.as_ref();
        let has_severity = severity.is_some_and(|severity| self.severities.contains(severity));
        let names_incident = facts.incidents.iter().any(|id| self.incidents.contains(id));
        (self.severities.is_empty() || has_severity)
            && (self.incidents.is_empty() || names_incident)
            && (self.modules.is_empty() || self.modules.contains(&facts.module))
    }
}

impl Interests {
    /// Adds types, or gives those that are there another filter.
    pub(super) fn add(&mut self, kinds: impl Iterator<Item = &'static str>, filter: &Filter) {
        for kind in kinds {
            self.0.retain(|(known, _)| *known != kind);
            self.0.push((kind, filter.clone()));
        }
    }

    /// Removes types.
    pub(super) fn remove(&mut self, kinds: &[String]) {
        self.0
            .retain(|(known, _)| !kinds.iter().any(|kind| kind == known));
    }

    /// The types, in the order in which they were asked for.
    pub(super) fn kinds(&self) -> Vec<&'static str> {
        self.0.iter().map(|(kind, _)| *kind).collect()
    }

    /// True if nothing is wanted.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if `frame` is wanted.
    pub(super) fn want(&self, frame: &Frame) -> bool {
        let asked = self.0.iter().find(|(kind, _)| *kind == frame.kind());
        asked.is_some_and(|(_, filter)| filter.is_open() || filter.lets(frame.facts()))
    }
}
