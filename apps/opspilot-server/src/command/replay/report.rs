//! What a replay prints.

use std::collections::BTreeMap;

use opspilot_core::clock::Timestamp;
use opspilot_core::error::escape;
use opspilot_core::event::{IncidentCleared, IncidentCreated, IncidentRepeated};
use opspilot_core::incident::IncidentId;
use serde_json::{Value, json};

use crate::output;

/// The findings so far.
pub(super) struct Report {
    as_json: bool,
    pub(super) lines: u64,
    created: u64,
    cleared: u64,
    /// Suppressed matches by rule and reason.
    suppressed: BTreeMap<(String, &'static str), u64>,
}

impl Report {
    pub(super) fn new(as_json: bool) -> Self {
        Self {
            as_json,
            lines: 0,
            created: 0,
            cleared: 0,
            suppressed: BTreeMap::new(),
        }
    }

    /// An incident that would have been created.
    pub(super) fn created(&mut self, now: Timestamp, event: &IncidentCreated) {
        self.created += 1;
        if self.as_json {
            return output::json_line(
                &json!({ "time": now, "outcome": "created", "incident": event }),
            );
        }
        let title = escape(&event.title);
        output::line(format!(
            "{now}  created     {:8}  {title}  [{}]",
            event.severity,
            place(event)
        ));
        if let Some(line) = event.context.get("matchedLine").and_then(Value::as_str) {
            output::line(format!("{:26}| {}", "", shorten(&escape(line))));
        }
    }

    /// A match that repeats an incident.
    pub(super) fn duplicate(
        &mut self,
        now: Timestamp,
        event: &IncidentCreated,
        original: &IncidentId,
    ) {
        self.suppress(&rule(event), "repeats an incident", 1);
        if self.as_json {
            let value = json!({
                "time": now, "outcome": "suppressed", "reason": "dedup", "rule": rule(event),
                "incidentId": event.incident_id, "originalIncidentId": original, "occurrences": 1,
            });
            output::json_line(&value);
        }
    }

    /// Matches that were counted on an earlier incident.
    pub(super) fn repeated(
        &mut self,
        now: Timestamp,
        event: &IncidentRepeated,
        reason: &str,
        rule: &str,
    ) {
        let why = if reason == "cooldown" {
            "within the cooldown"
        } else {
            "above maxIncidentsPerMinute"
        };
        if event.by_rule.is_empty() {
            self.suppress(rule, why, event.occurrences);
        }
        for (rule, count) in &event.by_rule {
            self.suppress(rule, why, *count);
        }
        if self.as_json {
            let value = json!({
                "time": now, "outcome": "suppressed", "reason": reason, "rule": rule,
                "originalIncidentId": event.incident_id, "occurrences": event.occurrences,
            });
            output::json_line(&value);
        }
    }

    /// A condition that would have ended.
    pub(super) fn cleared(&mut self, now: Timestamp, event: &IncidentCleared) {
        self.cleared += 1;
        if self.as_json {
            return output::json_line(
                &json!({ "time": now, "outcome": "cleared", "incident": event }),
            );
        }
        output::line(format!(
            "{now}  cleared               {}  [{}]",
            escape(&event.reason),
            event.cleared_by
        ));
    }

    /// Prints the sums.
    pub(super) fn finish(self) {
        let suppressed: u64 = self.suppressed.values().sum();
        if self.as_json {
            let sums = json!({
                "outcome": "summary", "lines": self.lines, "created": self.created,
                "suppressed": suppressed, "cleared": self.cleared,
            });
            return output::json_line(&sums);
        }
        let Self {
            lines,
            created,
            cleared,
            ..
        } = self;
        output::line(format!(
            "{lines} lines: {created} incidents created, {suppressed} matches suppressed, {cleared} cleared"
        ));
        for ((rule, reason), count) in self.suppressed {
            output::line(format!(
                "  {count:>9} suppressed  {}: {reason}",
                escape(&rule)
            ));
        }
    }

    fn suppress(&mut self, rule: &str, reason: &'static str, count: u64) {
        *self
            .suppressed
            .entry((rule.to_owned(), reason))
            .or_default() += count;
    }
}

fn rule(event: &IncidentCreated) -> String {
    let id = event.context.get("ruleId").and_then(Value::as_str);
    id.unwrap_or(&event.detected_by).to_owned()
}

/// Which rule found it, and where.
fn place(event: &IncidentCreated) -> String {
    let source = event
        .context
        .get("logSource")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let line = event.context.get("logLineNumber").and_then(Value::as_u64);
    let place = line.map_or_else(|| source.to_owned(), |line| format!("{source}:{line}"));
    escape(&format!("{} {place}", rule(event)))
}

fn shorten(text: &str) -> String {
    const WIDTH: usize = 160;
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", text.split_at(end).0),
        None => text.to_owned(),
    }
}
