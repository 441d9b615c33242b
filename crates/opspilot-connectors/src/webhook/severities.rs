//! Words of senders for how bad something is.

use std::collections::BTreeMap;

use opspilot_core::incident::Severity;

/// Words that need no configuration, in lower case.
const KNOWN: &[(&str, Severity)] = &[
    ("critical", Severity::Critical),
    ("crit", Severity::Critical),
    ("emergency", Severity::Critical),
    ("alert", Severity::Critical),
    ("fatal", Severity::Critical),
    ("page", Severity::Critical),
    ("high", Severity::Critical),
    ("error", Severity::Critical),
    ("warning", Severity::Warning),
    ("warn", Severity::Warning),
    ("major", Severity::Warning),
    ("medium", Severity::Warning),
    ("moderate", Severity::Warning),
    ("info", Severity::Info),
    ("information", Severity::Info),
    ("notice", Severity::Info),
    ("minor", Severity::Info),
    ("low", Severity::Info),
    ("none", Severity::Info),
    ("debug", Severity::Info),
];

/// Turns words into severities: those of the configuration first, then the usual ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Severities {
    own: BTreeMap<String, Severity>,
    otherwise: Severity,
}

impl Severities {
    /// `own` are words of the configuration; what nobody knows is `otherwise`.
    pub(super) fn new(own: &BTreeMap<String, Severity>, otherwise: Severity) -> Self {
        let lower = |(word, severity): (&String, &Severity)| (word.to_lowercase(), *severity);
        Self {
            own: own.iter().map(lower).collect(),
            otherwise,
        }
    }

    /// What `word` means, in whatever case it is written.
    pub(super) fn of(&self, word: Option<&str>) -> Severity {
        let Some(word) = word.map(|word| word.trim().to_lowercase()) else {
            return self.otherwise;
        };
        let known = || KNOWN.iter().find(|(known, _)| *known == word);
        let own = self.own.get(&word).copied();
        own.or_else(|| known().map(|(_, severity)| *severity))
            .unwrap_or(self.otherwise)
    }
}
