//! From an incident and what was done about it to a document.

use std::collections::BTreeSet;
use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::incident::{Incident, Status, TimelineEntry};
use opspilot_core::safety::execution::Execution;
use opspilot_core::safety::proposal::{Decision, Proposal};
use serde_json::Value;

use super::Deed;
use super::document::{Block, Document, Event};

/// How much of one thing that a module found out is shown, in bytes.
const FINDING_LENGTH: usize = 16 << 10;

/// The post-mortem of `incident`, as it stands at `now`.
pub(super) fn tell(
    incident: &Incident,
    deeds: &[Deed],
    is_whole: bool,
    now: Timestamp,
) -> Document {
    let mut document = Document {
        title: ("Post-mortem", incident.title.clone()),
        blocks: vec![Block::Facts(summary(incident, deeds, now))],
    };
    document.add(Block::Chapter("What happened"));
    document.quote("As the detector tells it:", &incident.description);
    findings(&mut document, incident);
    document.add(Block::Chapter("Timeline"));
    if incident.timeline_dropped > 0 {
        let dropped = incident.timeline_dropped.to_string();
        document.add(Block::Facts(vec![("Entries that were dropped", dropped)]));
    }
    let events = incident.timeline.iter().map(event).collect();
    document.add(Block::Events(events));
    evidence(&mut document, incident);
    document.add(Block::Chapter("Actions"));
    match deeds {
        [] => document.add(Block::Sentence("Nothing was proposed.")),
        deeds => deeds.iter().for_each(|deed| action(&mut document, deed)),
    }
    if !is_whole {
        let sentence = "There are more proposals than are told of here; the newest are.";
        document.add(Block::Sentence(sentence));
    }
    document
}

fn summary(incident: &Incident, deeds: &[Deed], now: Timestamp) -> Vec<(&'static str, String)> {
    let end = ended_at(incident);
    let lasted = end.unwrap_or(now).since(incident.detected_at);
    let mut facts = vec![
        ("Incident", incident.id.to_string()),
        ("Severity", incident.severity.to_string()),
        ("Status", incident.status.to_string()),
        ("Detected", incident.detected_at.to_string()),
        ("Detected by", incident.detected_by.clone()),
        ("Last seen", incident.last_seen_at.to_string()),
        ("Signals", incident.occurrences.to_string()),
    ];
    facts.push(match end {
        Some(end) => ("Over", end.to_string()),
        None => ("Over", "not yet".into()),
    });
    facts.push(("Lasted", span(lasted)));
    if let Some(assignee) = &incident.assignee {
        facts.push(("Assignee", assignee.clone()));
    }
    facts.push(("Took part", people(incident, deeds)));
    facts.push(("Written", now.to_string()));
    facts
}

/// When an incident that is over ended.
fn ended_at(incident: &Incident) -> Option<Timestamp> {
    let is_over = matches!(incident.status, Status::Resolved | Status::Closed);
    let is_end = |entry: &&TimelineEntry| {
        let status = entry.details.get("newStatus").and_then(Value::as_str);
        matches!(status, Some("resolved" | "closed"))
    };
    // The last time that it was active is followed by the entry that ended it.
    let entries = incident.timeline.iter().rev();
    let changes = entries.filter(|entry| entry.action == "status.changed");
    let ends = changes.take_while(is_end);
    ends.last().map(|entry| entry.timestamp).filter(|_| is_over)
}

/// Everybody who did something, in order of their names.
fn people(incident: &Incident, deeds: &[Deed]) -> String {
    let entries = incident.timeline.iter();
    let mut people: BTreeSet<&str> = entries.map(|entry| entry.actor.as_str()).collect();
    for Deed { proposal, .. } in deeds {
        people.insert(&proposal.requested_by);
        people.extend(
            proposal
                .approvals
                .iter()
                .map(|decision| decision.by.as_str()),
        );
        people.extend(proposal.ended.iter().map(|decision| decision.by.as_str()));
    }
    people.into_iter().collect::<Vec<_>>().join(", ")
}

/// A length of time in its two largest units.
fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

fn findings(document: &mut Document, incident: &Incident) {
    if incident.enrichments.is_empty() {
        return;
    }
    document.add(Block::Sentence(
        "What modules found out; where a model was asked, this is what it wrote.",
    ));
    for (module, finding) in &incident.enrichments {
        document.add(Block::Section(module.clone()));
        let text = serde_json::to_string_pretty(finding).unwrap_or_default();
        let length = text.floor_char_boundary(FINDING_LENGTH);
        let is_cut = length < text.len();
        document.add(Block::Quote(
            text.get(..length).unwrap_or_default().to_owned(),
        ));
        if is_cut {
            document.add(Block::Sentence("The rest is left out here."));
        }
    }
}

fn event(entry: &TimelineEntry) -> Event {
    let mut more = Vec::new();
    if let Some(reason) = &entry.reason {
        more.push(("because", reason.clone()));
    }
    if !entry.details.is_empty() {
        let details = Value::Object(entry.details.clone());
        more.push(("with", details.to_string()));
    }
    Event {
        at: entry.timestamp.to_string(),
        what: entry.action.clone(),
        by: entry.actor.clone(),
        more,
    }
}

fn evidence(document: &mut Document, incident: &Incident) {
    document.add(Block::Chapter("Evidence"));
    let line = incident.context.get("matchedLine").and_then(Value::as_str);
    document.quote("The line that led to it:", line.unwrap_or_default());
    let mut others = incident.context.clone();
    others.remove("matchedLine");
    let text = serde_json::to_string_pretty(&others).unwrap_or_default();
    match others.is_empty() {
        true if line.is_none() => document.add(Block::Sentence("None is stored.")),
        true => {}
        false => document.quote("What is known of it:", &text),
    }
}

fn action(document: &mut Document, deed: &Deed) {
    let Deed {
        proposal,
        executions,
    } = deed;
    document.add(Block::Section(proposal.description.clone()));
    let types: Vec<_> = proposal
        .actions
        .iter()
        .map(|one| one.action.action_type.as_str())
        .collect();
    let targets: Vec<_> = proposal
        .actions
        .iter()
        .map(|one| one.action.target.as_str())
        .collect();
    document.add(Block::Facts(vec![
        ("Proposal", proposal.id.clone()),
        ("Type", types.join(", ")),
        ("Target", targets.join(", ")),
        ("Status", proposal.status.as_str().to_owned()),
    ]));
    document.add(Block::Events(steps(proposal, executions)));
    for execution in executions {
        let output = execution
            .outcome
            .as_ref()
            .map(|outcome| outcome.output.as_str());
        document.quote("It printed:", output.unwrap_or_default());
    }
}

/// What happened to a proposal, and to what was approved.
fn steps(proposal: &Proposal, executions: &[Execution]) -> Vec<Event> {
    let mut steps = vec![Event {
        at: proposal.created_at.to_string(),
        what: "proposed".into(),
        by: proposal.requested_by.clone(),
        more: because(Some(&proposal.reasoning)),
    }];
    steps.extend(
        proposal
            .approvals
            .iter()
            .map(|one| decided("approved", one)),
    );
    for execution in executions {
        let mut more = vec![("state", execution.state.as_str().to_owned())];
        if let Some(outcome) = &execution.outcome {
            more.push(("outcome", outcome.summary.clone()));
        }
        if let Some(verdict) = &execution.verdict {
            more.push(("check", verdict.detail.clone()));
        }
        if let Some(end) = execution.ended_at {
            more.push(("until", end.to_string()));
        }
        steps.push(Event {
            at: execution.started_at.to_string(),
            what: "done".into(),
            by: execution.action.executor.clone(),
            more,
        });
    }
    let ending = proposal.ended.as_ref();
    steps.extend(ending.map(|one| decided(proposal.status.as_str(), one)));
    steps
}

fn decided(what: &str, decision: &Decision) -> Event {
    Event {
        at: decision.at.to_string(),
        what: what.to_owned(),
        by: decision.by.clone(),
        more: because(decision.reason.as_ref()),
    }
}

fn because(reason: Option<&String>) -> Vec<(&'static str, String)> {
    let reason = reason.filter(|reason| !reason.is_empty());
    reason
        .map(|reason| ("because", reason.clone()))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_two_largest_units() {
        let rows = [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (3_600, "1 h 0 min"),
            (90_061, "1 d 1 h"),
        ];
        for (seconds, expected) in rows {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }
}
