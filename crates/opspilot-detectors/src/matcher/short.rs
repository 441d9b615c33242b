//! Finds literals that are too short to skip bytes.

use aho_corasick::packed::{Config, MatchKind, Searcher};

/// How many literals the vectorised search is worth it for.
pub(super) const MAX_LITERALS: usize = 48;

/// A vectorised search for a few short literals, in a copy of the text in lower case.
#[derive(Debug)]
pub(super) struct Short {
    groups: Vec<Group>,
    lower: Vec<u8>,
}

/// Literals that are looked for together. The search compares as many bytes at first as the shortest has, at most four,
/// so shorter ones are kept apart.
#[derive(Debug)]
struct Group {
    searcher: Searcher,
    /// The literals and their indexes for the caller.
    literals: Vec<(Vec<u8>, u32)>,
}

impl Short {
    /// A search for literals whose letters are in lower case. `None` if there are too many, or the processor lacks what
    /// it takes.
    pub(super) fn new(literals: Vec<(Vec<u8>, u32)>) -> Option<Self> {
        if literals.len() > MAX_LITERALS {
            return None;
        }
        let (longer, shorter): (Vec<_>, Vec<_>) = literals
            .into_iter()
            .partition(|(bytes, _)| bytes.len() >= 4);
        let groups = [longer, shorter]
            .into_iter()
            .filter(|literals| !literals.is_empty());
        let groups = groups.map(Group::new).collect::<Option<_>>()?;
        Some(Self {
            groups,
            lower: Vec::new(),
        })
    }

    /// Calls `found` with every place where a literal stands in `text`, and the literal's index.
    pub(super) fn scan(&mut self, text: &[u8], mut found: impl FnMut(usize, u32)) {
        self.lower.clear();
        self.lower.extend_from_slice(text);
        self.lower.make_ascii_lowercase();
        for group in &self.groups {
            group.scan(&self.lower, &mut found);
        }
    }
}

impl Group {
    fn new(mut literals: Vec<(Vec<u8>, u32)>) -> Option<Self> {
        // Literals with the same start share a bucket.
        literals.sort();
        let searcher = Config::new()
            .match_kind(MatchKind::LeftmostFirst)
            .heuristic_pattern_limits(false)
            .builder()
            .extend(literals.iter().map(|(bytes, _)| bytes))
            .build()?;
        Some(Self { searcher, literals })
    }

    fn scan(&self, text: &[u8], found: &mut impl FnMut(usize, u32)) {
        let mut at = 0;
        while let Some(next) = self.searcher.find_in(text, (at..text.len()).into()) {
            // The search reports one literal a place; others may start there, too.
            let rest = text.get(next.start()..).unwrap_or_default();
            let here = self
                .literals
                .iter()
                .filter(|(literal, _)| rest.starts_with(literal));
            here.for_each(|(_, index)| found(next.start(), *index));
            at = next.start() + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Short;

    proptest! {
        #[test]
        fn every_literal_is_found_everywhere(
            literals in prop::collection::btree_set("[ab(]{2,6}", 1..12), text in "[abAB(]{0,80}",
        ) {
            let indexed: Vec<_> = literals.into_iter().map(String::into_bytes).zip(0..).collect();
            // A processor without the instructions for it has another search.
            let Some(mut short) = Short::new(indexed.clone()) else { return Ok(()) };
            let (mut found, lower) = (Vec::new(), text.to_ascii_lowercase());
            short.scan(text.as_bytes(), |at, index| found.push((at, index)));
            let places = (0..lower.len()).flat_map(|at| indexed.iter().map(move |literal| (at, literal)));
            let expected = places.filter(|(at, (literal, _))| lower.as_bytes()[*at..].starts_with(literal));
            let mut expected: Vec<_> = expected.map(|(at, (_, index))| (at, *index)).collect();
            found.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
