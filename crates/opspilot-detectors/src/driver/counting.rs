//! How often each rule matched, for whoever shows the rules.

use std::sync::Arc;

use opspilot_core::clock::Clock;
use opspilot_core::module::Context;
use opspilot_core::rules::RuleCounts;
use serde_json::Value;

use crate::detector::Finding;

/// Counts matches by rule.
#[derive(Debug)]
pub(super) struct Counting {
    counts: RuleCounts,
    module: &'static str,
    clock: Arc<dyn Clock>,
}

impl Counting {
    pub(super) fn of(cx: &Context) -> Self {
        Self {
            counts: cx.system.rule_counts().clone(),
            module: cx.id,
            clock: Arc::clone(&cx.clock),
        }
    }

    pub(super) fn finding(&self, finding: &Finding) {
        let now = self.clock.now();
        each(finding, |rule, matches| {
            self.counts.add(self.module, rule, matches, now);
        });
    }
}

/// Calls `count` with each rule that a finding tells of, and how often it matched.
fn each(finding: &Finding, mut count: impl FnMut(&str, u64)) {
    match finding {
        Finding::Created { event, .. } => match event.context.get("ruleId") {
            Some(rule) => count(rule.as_str().unwrap_or_default(), event.occurrences),
            // What a cap holds back is told by rule.
            None => {
                let rules = event.context.get("rules").and_then(Value::as_object);
                let rules = rules.into_iter().flatten();
                rules.for_each(|(rule, matches)| count(rule, matches.as_u64().unwrap_or(0)));
            }
        },
        Finding::Repeated { event, rule, .. } if event.by_rule.is_empty() => {
            count(rule, event.occurrences);
        }
        Finding::Repeated { event, .. } => {
            let rules = event.by_rule.iter();
            rules.for_each(|(rule, matches)| count(rule, *matches));
        }
        Finding::Cleared { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use opspilot_core::clock::Timestamp;
    use opspilot_core::event::IncidentCleared;
    use opspilot_core::signal::LogBatch;

    use super::*;
    use crate::detector::{Detector as _, DetectorModule as _};
    use crate::regex::Regex;
    use crate::testing::lines;

    /// The matches of each rule in `batch`, with a cap of `cap`.
    fn counted(cap: u32, batch: &LogBatch) -> BTreeMap<String, u64> {
        let config = serde_json::from_value(serde_json::json!({
            "maxIncidentsPerMinute": cap,
            "rules": [
                { "id": "a", "pattern": "a", "severity": "info", "title": "A" },
                { "id": "b", "pattern": "b", "severity": "info", "title": "B", "cooldownMs": 0 },
                { "id": "c", "pattern": "c", "severity": "info", "title": "C", "cooldownMs": 0 },
            ],
        }));
        let mut detector = Regex::new(&config.unwrap()).unwrap();
        let mut findings = Vec::new();
        detector.observe(Timestamp::from_millis(0), batch, &mut findings);
        let mut counts = BTreeMap::new();
        for finding in &findings {
            each(finding, |rule, matches| {
                *counts.entry(rule.to_owned()).or_default() += matches;
            });
        }
        counts
    }

    #[test]
    fn every_match_is_counted_once_on_its_rule_whatever_became_of_it() {
        let lines = lines(&["ab", "a", "bc", "b", "x", "ab", "c", "b"]);
        let expected = [("a", 3), ("b", 5), ("c", 2)];
        let expected = expected.map(|(rule, matches)| (rule.to_owned(), matches));
        let expected = BTreeMap::from(expected);
        for cap in [0, 1, 2] {
            assert_eq!(counted(cap, &lines), expected, "cap {cap}");
        }
    }

    #[test]
    fn an_end_is_no_match() {
        let event = IncidentCleared {
            incident_id: "a".into(),
            cleared_by: "detector.threshold".into(),
            reason: String::new(),
            cleared_at: Timestamp::UNIX_EPOCH,
        };
        let finding = Finding::Cleared {
            position: None,
            event,
        };
        each(&finding, |rule, _| panic!("{rule} was counted"));
    }
}
