//! Where an event stands in a trace, as OpenTelemetry understands it.
//!
//! All events of an incident are one trace, whose id is the incident's. `incident.created` is its first span, and its id
//! is the second half of the incident's; all other events name it as their parent. So a place in a trace follows from
//! what an event says anyway: nothing has to be stored or carried, and it is the same after a restart and on another
//! machine. An event that is about no incident is a trace of its own.

use std::fmt;

use tracing::{Span, debug_span};
use uuid::Uuid;

use super::{Envelope, Event as _, IncidentCreated};

/// The target of the spans of events. There is one for each event and delivery, so whoever collects spans should let
/// them be made only while somebody wants them; their level is DEBUG.
pub const TARGET: &str = "opspilot_core::event::trace";

/// A place in a trace. Its text is the value of the header `traceparent`, version 00, sampled.
/// Source: <https://www.w3.org/TR/trace-context/#traceparent-header>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TracePlace {
    trace: Uuid,
    span: u64,
}

impl TracePlace {
    /// The id of the trace.
    #[must_use]
    pub const fn trace_id(&self) -> [u8; 16] {
        *self.trace.as_bytes()
    }

    /// The id of the span.
    #[must_use]
    pub const fn span_id(&self) -> [u8; 8] {
        self.span.to_be_bytes()
    }

    /// Reads the text of a place; `None` for any other text, and for ids of zeros, which stand for no place.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (trace, span) = text.strip_prefix("00-")?.split_once('-')?;
        let (span, flags) = span.split_once('-')?;
        let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if [trace.len(), span.len(), flags.len()] != [32, 16, 2] || !is_hex(span) {
            return None;
        }
        let place = Self {
            trace: Uuid::try_parse(trace).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
        };
        (!place.trace.is_nil() && place.span != 0).then_some(place)
    }
}

impl fmt::Display for TracePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{:016x}-01", self.trace.simple(), self.span)
    }
}

impl Envelope {
    /// Where the event stands in a trace.
    #[must_use]
    pub fn trace(&self) -> TracePlace {
        match self.incident_trace() {
            Some(root) if self.kind() == IncidentCreated::TYPE => root,
            Some(TracePlace { trace, .. }) => self.own_place(trace),
            None => self.own_place(self.id.uuid()),
        }
    }

    /// The place of the event that it follows; `None` for the first of a trace.
    #[must_use]
    pub fn trace_parent(&self) -> Option<TracePlace> {
        self.incident_trace().filter(|root| *root != self.trace())
    }

    /// A span that lasts while the event is stored.
    pub(crate) fn storing(&self) -> Span {
        let parent = self.trace_parent().map(tracing::field::display);
        debug_span!(
            target: TARGET,
            parent: None,
            "store",
            otel.name = self.kind(),
            otel.kind = "producer",
            otel.place = %self.trace(),
            otel.parent = parent,
            event = %self.id,
            module = &*self.source,
        )
    }

    /// A span that lasts while the event is delivered to somebody outside of this program. Record `otel.status_code` as
    /// `ERROR` where it fails.
    #[must_use]
    pub fn delivering(&self, consumer: &str) -> Span {
        debug_span!(
            target: TARGET,
            parent: None,
            "deliver",
            otel.name = format_args!("deliver {}", self.kind()),
            otel.kind = "consumer",
            otel.parent = %self.trace(),
            otel.status_code = tracing::field::Empty,
            event = %self.id,
            consumer,
        )
    }

    /// The first place in the trace of the incident that the event is about.
    fn incident_trace(&self) -> Option<TracePlace> {
        let trace = Uuid::try_parse(self.correlation_id.as_deref()?).ok()?;
        let (_, span) = trace.as_u64_pair();
        (span != 0).then_some(TracePlace { trace, span })
    }

    fn own_place(&self, trace: Uuid) -> TracePlace {
        let (_, span) = self.id.uuid().as_u64_pair();
        TracePlace { trace, span }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ActionDenied;
    use super::*;

    const INCIDENT: &str = "0af76519-16cd-83dd-8448-eb211c80319c";
    const EVENT: &str = "019a0000-0000-7000-8000-000000000007";

    fn event(kind: &str, correlation: &str) -> Envelope {
        let json = format!(
            r#"{{"id":"{EVENT}","type":"{kind}","source":"m","timestamp":"2026-01-01T00:00:00.000Z"{correlation},"payload":{{}}}}"#
        );
        Envelope::parse(1, &json).unwrap()
    }

    fn about_incident(kind: &str) -> Envelope {
        event(kind, &format!(r#","correlationId":"{INCIDENT}""#))
    }

    #[test]
    fn all_events_of_an_incident_are_one_trace() {
        let created = about_incident("incident.created");
        let root = "00-0af7651916cd83dd8448eb211c80319c-8448eb211c80319c-01";
        assert_eq!(created.trace().to_string(), root);
        assert_eq!(created.trace_parent(), None);
        let updated = about_incident("incident.updated");
        let place = "00-0af7651916cd83dd8448eb211c80319c-8000000000000007-01";
        assert_eq!(updated.trace().to_string(), place);
        assert_eq!(updated.trace_parent(), Some(created.trace()));
    }

    #[test]
    fn what_is_done_for_an_incident_is_in_its_trace() {
        let mut denied = ActionDenied {
            request_id: "p".into(),
            denied_by: "ann".into(),
            reason: None,
            incident_id: Some(INCIDENT.into()),
        };
        assert_eq!(denied.correlation_id(), Some(INCIDENT));
        denied.incident_id = None;
        assert_eq!(denied.correlation_id(), None);
    }

    #[test]
    fn an_event_about_no_incident_is_a_trace_of_its_own() {
        for correlation in ["", r#","correlationId":"not a uuid""#] {
            let event = event("module.lifecycle", correlation);
            let place = "00-019a0000000070008000000000000007-8000000000000007-01";
            assert_eq!(event.trace().to_string(), place);
            assert_eq!(event.trace_parent(), None);
        }
    }

    #[test]
    fn a_place_is_read_as_it_is_written_and_nothing_else_is() {
        let place = about_incident("incident.updated").trace();
        let text = place.to_string();
        assert_eq!(TracePlace::parse(&text), Some(place));
        let zeros = "00-0af7651916cd83dd8448eb211c80319c-0000000000000000-01";
        let signed = "00-0af7651916cd83dd8448eb211c80319c-+448eb211c80319c-01";
        let short = text.get(..54).unwrap();
        for wrong in ["", "00", short, zeros, signed, &format!("{text}-")] {
            assert_eq!(TracePlace::parse(wrong), None, "{wrong}");
        }
    }
}
