//! How a change is told in the audit log.

use serde_json::Value;

use super::state::Status;
use crate::event::IncidentUpdated;
use crate::safety::action::Digest;
use crate::safety::audit::Record;

/// What the audit log says of a change. A comment is told by its SHA-256 alone: its text stays where it can be erased.
pub(super) fn told(update: &IncidentUpdated) -> Record {
    let record = Record::new(action(update), update.updated_by.clone())
        .target(update.incident_id.to_string())
        .about(&update.incident_id);
    let record = match (update.field.as_str(), update.new_value.as_str()) {
        ("comment", Some(text)) => {
            record.detail("textSha256", Digest::of(text.as_bytes()).to_string())
        }
        _ => record
            .detail("from", update.old_value.clone())
            .detail("to", update.new_value.clone()),
    };
    match &update.reason {
        Some(reason) => record.detail("reason", reason.as_str()),
        None => record,
    }
}

fn action(update: &IncidentUpdated) -> &'static str {
    match (update.field.as_str(), &update.new_value) {
        ("status", status) => match Status::ALL
            .into_iter()
            .find(|known| status == known.as_str())
        {
            Some(Status::Acknowledged) => "incident.acknowledged",
            Some(Status::Resolved) => "incident.resolved",
            Some(Status::Closed) => "incident.closed",
            Some(Status::Open) | None => "incident.reopened",
        },
        ("assignee", Value::Null) => "incident.unassigned",
        ("assignee", _) => "incident.assigned",
        _ => "incident.commented",
    }
}
