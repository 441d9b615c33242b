//! The webhooks of Alertmanager (version 4 of its payload) and of Grafana, which has the same shape and more.
//!
//! Sources: <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config> and
//! <https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/>.

use opspilot_core::clock::Timestamp;
use opspilot_core::signal::Attributes;
use serde_json::{Map, Value};

use super::severities::Severities;
use super::signal::{Fault, Reading, SIGNALS, Signal, TEXT, TITLE, Which, bounded, cut};

/// Labels that say nothing of where an alert comes from.
const COMMON: &[&str] = &["alertname", "severity", "grafana_folder", "prometheus"];

/// Addresses of an alert that people follow, by the name they get among the attributes.
const LINKS: &[(&str, &str)] = &[
    ("generatorURL", "generatorUrl"),
    ("dashboardURL", "dashboardUrl"),
    ("panelURL", "panelUrl"),
    ("silenceURL", "silenceUrl"),
];

/// Reads a payload.
pub(super) fn read(
    body: &Value,
    severities: &Severities,
    severity_label: &str,
) -> Result<Reading, Fault> {
    let Some(payload) = body.as_object() else {
        return Err(Fault::new("", "must be an object with `alerts`"));
    };
    let Some(alerts) = payload.get("alerts").and_then(Value::as_array) else {
        return Err(Fault::new("/alerts", "must be a list of alerts"));
    };
    if alerts.len() > SIGNALS {
        let message = format!("holds {} alerts; at most {SIGNALS} are taken", alerts.len());
        return Err(Fault::new("/alerts", message));
    }
    let receiver = payload.get("receiver").and_then(Value::as_str);
    let mut signals = Vec::with_capacity(alerts.len());
    for (index, alert) in alerts.iter().enumerate() {
        let alert = Alert::read(alert, index)?;
        signals.push(alert.signal(severities, severity_label, receiver));
    }
    Ok(Reading {
        signals,
        truncated: payload
            .get("truncatedAlerts")
            .and_then(Value::as_u64)
            .unwrap_or(0),
    })
}

struct Alert<'a> {
    fields: &'a Map<String, Value>,
    is_firing: bool,
    labels: &'a Map<String, Value>,
    annotations: Option<&'a Map<String, Value>>,
    fingerprint: &'a str,
    starts_at: Timestamp,
}

impl<'a> Alert<'a> {
    fn read(alert: &'a Value, index: usize) -> Result<Self, Fault> {
        let fault = |key: &str, message: &str| Fault::new(format!("/alerts/{index}{key}"), message);
        let fields = alert
            .as_object()
            .ok_or_else(|| fault("", "must be an object"))?;
        let text = |key: &str| fields.get(key).and_then(Value::as_str);
        let is_firing = match text("status") {
            Some("firing") => true,
            Some("resolved") => false,
            _ => return Err(fault("/status", "must be `firing` or `resolved`")),
        };
        let labels = fields.get("labels").and_then(Value::as_object);
        let fingerprint = text("fingerprint").filter(|text| !text.is_empty());
        let starts_at = text("startsAt").and_then(|text| Timestamp::parse(text).ok());
        Ok(Self {
            fields,
            is_firing,
            labels: labels.ok_or_else(|| fault("/labels", "must be an object"))?,
            annotations: fields.get("annotations").and_then(Value::as_object),
            fingerprint: fingerprint.ok_or_else(|| fault("/fingerprint", "must be a text"))?,
            starts_at: starts_at.ok_or_else(|| fault("/startsAt", "must be an RFC 3339 time"))?,
        })
    }

    fn signal(
        &self,
        severities: &Severities,
        severity_label: &str,
        receiver: Option<&str>,
    ) -> Signal {
        let which = Which::new(self.fingerprint, Some(self.starts_at));
        if !self.is_firing {
            return Signal::Resolved {
                which,
                reason: "the sender says that it is resolved".to_owned(),
            };
        }
        Signal::Firing {
            which,
            severity: severities.of(self.label(severity_label)),
            title: self.title(),
            description: self.description(),
            attributes: self.attributes(receiver),
        }
    }

    fn label(&self, name: &str) -> Option<&'a str> {
        self.labels.get(name).and_then(Value::as_str)
    }

    fn annotation(&self, name: &str) -> Option<&'a str> {
        let text = self.annotations?.get(name)?.as_str()?;
        (!text.trim().is_empty()).then_some(text)
    }

    /// The summary or the rule's name, and in brackets the labels that it does not tell: two alerts of one rule are two
    /// incidents, and must not look the same to people or to `enricher.dedup`.
    fn title(&self) -> String {
        let name = self.label("alertname").unwrap_or("Alert");
        let mut title = cut(self.annotation("summary").unwrap_or(name), TITLE);
        let labels = self.labels.iter().filter_map(|(key, value)| {
            let value = value.as_str()?;
            let says_new = !COMMON.contains(&key.as_str()) && !title.contains(value);
            says_new.then(|| format!("{key}={value}"))
        });
        let rest = labels.collect::<Vec<_>>().join(", ");
        if !rest.is_empty() {
            title = format!("{title} ({rest})");
        }
        cut(&title, 2 * TITLE)
    }

    fn description(&self) -> String {
        let told = self
            .annotation("description")
            .or_else(|| self.annotation("message"))
            .or_else(|| self.annotation("summary"));
        let values = self.fields.get("valueString").and_then(Value::as_str);
        match (told, values.filter(|values| !values.is_empty())) {
            (Some(told), _) => cut(told, TEXT),
            (None, Some(values)) => cut(values, TEXT),
            (None, None) => "The sender gives no description.".to_owned(),
        }
    }

    fn attributes(&self, receiver: Option<&str>) -> Attributes {
        let mut attributes = self.labels.clone();
        for (theirs, ours) in LINKS {
            let link = self.fields.get(*theirs).and_then(Value::as_str);
            if let Some(link) = link.filter(|link| !link.is_empty()) {
                attributes.insert((*ours).to_owned(), link.into());
            }
        }
        if let Some(runbook) = self.annotation("runbook_url") {
            attributes.insert("runbookUrl".to_owned(), runbook.into());
        }
        if let Some(receiver) = receiver {
            attributes.insert("receiver".to_owned(), receiver.into());
        }
        bounded(attributes)
    }
}
