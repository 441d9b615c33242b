//! Lines for people at a terminal.

mod actions;

use std::io::{IsTerminal as _, Write as _};

use async_trait::async_trait;
use opspilot_core::bus::DeliveryError;
use opspilot_core::error::escape;
use opspilot_core::event::{
    EnrichmentCompleted, Envelope, Event, IncidentCreated, IncidentUpdated,
};
use opspilot_core::incident::Severity;
use opspilot_core::module::Tasks;
use serde_json::Value;

use super::Colour;
use crate::driver::{Notice, Notifier};

/// How many characters of a payload are shown where there is no better form.
const SHOWN: usize = 200;

/// Prints a line for each notice.
pub(super) struct ConsoleNotifier {
    colour: Colour,
    tasks: Tasks,
}

impl ConsoleNotifier {
    pub(super) fn new(colour: Colour, tasks: Tasks) -> Self {
        Self { colour, tasks }
    }
}

#[async_trait]
impl Notifier for ConsoleNotifier {
    async fn deliver(&self, notice: &Notice) -> Result<(), DeliveryError> {
        self.deliver_page(std::slice::from_ref(notice))
            .await
            .map(|_| ())
    }

    async fn deliver_page(&self, notices: &[Notice]) -> Result<usize, DeliveryError> {
        let is_coloured = match self.colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => std::io::stdout().is_terminal(),
        };
        let mut text = String::new();
        for notice in notices {
            text.push_str(&line(notice, is_coloured));
            text.push('\n');
        }
        // A terminal may be stopped, and then a write lasts until somebody lets it go on.
        let written = self.tasks.blocking(move || {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        });
        let failed = |failure| {
            DeliveryError::transient("cannot write to the standard output").because(failure)
        };
        match written.await {
            Ok(Ok(())) => Ok(notices.len()),
            Ok(Err(failure)) => Err(failed(Box::<dyn std::error::Error + Send + Sync>::from(
                failure,
            ))),
            Err(failure) => Err(failed(failure.into())),
        }
    }
}

/// One line for `notice`, with everything from outside escaped.
pub(super) fn line(notice: &Notice, is_coloured: bool) -> String {
    let (time, tag, text) = match notice {
        Notice::Event(event) => (event.timestamp, tag(event), describe(event)),
        Notice::Summary(summary) => (summary.at(), Tag::plain("held back"), summary.text()),
    };
    let (name, text) = (&tag.name, escape(&text));
    match tag.colour.filter(|_| is_coloured) {
        Some(colour) => format!("{time} \u{1b}[{colour}m{name}\u{1b}[0m {text}"),
        None => format!("{time} {name} {text}"),
    }
}

/// What kind of line it is, and its colour as an SGR parameter (ECMA-48, section 8.3.117).
struct Tag {
    name: String,
    colour: Option<&'static str>,
}

impl Tag {
    fn plain(name: &str) -> Self {
        Self {
            name: escape(name),
            colour: None,
        }
    }
}

fn tag(event: &Envelope) -> Tag {
    if let Ok(incident) = event.payload::<IncidentCreated>() {
        let (name, colour) = match incident.severity {
            Severity::Critical => ("CRITICAL", "1;31"),
            Severity::Warning => ("WARNING", "33"),
            Severity::Info => ("INFO", "36"),
        };
        return Tag {
            name: name.to_owned(),
            colour: Some(colour),
        };
    }
    let colour = match event.kind() {
        "action.proposed" => Some("35"),
        "action.approved" | "action.executed" => Some("32"),
        "action.denied" | "delivery.failed" => Some("31"),
        "enrichment.completed" => Some("34"),
        _ => None,
    };
    Tag {
        colour,
        ..Tag::plain(event.kind())
    }
}

fn describe(event: &Envelope) -> String {
    created(event)
        .or_else(|| updated(event))
        .or_else(|| enriched(event))
        .or_else(|| actions::describe(event))
        .unwrap_or_else(|| payload(event))
}

fn read<E: Event>(event: &Envelope) -> Option<std::sync::Arc<E>> {
    event.payload::<E>().ok()
}

fn created(event: &Envelope) -> Option<String> {
    let incident = read::<IncidentCreated>(event)?;
    let line = incident.context.get("matchedLine").and_then(Value::as_str);
    let evidence = line.map(|line| format!(": {line}")).unwrap_or_default();
    let IncidentCreated {
        title,
        detected_by,
        incident_id,
        ..
    } = &*incident;
    Some(format!("{title}{evidence} [{detected_by} {incident_id}]"))
}

fn updated(event: &Envelope) -> Option<String> {
    let update = read::<IncidentUpdated>(event)?;
    let IncidentUpdated {
        incident_id,
        field,
        old_value,
        new_value,
        updated_by,
        ..
    } = &*update;
    let reason = update.reason.as_deref().map(|reason| format!(", {reason}"));
    let reason = reason.unwrap_or_default();
    Some(format!(
        "{field}: {old_value} → {new_value}{reason} [{updated_by} {incident_id}]"
    ))
}

fn enriched(event: &Envelope) -> Option<String> {
    let enrichment = read::<EnrichmentCompleted>(event)?;
    let summary = enrichment.data.get("summary").and_then(Value::as_str);
    let EnrichmentCompleted {
        enrichment_type,
        enricher_module,
        incident_id,
        ..
    } = &*enrichment;
    let text = summary.unwrap_or(enrichment_type);
    Some(format!("{text} [{enricher_module} {incident_id}]"))
}

/// The start of the payload.
fn payload(event: &Envelope) -> String {
    let whole: Value = serde_json::from_str(event.json()).unwrap_or_default();
    let payload = whole
        .get("payload")
        .map(Value::to_string)
        .unwrap_or_default();
    let shown: String = payload.chars().take(SHOWN).collect();
    let source = &event.source;
    format!("{shown} [{source}]")
}
