//! What the tests of detectors share.

use std::sync::Arc;

use opspilot_core::clock::Timestamp;
use opspilot_core::event::{IncidentCleared, IncidentCreated, IncidentRepeated};
use opspilot_core::module::BuildError;
use opspilot_core::signal::{Ack, LogBatch, LogBatchBuilder, LogSource, Sample};
use serde_json::Value;

use crate::detector::{DetectorModule, Finding};

/// A batch of records that starts at `base` of `stream`; each record comes with what follows it in the buffer.
pub(crate) fn batch(stream: &str, base: u64, records: &[(Vec<u8>, &str)]) -> LogBatch {
    batch_with(Ack::ignored(), stream, base, records)
}

/// As [`batch`], acknowledged through `ack`.
pub(crate) fn batch_with(
    ack: Ack,
    stream: &str,
    base: u64,
    records: &[(Vec<u8>, &str)],
) -> LogBatch {
    let source = LogSource {
        module: "connector.test".into(),
        name: "/var/log/test.log".into(),
        stream: stream.into(),
        attributes: serde_json::Map::new(),
    };
    let whole = |(bytes, end): &(Vec<u8>, &str)| [bytes, end.as_bytes()].concat();
    let buffer: Vec<u8> = records.iter().flat_map(whole).collect();
    let now = Timestamp::UNIX_EPOCH;
    let mut builder = LogBatchBuilder::new(Arc::new(source), buffer, (base, 1), now);
    let mut start = 0;
    for (bytes, end) in records {
        builder.record(start..start + bytes.len(), start);
        start += bytes.len() + end.len();
    }
    builder.build(base + start as u64, ack)
}

/// A batch of lines at the start of a stream.
pub(crate) fn lines<T: AsRef<str>>(lines: &[T]) -> LogBatch {
    lines_at(0, lines)
}

/// A batch of lines that starts at `base` of a stream.
pub(crate) fn lines_at<T: AsRef<str>>(base: u64, lines: &[T]) -> LogBatch {
    batch("s", base, &records(lines))
}

/// Records that end in a line feed.
pub(crate) fn records<T: AsRef<str>>(lines: &[T]) -> Vec<(Vec<u8>, &'static str)> {
    let record = |line: &T| (line.as_ref().as_bytes().to_vec(), "\n");
    lines.iter().map(record).collect()
}

/// A batch of one line and one sample `load`, both with these attributes.
pub(crate) fn known(base: u64, line: &str, value: f64, attributes: &Value) -> LogBatch {
    let source = LogSource {
        module: "connector.test".into(),
        name: "test".into(),
        stream: "s".into(),
        attributes: [("hostname".to_owned(), "db1".into())]
            .into_iter()
            .collect(),
    };
    let attributes = attributes.as_object().cloned().unwrap();
    let (source, buffer) = (Arc::new(source), line.as_bytes().to_vec());
    let now = Timestamp::UNIX_EPOCH;
    let mut builder = LogBatchBuilder::new(source, buffer, (base, 1), now);
    builder.record(0..line.len(), 0);
    builder.sample(Sample {
        name: "load".into(),
        value,
        unit: "1".into(),
        attributes: attributes.clone(),
    });
    let builder = builder.facts(Arc::new(vec![attributes]));
    builder.build(base + line.len() as u64, Ack::ignored())
}

/// The detector of these options.
pub(crate) fn build<D: DetectorModule>(options: Value) -> Result<D, BuildError> {
    D::new(&serde_json::from_value(options).unwrap())
}

/// What `options` are refused for.
pub(crate) fn refusal<D: DetectorModule>(options: Value) -> String {
    build::<D>(options).map(|_| ()).unwrap_err().to_string()
}

/// A moment `millis` after the epoch.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Lets `detector` look at `batch` at `now` milliseconds.
pub(crate) fn observe(
    detector: &mut impl DetectorModule,
    now: i64,
    batch: &LogBatch,
) -> Vec<Finding> {
    let mut out = Vec::new();
    detector.observe(at(now), batch, &mut out);
    out
}

/// The created incidents among findings.
pub(crate) fn created(findings: &[Finding]) -> Vec<&IncidentCreated> {
    let created = findings.iter().map(|finding| match finding {
        Finding::Created { event, .. } => Some(event),
        _ => None,
    });
    created.flatten().collect()
}

/// The repetitions among findings.
pub(crate) fn repeated(findings: &[Finding]) -> Vec<&IncidentRepeated> {
    let repeated = findings.iter().map(|finding| match finding {
        Finding::Repeated { event, .. } => Some(event),
        _ => None,
    });
    repeated.flatten().collect()
}

/// The cleared incidents among findings.
pub(crate) fn cleared(findings: &[Finding]) -> Vec<&IncidentCleared> {
    let cleared = findings.iter().map(|finding| match finding {
        Finding::Cleared { event, .. } => Some(event),
        _ => None,
    });
    cleared.flatten().collect()
}

/// On how many incidents matches were counted: each must be on exactly one.
pub(crate) fn counted(findings: &[Finding]) -> u64 {
    let created = created(findings).into_iter().map(|event| event.occurrences);
    let repeated = repeated(findings)
        .into_iter()
        .map(|event| event.occurrences);
    created.chain(repeated).sum()
}
