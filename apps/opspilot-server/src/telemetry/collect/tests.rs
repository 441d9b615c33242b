//! Spans and messages as they are kept.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opspilot_core::clock::SystemClock;
use opspilot_core::event::TRACE_TARGET;
use tracing::{debug_span, field, info_span, warn};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

fn collect(logs: bool, spans: bool, work: impl FnOnce()) -> Arc<Collected> {
    let collected = Arc::new(Collected::new(SystemClock::shared()));
    collected.want(logs, spans);
    let collector = Collector(Arc::clone(&collected));
    let registry = tracing_subscriber::registry().with(collector);
    tracing::subscriber::with_default(registry, || {
        assert!(
            Collected::of_process().is_some(),
            "it is found from the logger"
        );
        work();
    });
    collected
}

fn attribute(attributes: &[KeyValue], key: &str) -> Option<Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.clone()?.value
}

fn string(text: &str) -> Option<Value> {
    Some(Value::StringValue(text.to_owned()))
}

fn scene() {
    let module = info_span!("module", id = "ui.api");
    module.in_scope(|| {
        let request = info_span!(
            "request",
            otel.name = "GET /x",
            otel.kind = "server",
            otel.status_code = field::Empty,
            status = field::Empty
        );
        request.in_scope(|| info_span!("query").in_scope(|| warn!(error = %"gone", "cannot read")));
        request.record("status", 503);
        request.record("otel.status_code", "ERROR");
    });
}

#[test]
fn a_span_knows_its_parent_and_a_message_its_span() {
    let collected = collect(true, true, scene);
    let spans = collected.spans.take(9);
    let [query, request, module] = spans.as_slice() else {
        panic!("{spans:?}");
    };
    assert_eq!((request.name.as_str(), request.kind), ("GET /x", 2));
    assert_eq!(request.status.as_ref().unwrap().code, 2);
    assert_eq!(query.parent_span_id, request.span_id);
    assert_eq!(query.trace_id, request.trace_id);
    assert_eq!(
        request.parent_span_id,
        Vec::<u8>::new(),
        "a request is the root of its trace"
    );
    assert_ne!(request.trace_id, module.trace_id);
    assert_eq!(
        (module.name.as_str(), module.parent_span_id.len()),
        ("module", 0)
    );
    assert_eq!(
        attribute(&request.attributes, "status"),
        Some(Value::IntValue(503))
    );
    assert!(request.end_time_unix_nano >= request.start_time_unix_nano);
    let logs = collected.logs.take(9);
    let [message] = logs.as_slice() else {
        panic!("{logs:?}");
    };
    assert_eq!(message.body.as_ref().unwrap().value, string("cannot read"));
    assert_eq!(
        (message.severity_number, &message.span_id),
        (13, &query.span_id)
    );
    assert_eq!(attribute(&message.attributes, "error"), string("gone"));
    assert_eq!(attribute(&message.attributes, "module"), string("ui.api"));
}

#[test]
fn nothing_is_kept_that_nobody_asked_for() {
    let collected = collect(false, false, scene);
    assert_eq!((collected.logs.len(), collected.spans.len()), (0, 0));
    let collected = collect(true, false, scene);
    assert_eq!((collected.logs.len(), collected.spans.len()), (1, 0));
}

#[test]
fn long_texts_are_cut() {
    let long = "\u{e4}".repeat(5_000);
    let collected = collect(true, false, || warn!(long, "x"));
    let logs = collected.logs.take(1);
    let Some(Value::StringValue(kept)) = attribute(&logs[0].attributes, "long") else {
        panic!("{logs:?}");
    };
    assert_eq!(kept.len(), 4_096);
}

const PLACE: &str = "00-0af7651916cd83dd8448eb211c80319c-b7ad6b7169203331-01";

fn event() {
    let place = || debug_span!(target: TRACE_TARGET, parent: None, "store", otel.kind = "producer", otel.place = PLACE);
    let follows = || debug_span!(target: TRACE_TARGET, parent: None, "deliver", otel.kind = "consumer", otel.parent = PLACE);
    info_span!("task").in_scope(|| drop((place(), follows())));
}

#[test]
fn a_span_stands_where_its_event_says() {
    let collected = collect(false, true, event);
    let spans = collected.spans.take(9);
    let [store, deliver, task] = spans.as_slice() else {
        panic!("{spans:?}");
    };
    let place = TracePlace::parse(PLACE).unwrap();
    assert_eq!((store.kind, store.parent_span_id.len()), (4, 0));
    assert_eq!(store.trace_id, place.trace_id());
    assert_eq!(store.span_id, place.span_id());
    assert_eq!((deliver.kind, &deliver.parent_span_id), (5, &store.span_id));
    assert_eq!(deliver.trace_id, store.trace_id);
    assert_ne!(task.trace_id, store.trace_id);
}

#[test]
fn spans_of_events_are_made_only_while_somebody_wants_them() {
    let collected = Arc::new(Collected::new(SystemClock::shared()));
    let layer = Collector(Arc::clone(&collected)).with_filter(Chosen::new(Arc::clone(&collected)));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        for wants in [false, true, false] {
            collected.want(true, wants);
            assert!(!info_span!("task").is_disabled());
            let event = debug_span!(target: TRACE_TARGET, "store");
            assert_eq!(event.is_disabled(), !wants);
            assert!(debug_span!("other").is_disabled());
        }
    });
}
