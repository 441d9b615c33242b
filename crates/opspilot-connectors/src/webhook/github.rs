//! The webhooks of GitHub.
//!
//! Source: <https://docs.github.com/en/webhooks/webhook-events-and-payloads>.

use opspilot_core::incident::Severity;
use opspilot_core::signal::Attributes;
use serde_json::Value;

use super::severities::Severities;
use super::signal::{Fault, Reading, Signal, TEXT, TITLE, Which, bounded, cut};

/// The header that names the event.
pub(super) const EVENT: &str = "x-github-event";

/// The header that names the delivery.
pub(super) const DELIVERY: &str = "x-github-delivery";

/// Attributes, and where they are in a payload.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("action", "/action"),
    ("repository", "/repository/full_name"),
    ("sender", "/sender/login"),
    ("ref", "/ref"),
    ("branch", "/workflow_run/head_branch"),
    ("workflow", "/workflow_run/name"),
    ("environment", "/deployment/environment"),
];

/// Where a link to what an event is about may be.
const LINKS: &[&str] = &[
    "/workflow_run/html_url",
    "/alert/html_url",
    "/deployment_status/target_url",
    "/issue/html_url",
    "/pull_request/html_url",
    "/release/html_url",
    "/check_run/html_url",
    "/compare",
];

/// Where a title of what an event is about may be.
const TITLES: &[&str] = &[
    "/workflow_run/display_title",
    "/alert/rule/description",
    "/alert/security_advisory/summary",
    "/alert/secret_type_display_name",
    "/issue/title",
    "/pull_request/title",
    "/release/name",
    "/check_run/name",
    "/head_commit/message",
];

/// Reads a payload of the event called `event`.
pub(super) fn read(event: &str, body: &Value, severities: &Severities) -> Result<Reading, Fault> {
    if !body.is_object() {
        return Err(Fault::new("", "must be an object"));
    }
    if event == "ping" {
        return Ok(Reading::default());
    }
    let payload = Payload { event, body };
    let signal = match event {
        "workflow_run" => payload.workflow_run(),
        "deployment_status" => payload.deployment(),
        "dependabot_alert" | "code_scanning_alert" | "secret_scanning_alert" => {
            payload.alert(severities)
        }
        _ => None,
    };
    let signal = signal.unwrap_or_else(|| payload.line());
    Ok(Reading {
        signals: vec![signal],
        truncated: 0,
    })
}

struct Payload<'a> {
    event: &'a str,
    body: &'a Value,
}

impl<'a> Payload<'a> {
    fn text(&self, pointer: &str) -> Option<&'a str> {
        self.body.pointer(pointer)?.as_str()
    }

    fn repository(&self) -> &'a str {
        self.text("/repository/full_name").unwrap_or("unknown")
    }

    fn first(&self, pointers: &[&str]) -> Option<&'a str> {
        let mut found = pointers.iter().filter_map(|pointer| self.text(pointer));
        found.next()
    }

    /// A run that failed; a later one that succeeds on the same branch ends it.
    fn workflow_run(&self) -> Option<Signal> {
        if self.text("/action") != Some("completed") {
            return None;
        }
        let workflow = self.text("/workflow_run/name")?;
        let branch = self.text("/workflow_run/head_branch").unwrap_or("");
        let repository = self.repository();
        let identity = format!("{repository} {workflow} {branch}");
        match self.text("/workflow_run/conclusion")? {
            "failure" | "timed_out" | "startup_failure" => Some(self.firing(
                &identity,
                Severity::Warning,
                &format!("{workflow} failed on {branch} of {repository}"),
            )),
            "success" => Some(self.resolved(&identity, "a later run succeeded")),
            _ => None,
        }
    }

    fn deployment(&self) -> Option<Signal> {
        let environment = self.text("/deployment/environment")?;
        let repository = self.repository();
        let identity = format!("{repository} {environment}");
        match self.text("/deployment_status/state")? {
            "failure" | "error" => Some(self.firing(
                &identity,
                Severity::Critical,
                &format!("A deployment of {repository} to {environment} failed"),
            )),
            "success" => Some(self.resolved(&identity, "a later deployment succeeded")),
            _ => None,
        }
    }

    fn alert(&self, severities: &Severities) -> Option<Signal> {
        let number = self.body.pointer("/alert/number")?.as_u64()?;
        let repository = self.repository();
        let identity = format!("{repository} {number}");
        match self.text("/action")? {
            "created" | "reopened" | "reopened_by_user" | "reintroduced" | "appeared_in_branch" => {
                let level = self.first(&[
                    "/alert/security_advisory/severity",
                    "/alert/rule/security_severity_level",
                    "/alert/rule/severity",
                ]);
                let severity = match self.event {
                    "secret_scanning_alert" => Severity::Critical,
                    _ => severities.of(level),
                };
                let kind = self.event.replace('_', " ");
                let about = self.first(TITLES).unwrap_or("no title");
                let title = format!("{kind} {number} in {repository}: {about}");
                Some(self.firing(&identity, severity, &title))
            }
            action @ ("fixed" | "dismissed" | "auto_dismissed" | "resolved" | "closed_by_user") => {
                Some(self.resolved(&identity, action))
            }
            _ => None,
        }
    }

    /// An identity that no other kind of event has.
    fn which(&self, identity: &str) -> Which {
        Which::new(&format!("{} {identity}", self.event), None)
    }

    fn resolved(&self, identity: &str, reason: &str) -> Signal {
        Signal::Resolved {
            which: self.which(identity),
            reason: reason.to_owned(),
        }
    }

    fn firing(&self, identity: &str, severity: Severity, title: &str) -> Signal {
        let about = self.first(TITLES).unwrap_or_default();
        let link = self.first(LINKS).unwrap_or_default();
        Signal::Firing {
            which: self.which(identity),
            severity,
            description: cut(format!("{about} {link}").trim(), TEXT),
            title: cut(title, TITLE),
            attributes: self.attributes(),
        }
    }

    fn line(&self) -> Signal {
        let action = self.text("/action").unwrap_or_default();
        let about = self.first(TITLES).unwrap_or_default();
        let about = about.lines().next().unwrap_or_default();
        let sender = self.text("/sender/login").unwrap_or("somebody");
        let words = [self.event, action, self.repository(), "by", sender];
        let words = words.into_iter().filter(|word| !word.is_empty());
        let head = words.collect::<Vec<_>>().join(" ");
        let text = match about {
            "" => format!("[GITHUB] {head}"),
            about => format!("[GITHUB] {head}: {about}"),
        };
        Signal::Line {
            text: cut(&text, TEXT),
            attributes: self.attributes(),
        }
    }

    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::from_iter([("event".to_owned(), self.event.into())]);
        for (name, pointer) in ATTRIBUTES {
            if let Some(text) = self.text(pointer) {
                attributes.insert((*name).to_owned(), text.into());
            }
        }
        if let Some(link) = self.first(LINKS) {
            attributes.insert("url".to_owned(), link.into());
        }
        bounded(attributes)
    }
}
