//! What must be true in the end.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::common::files::Site;

/// How many examples a failure shows.
const SHOWN: usize = 10;

/// Every mark below `written` is in the evidence of exactly one incident, and no other is.
pub(super) fn each_mark_is_one_incident(written: u64, incidents: &[Value]) -> Result<(), String> {
    let mut seen: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for incident in incidents {
        let context = &incident["context"];
        let line = context["matchedLine"].as_str().unwrap_or_default();
        let mark = mark(line).ok_or_else(|| format!("an incident without a mark: {incident}"))?;
        let place = format!("{} at {}", context["stream"], context["position"]);
        let times = incident["occurrences"].as_u64().unwrap_or_default();
        seen.entry(mark)
            .or_default()
            .extend((0..times).map(|_| place.clone()));
    }
    let missing: Vec<u64> = (0..written)
        .filter(|mark| !seen.contains_key(mark))
        .collect();
    let wrong: Vec<_> = seen
        .iter()
        .filter(|(mark, places)| places.len() != 1 || **mark >= written)
        .collect();
    if missing.is_empty() && wrong.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = wrong
        .iter()
        .take(SHOWN)
        .map(|(mark, places)| format!("{mark}: {places:?}"))
        .collect();
    Err(format!(
        "of {written} marks {} are missing ({:?} …) and {} were not seen once:\n{}",
        missing.len(),
        missing.iter().take(SHOWN).collect::<Vec<_>>(),
        wrong.len(),
        shown.join("\n"),
    ))
}

/// The incidents stand for `written` signals.
pub(super) fn occurrences_add_up(written: u64, incidents: &[Value]) -> Result<(), String> {
    let counted = occurrences(incidents);
    if counted == written {
        return Ok(());
    }
    Err(format!(
        "{written} marks were counted {counted} times, on {} incidents",
        incidents.len()
    ))
}

/// How many signals the incidents stand for.
pub(super) fn occurrences(incidents: &[Value]) -> u64 {
    incidents
        .iter()
        .filter_map(|incident| incident["occurrences"].as_u64())
        .sum()
}

/// Every incident was told of at least once.
pub(super) fn each_incident_was_notified(incidents: &[Value], site: &Site) -> Result<(), String> {
    let told: BTreeSet<String> = site.notifications().iter().filter_map(told_of).collect();
    let ids = incidents
        .iter()
        .filter_map(|incident| incident["id"].as_str());
    let untold: Vec<&str> = ids.filter(|id| !told.contains(*id)).collect();
    if untold.is_empty() {
        return Ok(());
    }
    let examples: Vec<_> = untold.iter().take(SHOWN).collect();
    Err(format!(
        "{} of {} incidents were not notified: {examples:?} …",
        untold.len(),
        incidents.len()
    ))
}

fn told_of(notification: &Value) -> Option<String> {
    Some(notification["payload"]["incidentId"].as_str()?.to_owned())
}

/// The number after `MARK-`.
fn mark(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("MARK-")?;
    rest.split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}
