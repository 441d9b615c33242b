//! Which runs of containers could not be read to their end, because the cluster hands out the log of the present run and
//! of the one before it alone.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::roster::View;
use super::runs::{container_of, uid_of};

/// Knows the runs that are to be read, and counts those that cannot be had any more.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// The runs that were seen and are not read to their end.
    open: HashSet<String>,
    /// By container, how often it had started again when it was seen last.
    latest: HashMap<String, i64>,
}

/// What was lost.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// How many runs came and went unseen.
    pub(super) unseen: u64,
    /// The runs that were seen and are gone before they were read to their end.
    pub(super) unread: Vec<String>,
}

impl Losses {
    /// Compares what there is with what was there, and says what was lost since.
    pub(super) fn look(
        &mut self,
        view: &View,
        is_active: impl Fn(&str) -> bool,
        is_done: impl Fn(&str) -> bool,
    ) -> Lost {
        let unseen = self.skipped(view);
        let mut unread = Vec::new();
        self.open.retain(|stream| {
            // A log that was opened in time is read to its end, and of a pod that is gone nothing is left.
            if is_done(stream) || !view.pods.contains(uid_of(stream)) {
                return false;
            }
            let is_there = view.runs.contains_key(stream) || is_active(stream);
            if !is_there {
                unread.push(stream.clone());
            }
            is_there
        });
        let open = view.runs.keys().filter(|stream| !is_done(stream));
        self.open.extend(open.cloned());
        Lost { unseen, unread }
    }

    /// How many runs came and went unseen.
    fn skipped(&mut self, view: &View) -> u64 {
        let mut seen: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for run in view.runs.values() {
            let number = run.number;
            let (first, last) = seen
                .entry(container_of(&run.stream))
                .or_insert((number, number));
            *first = number.min(*first);
            *last = number.max(*last);
        }
        let mut skipped = 0;
        for (container, (first, last)) in seen {
            if let Some(known) = self.latest.insert(container.to_owned(), last) {
                skipped += u64::try_from(first - known - 1).unwrap_or(0);
            }
        }
        self.latest
            .retain(|container, _| view.pods.contains(uid_of(container)));
        skipped
    }
}

#[cfg(test)]
mod tests {
    use super::super::Run;
    use super::*;

    fn named(id: &str) -> String {
        format!("kubernetes-log/uid/main/{id}")
    }

    /// A view of one container with these runs: the id of each and its number. Without any, its pod is gone.
    fn view(runs: &[(&str, i64)]) -> View {
        let is_gone = runs.is_empty();
        let runs = runs.iter().map(|(id, number)| {
            let run = Run {
                namespace: "shop".to_owned(),
                pod: "web".to_owned(),
                container: "main".to_owned(),
                stream: named(id),
                number: *number,
                is_previous: false,
                is_over: false,
                at: None,
            };
            (run.stream.clone(), run)
        });
        View {
            runs: runs.collect(),
            pods: HashSet::from_iter((!is_gone).then(|| "uid".to_owned())),
            is_whole: true,
            has_losses: false,
        }
    }

    #[test]
    fn runs_that_went_unread_and_unseen_are_counted_once() {
        let mut losses = Losses::default();
        let mut look = |runs: &[(&str, i64)], active: &str, done: &str| {
            let view = view(runs);
            let lost = losses.look(&view, |run| run == named(active), |run| run == named(done));
            let ids = lost.unread.iter().filter_map(|run| run.rsplit('/').next());
            let mut ids: Vec<_> = ids.map(str::to_owned).collect();
            ids.sort();
            (lost.unseen, ids.concat())
        };
        let nothing = (0, String::new());
        assert_eq!(look(&[("a", 0)], "", ""), nothing);
        // `a` is read still.
        assert_eq!(look(&[("b", 1), ("c", 2)], "a", ""), nothing);
        // It was not read to its end, and `b` was.
        let runs = [("c", 2), ("d", 3)];
        assert_eq!(look(&runs, "", "b"), (0, "a".to_owned()));
        assert_eq!(look(&runs, "", ""), nothing, "told once");
        // Two came and went, and neither `c` nor `d` was read.
        let runs = [("g", 6), ("h", 7)];
        assert_eq!(look(&runs, "", ""), (2, "cd".to_owned()));
        assert_eq!(look(&[], "", ""), nothing, "the pod is gone");
        assert_eq!(look(&[("z", 90)], "", ""), nothing);
    }
}
