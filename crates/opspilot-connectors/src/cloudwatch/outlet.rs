//! Makes batches of events.

use std::sync::Arc;

use opspilot_core::clock::Timestamp;
use opspilot_core::signal::{Attributes, Facts, LogBatch, LogBatchBuilder, LogSource};
use serde_json::Value;

use super::cloud::Event;

/// The most text of one batch, in bytes, before its last record.
const BATCH_BYTES: usize = 256 << 10;

/// A batch that is not acknowledged by anybody yet.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) builder: LogBatchBuilder,
    /// The position behind it.
    pub(super) end: u64,
}

/// Makes batches of the events of one group.
#[derive(Debug)]
pub(super) struct Outlet {
    source: Arc<LogSource>,
    number: u64,
}

impl Outlet {
    pub(super) fn new(module: &str, name: &str, stream: &str, place: (&str, &str)) -> Self {
        let (group, region) = place;
        let known = [
            ("collector", module),
            ("logGroup", group),
            ("region", region),
        ];
        let known = known.map(|(key, value)| (key.to_owned(), Value::from(value)));
        let source = LogSource {
            module: module.into(),
            name: name.into(),
            stream: stream.into(),
            attributes: Attributes::from_iter(known),
        };
        Self {
            source: Arc::new(source),
            number: 0,
        }
    }

    /// The batches of `events`, which are in the order of their numbers.
    pub(super) fn drafts(&mut self, events: &[(u64, Event)], now: Timestamp) -> Vec<Draft> {
        let mut drafts = Vec::new();
        let mut rest = events;
        while let Some((base, _)) = rest.first() {
            let mut size = 0;
            let count = rest.iter().position(|(_, event)| {
                let is_full = size >= BATCH_BYTES;
                size += event.message.len() + 1;
                is_full
            });
            let (some, later) = rest.split_at(count.unwrap_or(rest.len()));
            rest = later;
            drafts.extend(self.draft(*base, some, now));
        }
        drafts
    }

    fn draft(&mut self, base: u64, events: &[(u64, Event)], now: Timestamp) -> Option<Draft> {
        let mut text = Vec::new();
        let (mut records, mut origins) = (Vec::new(), Vec::new());
        let mut end = base;
        for (number, event) in events {
            end = number + 1;
            let message = event.message.trim_end_matches(['\r', '\n']);
            if message.trim().is_empty() {
                continue;
            }
            let start = text.len();
            text.extend_from_slice(message.as_bytes());
            let offset = usize::try_from(number - base).unwrap_or(usize::MAX);
            records.push((start..text.len(), offset));
            text.push(b'\n');
            origins.push(Origin::of(event));
        }
        if records.is_empty() {
            return None;
        }
        let place = (base, self.number + 1);
        self.number += records.len() as u64;
        let mut builder = LogBatchBuilder::new(Arc::clone(&self.source), text, place, now);
        for (range, offset) in records {
            builder.record(range, offset);
        }
        let builder = builder.facts(Arc::new(Origins(origins)));
        Some(Draft { builder, end })
    }
}

/// What is known of each record of a batch.
#[derive(Debug)]
struct Origins(Vec<Origin>);

#[derive(Debug)]
struct Origin {
    log_stream: String,
    event: String,
    time: i64,
    ingested: Option<i64>,
}

impl Origin {
    fn of(event: &Event) -> Self {
        Self {
            log_stream: event.log_stream.clone(),
            event: event.event.clone(),
            time: event.time,
            ingested: event.ingested,
        }
    }
}

impl Facts for Origins {
    fn of(&self, _: &LogBatch, index: usize) -> Attributes {
        let Some(origin) = self.0.get(index) else {
            return Attributes::new();
        };
        let moment = |millis| Value::from(Timestamp::from_millis(millis).to_string());
        let mut attributes = Attributes::new();
        let mut add = |key: &str, value| attributes.insert(key.to_owned(), value);
        add("logStream", Value::from(origin.log_stream.as_str()));
        if !origin.event.is_empty() {
            add("eventId", Value::from(origin.event.as_str()));
        }
        add("originalTimestamp", moment(origin.time));
        if let Some(ingested) = origin.ingested {
            add("ingestionTime", moment(ingested));
        }
        attributes
    }
}
