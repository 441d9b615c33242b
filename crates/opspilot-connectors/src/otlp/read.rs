//! From messages to records and samples.

mod logs;
mod metrics;
mod traces;

use std::io::Read as _;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opspilot_core::signal::{Attributes, Facts, LogBatch, Sample};
use prost::Message;
use serde::de::DeserializeOwned;

/// The most records, and the most samples, that are taken of one request; the rest is rejected.
const ITEMS: usize = 50_000;

/// The most sources of one request; what further ones say is taken under the last.
const GROUPS: usize = 1_000;

/// The longest text of a record, in bytes.
const TEXT: usize = 64 << 10;

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Logs,
    Metrics,
    Traces,
}

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

/// A request's bytes, and how to read them.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) encoding: Encoding,
    pub(super) is_compressed: bool,
    pub(super) bytes: Vec<u8>,
}

/// What a reader must know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) decoded_limit: usize,
    pub(super) slow_span_ms: Option<u64>,
}

/// What a request says.
#[derive(Debug, Default)]
pub(super) struct Export {
    pub(super) groups: Vec<Group>,
    /// How many spans were looked at.
    pub(super) spans: u64,
    /// How many items were not taken.
    pub(super) rejected: u64,
    taken: usize,
}

/// Records and samples of one source.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The service.
    pub(super) source: String,
    pub(super) records: Vec<Record>,
    pub(super) samples: Vec<Sample>,
}

/// One record. What resource and scope say is shared, however many records there are.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) text: String,
    shared: Arc<Attributes>,
    scope: Arc<Attributes>,
    own: Attributes,
}

/// Why a request is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReadError {
    #[error("the message is larger than {limit} bytes after decompression")]
    TooLarge { limit: usize },
    #[error("the body is not gzip: {0}")]
    NotGzip(String),
    #[error("the body is not the Protobuf message expected here: {0}")]
    NotProtobuf(String),
    #[error("the body is not the JSON message expected here: {0}")]
    NotJson(String),
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Traces => "traces",
        }
    }
}

impl Request {
    /// Decompresses and decodes; takes memory and time in proportion to the limits.
    pub(super) fn read(self, rules: Rules) -> Result<Export, ReadError> {
        let Self {
            kind,
            encoding,
            is_compressed,
            bytes,
        } = self;
        let limit = rules.decoded_limit;
        let bytes = if is_compressed {
            unpack(&bytes, limit)?
        } else {
            bytes
        };
        if bytes.len() > limit {
            return Err(ReadError::TooLarge { limit });
        }
        let mut export = Export::default();
        match kind {
            Kind::Logs => {
                let request: ExportLogsServiceRequest = decode(encoding, &bytes)?;
                drop(bytes);
                logs::read(request, &mut export);
            }
            Kind::Metrics => {
                let request: ExportMetricsServiceRequest = decode(encoding, &bytes)?;
                drop(bytes);
                metrics::read(request, &mut export);
            }
            Kind::Traces => {
                let request: ExportTraceServiceRequest = decode(encoding, &bytes)?;
                drop(bytes);
                traces::read(request, rules.slow_span_ms, &mut export);
            }
        }
        Ok(export)
    }
}

fn unpack(bytes: &[u8], limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut unpacked = Vec::new();
    let bound = limit as u64 + 1;
    let mut reader = flate2::read::MultiGzDecoder::new(bytes).take(bound);
    let read = reader.read_to_end(&mut unpacked);
    read.map_err(|error| ReadError::NotGzip(error.to_string()))?;
    Ok(unpacked)
}

fn decode<M: Message + Default + DeserializeOwned>(
    encoding: Encoding,
    bytes: &[u8],
) -> Result<M, ReadError> {
    match encoding {
        Encoding::Protobuf => {
            M::decode(bytes).map_err(|error| ReadError::NotProtobuf(error.to_string()))
        }
        Encoding::Json => {
            serde_json::from_slice(bytes).map_err(|error| ReadError::NotJson(error.to_string()))
        }
    }
}

impl Export {
    /// What follows is of `source`.
    fn begin(&mut self, source: &str) {
        let is_same = self
            .groups
            .last()
            .is_some_and(|group| group.source == source);
        let is_unused = |group: &Group| group.records.is_empty() && group.samples.is_empty();
        if self.groups.last().is_some_and(is_unused) {
            self.groups.pop();
        } else if is_same || self.groups.len() >= GROUPS {
            return;
        }
        self.groups.push(Group {
            source: source.to_owned(),
            ..Group::default()
        });
    }

    fn record(&mut self, record: Record) {
        if let Some(group) = self.room() {
            group.records.push(record);
        }
    }

    /// A number that is not finite says nothing.
    fn sample(&mut self, sample: Sample) {
        if sample.value.is_finite()
            && let Some(group) = self.room()
        {
            group.samples.push(sample);
        }
    }

    fn room(&mut self) -> Option<&mut Group> {
        if self.taken >= ITEMS {
            self.rejected += 1;
            return None;
        }
        self.taken += 1;
        self.groups.last_mut()
    }

    /// What to tell the exporter of what was not taken.
    pub(super) fn complaint(&self) -> Option<String> {
        let message =
            || format!("at most {ITEMS} items of a request are taken; send smaller batches");
        (self.rejected > 0).then(message)
    }
}

/// The facts of a batch, put together for those who ask.
#[derive(Debug)]
pub(super) struct RecordFacts(pub(super) Vec<Record>);

impl Facts for RecordFacts {
    fn of(&self, _: &LogBatch, index: usize) -> Attributes {
        self.0.get(index).map(Record::facts).unwrap_or_default()
    }
}

impl Record {
    /// What resource, scope and record say; the closer one wins.
    pub(super) fn facts(&self) -> Attributes {
        let mut facts = (*self.shared).clone();
        facts.extend((*self.scope).clone());
        facts.extend(self.own.clone());
        facts
    }
}
