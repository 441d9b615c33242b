//! How often rules matched since the process started.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use crate::clock::Timestamp;

/// How many rules of one module have a count; a module has no more rules than that.
const RULES: usize = 1_000;

/// Counts of matches by module and rule; cloning it clones a handle.
#[derive(Debug, Clone, Default)]
pub struct RuleCounts(Arc<Mutex<BTreeMap<&'static str, Rules>>>);

type Rules = BTreeMap<Arc<str>, RuleCount>;

/// How often a rule matched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleCount {
    /// Matches since the process started.
    pub matches: u64,
    /// When the last of them was.
    pub last_match_at: Timestamp,
}

impl RuleCounts {
    /// Counts `matches` of a rule of `module`, seen at `now`.
    pub fn add(&self, module: &'static str, rule: &str, matches: u64, now: Timestamp) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = counts.entry(module).or_default();
        if let Some(count) = rules.get_mut(rule) {
            count.matches += matches;
            count.last_match_at = count.last_match_at.max(now);
        } else if rules.len() < RULES {
            let count = RuleCount {
                matches,
                last_match_at: now,
            };
            rules.insert(rule.into(), count);
        }
    }

    /// The count of a rule of `module`; `None` if it never matched.
    #[must_use]
    pub fn of(&self, module: &str, rule: &str) -> Option<RuleCount> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(module)?.get(rule).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_belong_to_a_rule_of_a_module_and_are_bounded() {
        let counts = RuleCounts::default();
        let at = Timestamp::from_millis;
        counts.add("detector.a", "oom", 2, at(20));
        counts.add("detector.a", "oom", 1, at(10));
        counts.add("detector.b", "oom", 5, at(30));
        let count = RuleCount {
            matches: 3,
            last_match_at: at(20),
        };
        assert_eq!(counts.of("detector.a", "oom"), Some(count));
        assert_eq!(counts.of("detector.a", "disk"), None);
        for number in 0..5_000 {
            counts.add("detector.a", &number.to_string(), 1, at(40));
        }
        assert_eq!(
            counts.of("detector.a", "998").map(|count| count.matches),
            Some(1)
        );
        assert_eq!(counts.of("detector.a", "4999"), None);
    }
}
