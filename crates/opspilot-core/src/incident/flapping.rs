//! Incidents that open and resolve in quick succession.
//!
//! An incident that came back [`REOPENS`] times within [`WINDOW`] flaps. One event tells of it; from then on it stays
//! open, whatever resolves it, until it has been quiet for [`WINDOW`].

use std::time::Duration;

use serde_json::{Map, json};

use super::change::entry;
use super::record::{Flapping, Incident};
use super::state::Status;
use crate::clock::Timestamp;
use crate::event::IncidentUpdated;

/// How often an incident comes back before it counts as flapping.
const REOPENS: usize = 3;

/// Within which time, and how long it must then be quiet.
pub(super) const WINDOW: Duration = Duration::from_mins(10);

/// Marks an incident that was just opened again as flapping if it is, and describes that.
pub(super) fn recognise(
    incident: &mut Incident,
    actor: &str,
    now: Timestamp,
) -> Option<IncidentUpdated> {
    if let Some(flapping) = &mut incident.flapping {
        flapping.reopened += 1;
        return None;
    }
    let since = now.minus(WINDOW);
    let reopened = |entry: &&super::TimelineEntry| {
        entry.timestamp > since
            && entry.reason.as_deref() == Some("seen again")
            && entry.details.get("newStatus") == Some(&json!(Status::Open))
    };
    let times: Vec<Timestamp> = incident
        .timeline
        .iter()
        .filter(reopened)
        .map(|entry| entry.timestamp)
        .collect();
    let first = times.first().filter(|_| times.len() >= REOPENS)?;
    let flapping = Flapping {
        reopened: times.len() as u64,
        since: *first,
    };
    let details = Map::from_iter([("reopened".to_owned(), json!(flapping.reopened))]);
    incident.note(entry(now, "flapping", actor, None, details));
    incident.flapping = Some(flapping);
    Some(IncidentUpdated {
        incident_id: incident.id.clone(),
        field: "flapping".to_owned(),
        old_value: serde_json::Value::Null,
        new_value: json!(incident.flapping),
        updated_by: actor.to_owned(),
        updated_at: now,
        reason: None,
    })
}

/// Why an incident resolves by itself.
pub(super) fn quiet_reason(incident: &Incident) -> String {
    match &incident.flapping {
        Some(flapping) => format!(
            "quiet after it came back {} times since {}",
            flapping.reopened, flapping.since
        ),
        None => "no signal repeated it for its quiet period".to_owned(),
    }
}
