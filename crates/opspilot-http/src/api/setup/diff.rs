//! What is different between two texts, line by line.

use schemars::JsonSchema;
use serde::Serialize;

/// How many lines around a change are shown.
const AROUND: usize = 3;

/// The most pairs of lines that are compared; beyond that a change is shown as one.
const PAIRS: usize = 4_000_000;

/// A line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "SetupDiffLine")]
pub(super) struct DiffLine {
    /// What happened to it.
    pub(super) change: Change,
    /// The line, without secrets.
    pub(super) text: String,
}

/// What happened to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SetupChange")]
pub(super) enum Change {
    /// It stays.
    Same,
    /// It is new.
    Added,
    /// It goes.
    Removed,
    /// Lines that stay are left out here.
    Gap,
}

/// What is different, with some lines around each change.
pub(super) fn diff(old: &[String], new: &[String]) -> Vec<DiffLine> {
    let all = compare(old, new);
    let changes: Vec<usize> = (0..all.len())
        .filter(|at| all.get(*at).is_some_and(|line| line.change != Change::Same))
        .collect();
    let is_near = |at: usize| {
        let after = changes.partition_point(|change| *change + AROUND < at);
        changes
            .get(after)
            .is_some_and(|change| *change <= at + AROUND)
    };
    let mut shown: Vec<DiffLine> = Vec::new();
    for (at, line) in all.into_iter().enumerate() {
        if is_near(at) {
            shown.push(line);
        } else if shown.last().is_some_and(|last| last.change != Change::Gap) {
            shown.push(DiffLine {
                change: Change::Gap,
                text: String::new(),
            });
        }
    }
    shown
}

/// All lines of both, by the longest common subsequence of what differs.
fn compare(old: &[String], new: &[String]) -> Vec<DiffLine> {
    let same = |pairs: &mut dyn Iterator<Item = (&String, &String)>| {
        pairs.take_while(|(a, b)| a == b).count()
    };
    let head = same(&mut old.iter().zip(new));
    let (old_rest, new_rest) = (
        old.get(head..).unwrap_or_default(),
        new.get(head..).unwrap_or_default(),
    );
    let tail = same(&mut old_rest.iter().rev().zip(new_rest.iter().rev()));
    let old_middle = old_rest.get(..old_rest.len() - tail).unwrap_or_default();
    let new_middle = new_rest.get(..new_rest.len() - tail).unwrap_or_default();
    let line = |change| {
        move |text: &String| DiffLine {
            change,
            text: text.clone(),
        }
    };
    let mut all: Vec<_> = old.iter().take(head).map(line(Change::Same)).collect();
    all.extend(middle(old_middle, new_middle));
    let rest = old_rest.iter().skip(old_middle.len());
    all.extend(rest.map(line(Change::Same)));
    all
}

fn middle(old: &[String], new: &[String]) -> Vec<DiffLine> {
    let line = |change, text: &String| DiffLine {
        change,
        text: text.clone(),
    };
    let lengths = if old.len().saturating_mul(new.len()) <= PAIRS {
        common(old, new)
    } else {
        Vec::new()
    };
    let length = |i: usize, j: usize| lengths.get(i * (new.len() + 1) + j).copied().unwrap_or(0);
    let (mut i, mut j) = (0, 0);
    let mut all = Vec::new();
    loop {
        match (old.get(i), new.get(j)) {
            (Some(a), Some(b)) if a == b => {
                all.push(line(Change::Same, a));
                (i, j) = (i + 1, j + 1);
            }
            (Some(a), b) if b.is_none() || length(i + 1, j) >= length(i, j + 1) => {
                all.push(line(Change::Removed, a));
                i += 1;
            }
            (_, Some(b)) => {
                all.push(line(Change::Added, b));
                j += 1;
            }
            (_, None) => return all,
        }
    }
}

/// The lengths of the longest common subsequences of what is left of both, row by row.
fn common(old: &[String], new: &[String]) -> Vec<u32> {
    let width = new.len() + 1;
    let mut lengths = vec![0; (old.len() + 1) * width];
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let at = |i: usize, j: usize| i * width + j;
            let get = |place: usize| lengths.get(place).copied().unwrap_or(0);
            let longest = match a == b {
                true => get(at(i + 1, j + 1)) + 1,
                false => get(at(i + 1, j)).max(get(at(i, j + 1))),
            };
            if let Some(place) = lengths.get_mut(at(i, j)) {
                *place = longest;
            }
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> Vec<String> {
        let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let sign = |line: DiffLine| match line.change {
            Change::Same => format!(" {}", line.text),
            Change::Added => format!("+{}", line.text),
            Change::Removed => format!("-{}", line.text),
            Change::Gap => "…".to_owned(),
        };
        diff(&lines(old), &lines(new))
            .into_iter()
            .map(sign)
            .collect()
    }

    #[test]
    fn changes_are_shown_with_what_stands_around_them() {
        assert_eq!(
            shown("abcdefghij", "abcdeXghij"),
            ["…", " c", " d", " e", "-f", "+X", " g", " h", " i", "…"].map(String::from)[1..]
                .to_vec()
        );
        assert_eq!(shown("ab", "ab"), Vec::<String>::new());
        assert_eq!(shown("", "ab"), ["+a", "+b"]);
        assert_eq!(shown("ab", ""), ["-a", "-b"]);
        assert_eq!(shown("abc", "axbyc"), [" a", "+x", " b", "+y", " c"]);
        let far = shown("1abcdefghijk2", "3abcdefghijk4");
        assert_eq!(
            far,
            [
                "-1", "+3", " a", " b", " c", "…", " i", " j", " k", "-2", "+4"
            ]
        );
    }

    #[test]
    fn the_new_text_is_what_stays_and_what_is_added() {
        for (old, new) in [("abcabba", "cbabac"), ("aaaa", "aa"), ("xyz", "zyx")] {
            let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
            let all = compare(&lines(old), &lines(new));
            let of = |left_out: Change| {
                let kept = all.iter().filter(|line| line.change != left_out);
                kept.map(|line| line.text.as_str()).collect::<String>()
            };
            assert_eq!(
                (of(Change::Added), of(Change::Removed)),
                (old.into(), new.into())
            );
        }
    }
}
