//! Batches of lines and numbers.

use std::sync::Arc;

use opspilot_core::clock::Timestamp;
use opspilot_core::signal::{Ack, Attributes, LogBatch, LogBatchBuilder, LogSource, Sample};
use serde_json::json;

use super::config::CheckedEndpoint;
use super::probe::Outcome;
use super::state::{Kind, Line, State};

/// How far apart the positions of two runs are. A run sends less.
const RUN_BITS: u32 = 40;

/// Makes batches.
#[derive(Debug)]
pub(super) struct Outlet {
    module: &'static str,
    source: Arc<LogSource>,
    position: u64,
    lines: u64,
}

impl Outlet {
    pub(super) fn new(module: &'static str, name: &str, run: u64) -> Self {
        let source = LogSource {
            module: module.into(),
            name: name.into(),
            stream: format!("healthCheck:{name}").into(),
            attributes: Attributes::new(),
        };
        Self {
            module,
            source: Arc::new(source),
            position: run << RUN_BITS,
            lines: 0,
        }
    }

    /// The batch of one turn.
    pub(super) fn batch(
        &mut self,
        now: Timestamp,
        (endpoint, state): (&CheckedEndpoint, &State),
        (outcome, lines): (&Outcome, &[Line]),
    ) -> LogBatch {
        let mut buffer = Vec::new();
        let mut ranges = Vec::new();
        for line in lines {
            let start = buffer.len();
            buffer.extend_from_slice(line.text.as_bytes());
            ranges.push(start..buffer.len());
            buffer.push(b'\n');
        }
        let samples = samples(endpoint, outcome);
        let end = self.position + buffer.len().max(samples.len()) as u64;
        let place = (self.position, self.lines + 1);
        let facts = |line: &Line| self.facts(line.kind, (endpoint, state), outcome);
        let facts: Vec<Attributes> = lines.iter().map(facts).collect();
        let mut builder = LogBatchBuilder::new(Arc::clone(&self.source), buffer, place, now)
            .facts(Arc::new(facts));
        for range in ranges {
            let offset = range.start;
            builder.record(range, offset);
        }
        samples
            .into_iter()
            .for_each(|sample| builder.sample(sample));
        self.lines += builder.len() as u64;
        self.position = end;
        builder.build(end, Ack::ignored())
    }

    /// What is known of a line beyond its text (contract, section 1.4).
    fn facts(
        &self,
        kind: Kind,
        (endpoint, state): (&CheckedEndpoint, &State),
        outcome: &Outcome,
    ) -> Attributes {
        let severity = endpoint.severity.as_str();
        let told = match kind {
            Kind::Failure => severity,
            Kind::Degraded | Kind::Flapping if severity == "info" => severity,
            Kind::Degraded | Kind::Flapping => "warning",
            Kind::Recovery => "info",
        };
        let mut facts = named(endpoint);
        facts.extend([
            ("collector".to_owned(), json!(self.module)),
            ("severity".to_owned(), json!(severity)),
            ("opsSeverity".to_owned(), json!(told)),
            ("responseMs".to_owned(), json!(outcome.response_ms)),
        ]);
        if let Some(status) = outcome.status {
            facts.insert("statusCode".to_owned(), json!(status));
        }
        if matches!(kind, Kind::Failure | Kind::Degraded) {
            facts.insert("error".to_owned(), json!(state.trouble));
            facts.insert("consecutiveFails".to_owned(), json!(state.fails));
        }
        facts
    }
}

fn named(endpoint: &CheckedEndpoint) -> Attributes {
    Attributes::from_iter([
        ("endpointId".to_owned(), json!(&*endpoint.id)),
        ("endpointName".to_owned(), json!(endpoint.name)),
        ("endpointUrl".to_owned(), json!(endpoint.url)),
    ])
}

fn samples(endpoint: &CheckedEndpoint, outcome: &Outcome) -> Vec<Sample> {
    let sample = |name: &str, value: f64, unit: &str| Sample {
        name: name.into(),
        value,
        unit: unit.into(),
        attributes: named(endpoint),
    };
    let is_up = f64::from(u8::from(outcome.result.is_ok()));
    let mut samples = vec![sample("probe.up", is_up, "1")];
    if outcome.result.is_ok() {
        let millis = outcome.response_ms as f64;
        samples.push(sample("probe.response_ms", millis, "ms"));
    }
    if let Some(days) = outcome.certificate_days {
        samples.push(sample("probe.certificate_days", days as f64, "d"));
    }
    samples
}
