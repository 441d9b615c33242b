//! Keeps messages and spans for `telemetry.otlp`, in queues of a bounded size. While nobody asks for them it does nothing.

mod chosen;
mod fields;
mod spool;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use opspilot_core::clock::{Clock, SystemClock, Timestamp};
use opspilot_core::event::TracePlace;
use tokio::sync::Notify;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};
use uuid::Uuid;

use self::chosen::Chosen;
use self::fields::Fields;
pub(super) use self::fields::text;
pub(super) use self::spool::Spool;

/// Messages about the sending itself are not sent: a collector that fails would make more of them.
const OWN: &str = concat!(env!("CARGO_CRATE_NAME"), "::telemetry::otlp");

/// How many messages or spans wake the sender before its time.
pub(super) const MANY: usize = 512;

/// What waits to be sent.
#[derive(Debug)]
pub(super) struct Collected {
    pub(super) logs: Spool<LogRecord>,
    pub(super) spans: Spool<Span>,
    wants_logs: AtomicBool,
    wants_spans: AtomicBool,
    many: Notify,
    clock: Arc<dyn Clock>,
}

/// The layer that keeps messages and spans.
#[derive(Debug)]
struct Collector(Arc<Collected>);

/// A layer for the logger of this process.
pub(super) fn layer<S>() -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let collected = Arc::new(Collected::new(SystemClock::shared()));
    Collector(Arc::clone(&collected)).with_filter(Chosen::new(collected))
}

impl Collected {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            logs: Spool::default(),
            spans: Spool::default(),
            wants_logs: AtomicBool::new(false),
            wants_spans: AtomicBool::new(false),
            many: Notify::new(),
            clock,
        }
    }

    /// What the logger of this process keeps; `None` where somebody else installed one.
    pub(super) fn of_process() -> Option<Arc<Self>> {
        tracing::dispatcher::get_default(|dispatch| {
            let collector = dispatch.downcast_ref::<Collector>()?;
            Some(Arc::clone(&collector.0))
        })
    }

    /// Says what to keep from now on.
    pub(super) fn want(&self, logs: bool, spans: bool) {
        self.wants_logs.store(logs, Ordering::Relaxed);
        if self.wants_spans.swap(spans, Ordering::Relaxed) != spans {
            // What is looked at is remembered at each place in the code.
            tracing::callsite::rebuild_interest_cache();
        }
    }

    /// Waits until so much is kept that it should be sent.
    pub(super) async fn many(&self) {
        self.many.notified().await;
    }

    fn kept(&self, waiting: usize) {
        if waiting == MANY {
            self.many.notify_one();
        }
    }
}

/// A span that is open.
#[derive(Debug)]
struct Open {
    trace: [u8; 16],
    id: [u8; 8],
    parent: Option<[u8; 8]>,
    began: Timestamp,
    since: Instant,
    fields: Fields,
}

impl<S> Layer<S> for Collector
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    /// Spans are noted before anybody wants them, too: those of modules live long, and say where a message is from.
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = parent(&span, &fields);
        let place = fields.place.as_ref();
        let trace = place.map(TracePlace::trace_id);
        let open = Open {
            trace: trace
                .or_else(|| parent.map(|(trace, _)| trace))
                .unwrap_or_else(|| *Uuid::now_v7().as_bytes()),
            id: place.map_or_else(span_id, TracePlace::span_id),
            parent: parent.map(|(_, id)| id),
            began: self.0.clock.now(),
            since: Instant::now(),
            fields,
        };
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(&mut open.fields);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let open = span.extensions_mut().remove::<Open>();
        if let Some(open) = open.filter(|_| self.0.wants_spans.load(Ordering::Relaxed)) {
            let waiting = self.0.spans.push(open.close(span.name()));
            self.0.kept(waiting);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let is_own = event.metadata().target().starts_with(OWN);
        if !is_own && self.0.wants_logs.load(Ordering::Relaxed) {
            let record = record(event, context.event_span(event), self.0.clock.now());
            let waiting = self.0.logs.push(record);
            self.0.kept(waiting);
        }
    }
}

/// The trace and the span that a new span belongs to.
fn parent<S>(span: &SpanRef<'_, S>, fields: &Fields) -> Option<([u8; 16], [u8; 8])>
where
    S: for<'a> LookupSpan<'a>,
{
    if let Some(parent) = fields.parent {
        return Some((parent.trace_id(), parent.span_id()));
    }
    // A request begins a trace of its own: all of them in the one of their module would be of no use.
    let parent = span.parent().filter(|_| fields.kind != SpanKind::Server)?;
    let extensions = parent.extensions();
    extensions.get().map(|open: &Open| (open.trace, open.id))
}

impl Open {
    fn close(self, name: &'static str) -> Span {
        let start = nanos(self.began);
        let length = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Span {
            trace_id: self.trace.to_vec(),
            span_id: self.id.to_vec(),
            parent_span_id: self.parent.map(Vec::from).unwrap_or_default(),
            name: self.fields.name.unwrap_or_else(|| name.to_owned()),
            kind: self.fields.kind as i32,
            start_time_unix_nano: start,
            end_time_unix_nano: start.saturating_add(length),
            attributes: self.fields.attributes,
            status: Some(Status {
                code: self.fields.status as i32,
                message: String::new(),
            }),
            ..Span::default()
        }
    }
}

fn record<S>(event: &Event<'_>, span: Option<SpanRef<'_, S>>, now: Timestamp) -> LogRecord
where
    S: for<'a> LookupSpan<'a>,
{
    let mut fields = Fields::default();
    event.record(&mut fields);
    let metadata = event.metadata();
    fields.attributes.push(KeyValue {
        key: "code.namespace".to_owned(),
        value: Some(text(metadata.target())),
        ..KeyValue::default()
    });
    let mut record = LogRecord {
        time_unix_nano: nanos(now),
        observed_time_unix_nano: nanos(now),
        severity_number: severity(*metadata.level()),
        severity_text: metadata.level().to_string(),
        body: Some(fields.message.unwrap_or_else(AnyValue::default)),
        ..LogRecord::default()
    };
    if let Some(span) = span {
        if let Some(open) = span.extensions().get::<Open>() {
            record.trace_id = open.trace.to_vec();
            record.span_id = open.id.to_vec();
        }
        if !fields.attributes.iter().any(|field| field.key == "module") {
            fields.attributes.extend(module(&span));
        }
    }
    record.attributes = fields.attributes;
    record
}

/// The id of the module in whose span something happened.
fn module<S>(span: &SpanRef<'_, S>) -> Option<KeyValue>
where
    S: for<'a> LookupSpan<'a>,
{
    let span = span.scope().find(|span| span.name() == "module")?;
    let extensions = span.extensions();
    let open = extensions.get::<Open>()?;
    let id = open
        .fields
        .attributes
        .iter()
        .find(|field| field.key == "id")?;
    Some(KeyValue {
        key: "module".to_owned(),
        ..id.clone()
    })
}

/// As OpenTelemetry numbers them.
/// Source: <https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber>.
const fn severity(level: Level) -> i32 {
    match level {
        Level::TRACE => 1,
        Level::DEBUG => 5,
        Level::INFO => 9,
        Level::WARN => 13,
        Level::ERROR => 17,
    }
}

/// The second half of a new UUID, which is where its random bits are.
fn span_id() -> [u8; 8] {
    let [_, _, _, _, _, _, _, _, id @ ..] = *Uuid::now_v7().as_bytes();
    id
}

/// Nanoseconds since 1970.
pub(super) fn nanos(time: Timestamp) -> u64 {
    let since = time.since(Timestamp::UNIX_EPOCH);
    u64::try_from(Duration::as_nanos(&since)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
