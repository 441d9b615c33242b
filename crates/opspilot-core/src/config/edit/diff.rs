//! What differs between two runs of lines. The longest common subsequence, by the table of Wagner and Fischer (1974).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
