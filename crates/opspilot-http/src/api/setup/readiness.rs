//! How far a server is set up. Nothing is nearly ready while something that it cannot do without is missing.

use schemars::JsonSchema;
use serde::Serialize;

/// The most that can be reached while something critical is missing, in percent.
const WITHOUT_CRITICAL: u32 = 50;

/// How far the server is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SetupReadiness")]
pub(super) struct Readiness {
    /// How much of it is done, in percent; at most 50 while something critical is missing.
    percent: u32,
    /// Whether nothing critical is missing.
    ready: bool,
    /// Everything that counts, the most important first.
    items: Vec<Item>,
}

/// Something that a server needs, or is better with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SetupItem")]
pub(super) struct Item {
    /// Its name.
    id: &'static str,
    /// What it is.
    label: &'static str,
    /// How much it matters.
    impact: Impact,
    /// Whether it is there.
    done: bool,
    /// What to do where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    way_out: Option<&'static str>,
}

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SetupImpact")]
pub(super) enum Impact {
    /// Nothing is found without it.
    Critical,
    /// Nobody hears of what is found.
    High,
    /// It is better with it.
    Medium,
}

/// What is looked at.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// The modules that run.
    pub(super) modules: &'a [&'a str],
    pub(super) has_file: bool,
    pub(super) asks_callers: bool,
}

impl Readiness {
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let has = |prefix: &str| facts.modules.iter().any(|id| id.starts_with(prefix));
        let items = vec![
            Item::new(
                "file",
                "A configuration that survives a restart",
                Impact::Critical,
                facts.has_file,
                "save this one",
            ),
            Item::new(
                "source",
                "Something to read",
                Impact::Critical,
                has("connector."),
                "choose a source",
            ),
            Item::new(
                "detector",
                "Rules that find something in it",
                Impact::Critical,
                has("detector."),
                "switch `detector.regex` on",
            ),
            Item::new(
                "store",
                "A store for incidents",
                Impact::Critical,
                has("enricher.incidentStore"),
                "switch `enricher.incidentStore` on",
            ),
            Item::new(
                "channel",
                "A way to tell people",
                Impact::High,
                has("notifier."),
                "choose a channel",
            ),
            Item::new(
                "access",
                "Keys for people",
                Impact::Medium,
                facts.asks_callers,
                "run `opspilot-server key create`, then set `auth.enabled: true`",
            ),
            Item::new(
                "actions",
                "Actions that wait for an approval",
                Impact::Medium,
                has("action."),
                "switch `action.safe` on",
            ),
        ];
        let weight = |items: &mut dyn Iterator<Item = &Item>| -> u32 {
            items.map(|item| item.impact.weight()).sum()
        };
        let all = weight(&mut items.iter());
        let done = weight(&mut items.iter().filter(|item| item.done));
        let ready = items
            .iter()
            .all(|item| item.done || item.impact != Impact::Critical);
        let percent = done * 100 / all;
        Self {
            percent: if ready {
                percent
            } else {
                percent.min(WITHOUT_CRITICAL)
            },
            ready,
            items,
        }
    }
}

impl Item {
    const fn new(
        id: &'static str,
        label: &'static str,
        impact: Impact,
        done: bool,
        way_out: &'static str,
    ) -> Self {
        Self {
            id,
            label,
            impact,
            done,
            way_out: if done { None } else { Some(way_out) },
        }
    }
}

impl Impact {
    const fn weight(self) -> u32 {
        match self {
            Self::Critical => 4,
            Self::High => 3,
            Self::Medium => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 5] = [
        "connector.fileTail",
        "detector.regex",
        "enricher.incidentStore",
        "notifier.channels",
        "action.safe",
    ];

    fn of(modules: &[&str], has_file: bool) -> Readiness {
        Readiness::of(&Facts {
            modules,
            has_file,
            asks_callers: true,
        })
    }

    #[test]
    fn nothing_is_nearly_ready_while_something_critical_is_missing() {
        assert_eq!((of(&ALL, true).percent, of(&ALL, true).ready), (100, true));
        let without = |left_out: &str| {
            let some: Vec<_> = ALL.into_iter().filter(|id| *id != left_out).collect();
            of(&some, true)
        };
        for id in [
            "connector.fileTail",
            "detector.regex",
            "enricher.incidentStore",
        ] {
            let found = without(id);
            assert!(
                !found.ready && found.percent <= WITHOUT_CRITICAL,
                "{id}: {}",
                found.percent
            );
        }
        assert!(!of(&ALL, false).ready);
        let quiet = without("notifier.channels");
        assert!(quiet.ready && quiet.percent < 100, "{}", quiet.percent);
        assert_eq!(of(&[], false).percent, 4);
    }
}
