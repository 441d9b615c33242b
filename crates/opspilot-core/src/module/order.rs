//! In which order modules start.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::{Category, Manifest};

/// The wire types that travel in bounded queues whose senders wait.
const SIGNALS: &[&str] = &["log.ingested", "metric.sampled"];

/// Why modules cannot be started together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
    /// A module needs one that does not run.
    #[error("module `{module}` needs `{dependency}`, which is {reason}")]
    Missing {
        /// The module.
        module: &'static str,
        /// What it needs.
        dependency: &'static str,
        /// `switched off` or `not part of this program`.
        reason: &'static str,
    },
    /// Modules need each other in a circle.
    #[error("modules need each other in a circle: {}", .0.join(" -> "))]
    Cycle(Vec<&'static str>),
    /// Modules feed each other signals in a circle, whose full queues would wait for each other for ever.
    #[error("modules feed each other signals in a circle, which can deadlock: {}", .0.join(" -> "))]
    SignalCycle(Vec<&'static str>),
}

/// Orders `enabled` so that each module comes after those it needs and, among independent ones, consumers come before
/// producers (Kahn's algorithm; ties by category from the end of the flow, then by id).
pub(super) fn start_order(
    enabled: &[&'static Manifest],
    known: impl Fn(&str) -> bool,
) -> Result<Vec<&'static str>, OrderError> {
    let ids: BTreeSet<&str> = enabled.iter().map(|manifest| manifest.id).collect();
    refuse_missing(enabled, &ids, known)?;
    refuse_signal_cycles(enabled)?;
    let mut waiting: BTreeMap<(std::cmp::Reverse<Category>, &'static str), BTreeSet<&'static str>> =
        enabled
            .iter()
            .map(|manifest| {
                let key = (std::cmp::Reverse(manifest.category), manifest.id);
                (key, manifest.dependencies.iter().copied().collect())
            })
            .collect();
    let mut order = Vec::with_capacity(enabled.len());
    while let Some(key) = waiting
        .iter()
        .find(|(_, needs)| needs.is_empty())
        .map(|(key, _)| *key)
    {
        waiting.remove(&key);
        waiting.values_mut().for_each(|needs| {
            needs.remove(key.1);
        });
        order.push(key.1);
    }
    if waiting.is_empty() {
        return Ok(order);
    }
    let edges = waiting
        .into_iter()
        .map(|((_, id), needs)| (id, needs))
        .collect();
    Err(OrderError::Cycle(find_cycle(&edges).unwrap_or_default()))
}

fn refuse_missing(
    enabled: &[&'static Manifest],
    ids: &BTreeSet<&str>,
    known: impl Fn(&str) -> bool,
) -> Result<(), OrderError> {
    for manifest in enabled {
        if let Some(dependency) = manifest.dependencies.iter().find(|id| !ids.contains(**id)) {
            let reason = if known(dependency) {
                "switched off"
            } else {
                "not part of this program"
            };
            return Err(OrderError::Missing {
                module: manifest.id,
                dependency,
                reason,
            });
        }
    }
    Ok(())
}

fn refuse_signal_cycles(enabled: &[&'static Manifest]) -> Result<(), OrderError> {
    let fed_by = |manifest: &Manifest| {
        let signals = manifest
            .emits
            .iter()
            .filter(|signal| SIGNALS.contains(signal));
        let consumers = signals
            .flat_map(|signal| {
                enabled
                    .iter()
                    .filter(move |other| other.consumes.contains(signal))
            })
            .map(|other| other.id);
        consumers.collect::<BTreeSet<_>>()
    };
    let edges = enabled
        .iter()
        .map(|manifest| (manifest.id, fed_by(manifest)))
        .collect();
    find_cycle(&edges).map_or(Ok(()), |cycle| Err(OrderError::SignalCycle(cycle)))
}

/// A circle in a graph, its first member repeated at the end.
fn find_cycle(edges: &BTreeMap<&'static str, BTreeSet<&'static str>>) -> Option<Vec<&'static str>> {
    let mut done = BTreeSet::new();
    edges
        .keys()
        .find_map(|start| walk(start, edges, &mut Vec::new(), &mut done))
}

fn walk(
    node: &'static str,
    edges: &BTreeMap<&'static str, BTreeSet<&'static str>>,
    path: &mut Vec<&'static str>,
    done: &mut BTreeSet<&'static str>,
) -> Option<Vec<&'static str>> {
    if let Some(start) = path.iter().position(|seen| *seen == node) {
        let mut cycle = path.split_off(start);
        cycle.push(node);
        return Some(cycle);
    }
    if !done.insert(node) {
        return None;
    }
    path.push(node);
    let found = edges
        .get(node)
        .into_iter()
        .flatten()
        .find_map(|next| walk(next, edges, path, done));
    path.pop();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn module(id: &'static str, category: Category) -> Manifest {
        Manifest::new(id, category, "")
    }

    fn order(enabled: &[&'static Manifest]) -> Result<Vec<&'static str>, String> {
        start_order(enabled, |id| id == "known").map_err(|error| error.to_string())
    }

    #[test]
    fn consumers_start_before_producers_and_dependencies_before_both() {
        static TAIL: Manifest = module("connector.tail", Category::Connector);
        static STORE: Manifest = module("enricher.store", Category::Enricher);
        static REGEX: Manifest = module("detector.regex", Category::Detector);
        static TOOLS: Manifest = Manifest {
            dependencies: &["enricher.store"],
            ..module("openclaw.tools", Category::Openclaw)
        };
        let expected = [
            "enricher.store",
            "openclaw.tools",
            "detector.regex",
            "connector.tail",
        ];
        assert_eq!(order(&[&TAIL, &TOOLS, &REGEX, &STORE]).unwrap(), expected);
    }

    #[test]
    fn what_is_missing_is_named() {
        static A: Manifest = Manifest {
            dependencies: &["known"],
            ..module("a", Category::Ui)
        };
        static B: Manifest = Manifest {
            dependencies: &["unknown"],
            ..module("b", Category::Ui)
        };
        assert_eq!(
            order(&[&A]).unwrap_err(),
            "module `a` needs `known`, which is switched off"
        );
        assert_eq!(
            order(&[&B]).unwrap_err(),
            "module `b` needs `unknown`, which is not part of this program"
        );
    }

    #[test]
    fn a_circle_is_named_in_full() {
        static A: Manifest = Manifest {
            dependencies: &["b"],
            ..module("a", Category::Ui)
        };
        static B: Manifest = Manifest {
            dependencies: &["c"],
            ..module("b", Category::Ui)
        };
        static C: Manifest = Manifest {
            dependencies: &["b"],
            ..module("c", Category::Ui)
        };
        let circle = "modules need each other in a circle: b -> c -> b";
        assert_eq!(order(&[&A, &B, &C]).unwrap_err(), circle);
    }

    #[test]
    fn queues_that_wait_for_each_other_are_refused() {
        static A: Manifest = Manifest {
            consumes: &["log.ingested"],
            emits: &["log.ingested"],
            ..module("a", Category::Enricher)
        };
        assert!(order(&[&A]).unwrap_err().ends_with("a -> a"));
    }
}
