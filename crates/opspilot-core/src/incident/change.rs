//! How a change looks on the record, in the timeline and as an event.

use serde_json::{Map, Value, json};

use super::record::{Incident, TimelineEntry};
use super::service::Change;
use super::state::IllegalTransition;
use crate::clock::Timestamp;
use crate::event::{IncidentRepeated, IncidentUpdated};

/// Changes `incident` and describes the change, or leaves it as it is.
pub(super) fn apply(
    incident: &mut Incident,
    change: Change,
    actor: &str,
    reason: Option<String>,
    now: Timestamp,
) -> Result<IncidentUpdated, IllegalTransition> {
    let (field, action, old_value, new_value) = match change {
        Change::Transition(transition) => {
            let before = incident.status;
            incident.status = before.after(transition)?;
            if !incident.status.is_active() {
                incident.flapping = None;
            }
            (
                "status",
                "status.changed",
                json!(before),
                json!(incident.status),
            )
        }
        Change::Assign(assignee) => {
            let before = std::mem::replace(&mut incident.assignee, assignee);
            (
                "assignee",
                "assigned",
                json!(before),
                json!(incident.assignee),
            )
        }
        Change::Comment(text) => ("comment", "comment", Value::Null, json!(text)),
    };
    let details = match action {
        "status.changed" => Map::from_iter([
            ("oldStatus".to_owned(), old_value.clone()),
            ("newStatus".to_owned(), new_value.clone()),
        ]),
        "comment" => Map::from_iter([("text".to_owned(), new_value.clone())]),
        _ => Map::from_iter([(field.to_owned(), new_value.clone())]),
    };
    incident.note(entry(now, action, actor, reason.clone(), details));
    Ok(IncidentUpdated {
        incident_id: incident.id.clone(),
        field: field.to_owned(),
        old_value,
        new_value,
        updated_by: actor.to_owned(),
        updated_at: now,
        reason,
    })
}

/// Adds the counts of a storm's rules to what the detector keeps on the incident.
pub(super) fn count_by_rule(incident: &mut Incident, event: &IncidentRepeated, actor: &str) {
    if event.by_rule.is_empty() {
        return;
    }
    let kept = incident
        .enrichments
        .entry(actor)
        .or_insert_with(|| json!({ "byRule": {} }));
    let Some(rules) = kept.get_mut("byRule").and_then(Value::as_object_mut) else {
        return;
    };
    for (rule, count) in &event.by_rule {
        let total = rules.get(rule).and_then(Value::as_u64).unwrap_or(0) + count;
        rules.insert(rule.clone(), json!(total));
    }
}

/// One line of an incident's history.
pub(super) fn entry(
    timestamp: Timestamp,
    action: &str,
    actor: &str,
    reason: Option<String>,
    details: Map<String, Value>,
) -> TimelineEntry {
    TimelineEntry {
        timestamp,
        action: action.to_owned(),
        actor: actor.to_owned(),
        reason,
        details,
    }
}
