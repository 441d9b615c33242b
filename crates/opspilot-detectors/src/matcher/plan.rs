//! Chooses which literals to look for, and which part of them.
//!
//! Which literal is rare depends on the logs. So the choice is made anew when there is a sample of them. It changes how
//! fast matches are found, never which.

use std::collections::HashMap;

use aho_corasick::AhoCorasick;

use super::lane::{Gram, Lane, mask, word};
use super::literals::{Set, rarity, shortest, worth};

/// How much of a sample is used, in bytes.
const SAMPLE: usize = 128 << 10;

/// What is known of the text that will be searched.
#[derive(Debug, Default)]
pub(super) struct Sample<'a>(&'a [u8]);

impl<'a> Sample<'a> {
    /// The start of `text`.
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self(text.get(..SAMPLE).unwrap_or(text))
    }

    /// The best of each pattern's sets; `None` for a pattern that has none.
    pub(super) fn choose<'s>(&self, candidates: &'s [Vec<Set>]) -> Vec<Option<&'s Set>> {
        let counts = self.count(candidates.iter().flatten().flatten().map(Vec::as_slice));
        let price = |set: &&Set| {
            let found: u64 = set
                .iter()
                .map(|literal| counts.get(&literal[..]).copied().unwrap_or(0))
                .sum();
            (
                self.per_sample(found) + surcharge(set),
                std::cmp::Reverse(worth(set)),
            )
        };
        candidates
            .iter()
            .map(|sets| sets.iter().min_by_key(price))
            .collect()
    }

    /// How often each literal occurs, in either case.
    fn count<'l>(&self, literals: impl Iterator<Item = &'l [u8]>) -> HashMap<&'l [u8], u64> {
        let mut counts: HashMap<&[u8], u64> = literals.map(|literal| (literal, 0)).collect();
        let literals: Vec<&[u8]> = counts.keys().copied().collect();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&literals);
        // Without an automaton nothing is known, as without a sample.
        for found in automaton
            .iter()
            .flat_map(|automaton| automaton.find_overlapping_iter(self.0))
        {
            let literal = literals.get(found.pattern().as_usize());
            if let Some(count) = literal.and_then(|literal| counts.get_mut(literal)) {
                *count += 1;
            }
        }
        counts
    }

    /// What `found` would be in a full sample.
    fn per_sample(&self, found: u64) -> u64 {
        found * SAMPLE as u64 / self.0.len().max(1) as u64
    }

    /// How often the grams of `literals` occur, wherever they stand.
    pub(super) fn gram_counts<'l>(&self, literals: impl Iterator<Item = &'l [u8]>) -> GramCounts {
        let words = literals.flat_map(|literal| (0..literal.len()).map(|at| word(literal, at)));
        let mut counts: HashMap<u32, u32> = words.map(|word| (word, 0)).collect();
        let gram = |word: &u32| Gram {
            word: *word,
            literal: 0,
            offset: 0,
        };
        let lane = Lane::new(counts.keys().map(gram).collect(), mask(4));
        lane.scan::<1>(self.0, |_, gram| {
            if let Some(count) = counts.get_mut(&gram.word) {
                *count += 1;
            }
        });
        GramCounts(counts)
    }
}

/// What looking for a set costs beside its false alarms, in false alarms per sample.
fn surcharge(set: &Set) -> u64 {
    match shortest(set) {
        11.. => 0,
        7.. => 32,
        _ => 64,
    }
}

/// How often grams of four bytes occur in a sample.
#[derive(Debug)]
pub(super) struct GramCounts(HashMap<u32, u32>);

impl GramCounts {
    /// The start of the `length` bytes of `literal` whose first `grams` grams are the rarest.
    pub(super) fn rarest(&self, literal: &[u8], (length, grams): (usize, usize)) -> usize {
        let price = |(start, window): &(usize, &[u8])| {
            let count = |at| self.0.get(&word(literal, at)).copied().unwrap_or(0);
            let found: u32 = (*start..start + grams).map(count).sum();
            (found, std::cmp::Reverse(rarity(window)))
        };
        let windows = literal.windows(length).enumerate();
        windows.min_by_key(price).map_or(0, |(start, _)| start)
    }
}
