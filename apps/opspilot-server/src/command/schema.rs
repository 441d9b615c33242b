//! `schema`: descriptions for programs and editors.

use opspilot_core::config;
use opspilot_core::event::CORE_EVENTS;
use opspilot_core::metrics::{MetricKind, MetricSpec};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::cli::{SchemaArguments, Subject};
use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

#[expect(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub(crate) fn schema(setup: &Setup, arguments: &SchemaArguments) -> Result<(), Failure> {
    match arguments.subject {
        Subject::Config => output::json(&config::json_schema(&setup.registry.known_modules())),
        Subject::Events => output::json(&events()),
        Subject::Variables => output::json(&config::variables(&setup.registry.known_modules())),
        Subject::Metrics => output::json(&metrics(setup)),
        Subject::Routes => output::json(&opspilot_http::routes()),
        Subject::Openapi => output::json(&opspilot_http::openapi("/api")),
    }
    Ok(())
}

/// One JSON Schema with a property for each event type, which holds the payload.
fn events() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let properties: Map<String, Value> = CORE_EVENTS
        .iter()
        .map(|kind| {
            (
                kind.name.to_owned(),
                (kind.schema)(&mut generator).to_value(),
            )
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "OpsPilot events",
        "description": "The payload of each event type.",
        "type": "object",
        "properties": properties,
        "$defs": generator.take_definitions(true),
    })
}

fn metrics(setup: &Setup) -> Vec<Value> {
    let core = opspilot_core::bus::METRICS
        .iter()
        .chain(opspilot_core::storage::METRICS)
        .chain(opspilot_core::metrics::PROCESS_METRICS)
        .chain(crate::telemetry::METRICS)
        .chain(opspilot_core::module::SYSTEM_METRICS);
    let modules = setup
        .registry
        .iter()
        .flat_map(|factory| factory.manifest().metrics);
    let mut all: Vec<&MetricSpec> = core.chain(modules).collect();
    all.sort_by_key(|spec| spec.name);
    all.dedup();
    all.into_iter().map(describe).collect()
}

fn describe(spec: &MetricSpec) -> Value {
    let kind = match spec.kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
    };
    json!({ "name": spec.name, "type": kind, "labels": spec.labels, "help": spec.help })
}
