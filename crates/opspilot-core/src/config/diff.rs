//! What differs between two runs of lines. The longest common subsequence, by the table of Wagner and Fischer (1974).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many lines around a change are shown.
const AROUND: usize = 3;

/// A larger table is not made: then all old lines are shown as removed and all new ones as added.
const LARGEST: usize = 4_000_000;

/// One line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiffLine {
    /// What becomes of it.
    pub kind: DiffKind,
    /// Its number before, from 1; absent for one that is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<usize>,
    /// Its number afterwards, from 1; absent for one that is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<usize>,
    /// What it says.
    pub text: String,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DiffKind {
    /// It stays.
    Same,
    /// It goes.
    Removed,
    /// It is new.
    Added,
}

/// How `old` becomes `new`: each change with some lines around it. Where lines that stay are left out, the numbers jump.
#[must_use]
pub fn diff(old: &[String], new: &[String]) -> Vec<DiffLine> {
    let head = same(old.iter().zip(new));
    let longest = old.len().min(new.len()) - head;
    let tail = same(old.iter().rev().zip(new.iter().rev())).min(longest);
    // Of what is the same at both ends, only the lines that are shown are looked at.
    let start = head.saturating_sub(AROUND);
    let left_out = tail.saturating_sub(AROUND);
    near_changes(compare(
        start,
        &between(old, start, left_out),
        &between(new, start, left_out),
    ))
}

/// The lines after the first `start`, without the last `left_out`.
fn between(lines: &[String], start: usize, left_out: usize) -> Vec<&str> {
    let end = lines.len() - left_out;
    let lines = lines.get(start..end).unwrap_or_default();
    lines.iter().map(String::as_str).collect()
}

/// How many pairs at the beginning are the same.
fn same<'a>(pairs: impl Iterator<Item = (&'a String, &'a String)>) -> usize {
    pairs.take_while(|(old, new)| old == new).count()
}

/// The changes, and the lines around each.
fn near_changes(lines: Vec<DiffLine>) -> Vec<DiffLine> {
    let is_change = |(at, line): (usize, &DiffLine)| (line.kind != DiffKind::Same).then_some(at);
    let changes: Vec<usize> = lines.iter().enumerate().filter_map(is_change).collect();
    let is_near = |at: usize| {
        let next = changes.partition_point(|change| *change + AROUND < at);
        changes
            .get(next)
            .is_some_and(|change| *change <= at + AROUND)
    };
    let lines = lines.into_iter().enumerate();
    lines
        .filter_map(|(at, line)| is_near(at).then_some(line))
        .collect()
}

/// The lines of `old`, which begins after `start` lines, as they become those of `new`.
pub(super) fn compare(start: usize, old: &[&str], new: &[&str]) -> Vec<DiffLine> {
    let bare = |line: &&str| line.trim_end_matches(['\r', '\n']).to_owned();
    let old: Vec<String> = old.iter().map(bare).collect();
    let new: Vec<String> = new.iter().map(bare).collect();
    let width = new.len() + 1;
    let is_small = (old.len() + 1)
        .checked_mul(width)
        .is_some_and(|size| size <= LARGEST);
    let common = is_small.then(|| table(&old, &new));
    let length = |i: usize, j: usize| {
        let common = common.as_ref();
        common.and_then(|common| common.get(i * width + j)).copied()
    };
    let mut lines = Vec::new();
    let (mut i, mut j) = (0, 0);
    loop {
        let (before, after) = (old.get(i), new.get(j));
        let line = |kind, text: &String, old: bool, new: bool| DiffLine {
            kind,
            old: old.then_some(start + i + 1),
            new: new.then_some(start + j + 1),
            text: text.clone(),
        };
        match (before, after) {
            (Some(text), Some(other)) if is_small && text == other => {
                lines.push(line(DiffKind::Same, text, true, true));
                (i, j) = (i + 1, j + 1);
            }
            (Some(text), _) if after.is_none() || length(i + 1, j) >= length(i, j + 1) => {
                lines.push(line(DiffKind::Removed, text, true, false));
                i += 1;
            }
            (_, Some(text)) => {
                lines.push(line(DiffKind::Added, text, false, true));
                j += 1;
            }
            _ => return lines,
        }
    }
}

/// For each pair of places, how many lines both have in common from there on.
fn table(old: &[String], new: &[String]) -> Vec<u32> {
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    let at = |common: &[u32], place: usize| common.get(place).copied().unwrap_or_default();
    for (i, before) in old.iter().enumerate().rev() {
        for (j, after) in new.iter().enumerate().rev() {
            let place = i * width + j;
            let length = match before == after {
                true => at(&common, place + width + 1) + 1,
                false => at(&common, place + width).max(at(&common, place + 1)),
            };
            if let Some(cell) = common.get_mut(place) {
                *cell = length;
            }
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> Vec<String> {
        let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let sign = |line: DiffLine| match line.kind {
            DiffKind::Same => format!(" {}", line.text),
            DiffKind::Added => format!("+{}{}", line.new.unwrap(), line.text),
            DiffKind::Removed => format!("-{}{}", line.old.unwrap(), line.text),
        };
        let found = diff(&lines(old), &lines(new));
        found.into_iter().map(sign).collect()
    }

    #[test]
    fn changes_are_shown_with_what_stands_around_them() {
        let rows: [(&str, &str, &[&str]); 7] = [
            (
                "abcdefghij",
                "abcdeXghij",
                &[" c", " d", " e", "-6f", "+6X", " g", " h", " i"],
            ),
            ("ab", "ab", &[]),
            ("", "ab", &["+1a", "+2b"]),
            ("ab", "", &["-1a", "-2b"]),
            ("abc", "axbyc", &[" a", "+2x", " b", "+4y", " c"]),
            // What is the same at both ends overlaps.
            ("aa", "aaa", &[" a", " a", "+3a"]),
            (
                "1abcdefghijk2",
                "3abcdefghijk4",
                &[
                    "-11", "+13", " a", " b", " c", " i", " j", " k", "-132", "+134",
                ],
            ),
        ];
        for (old, new, expected) in rows {
            assert_eq!(shown(old, new), expected, "{old} {new}");
        }
    }

    #[test]
    fn the_numbers_are_those_of_the_whole_texts() {
        let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let found = diff(&lines("abcdefghij"), &lines("abcdefgXhij"));
        let numbers: Vec<_> = found.iter().map(|line| (line.old, line.new)).collect();
        let same = |old, new| (Some(old), Some(new));
        let expected = [
            same(5, 5),
            same(6, 6),
            same(7, 7),
            (None, Some(8)),
            same(8, 9),
            same(9, 10),
            same(10, 11),
        ];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn the_new_text_is_what_stays_and_what_is_added() {
        for (old, new) in [("abcabba", "cbabac"), ("aaaa", "aa"), ("xyz", "zyx")] {
            let lines: Vec<Vec<String>> = [old, new]
                .iter()
                .map(|text| text.chars().map(String::from).collect())
                .collect();
            let all = compare(0, &between(&lines[0], 0, 0), &between(&lines[1], 0, 0));
            let of = |left_out: DiffKind| {
                let kept = all.iter().filter(|line| line.kind != left_out);
                kept.map(|line| line.text.as_str()).collect::<String>()
            };
            assert_eq!(
                (of(DiffKind::Added), of(DiffKind::Removed)),
                (old.into(), new.into())
            );
        }
    }
}
