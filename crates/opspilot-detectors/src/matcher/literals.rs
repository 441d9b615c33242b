//! The literals without which a pattern cannot match.

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Repetition};

/// A set of strings. ASCII letters are in lower case: they stand for both cases.
pub(super) type Set = Vec<Vec<u8>>;

/// How many strings a set may have.
const MAX_SET: usize = 32;

/// How many characters a class may have to count as so many strings.
const MAX_CLASS: usize = 4;

/// How many sets are kept to choose from.
const MAX_SETS: usize = 8;

/// From this length on, a longer literal is no better.
const LONG: usize = 64;

/// Sets of literals, best guess first: at least one literal of each set is in every match of `hir`.
///
/// Every literal has at least two bytes. U+FFFD is never part of one, because the record has other bytes there.
pub(super) fn required(hir: &Hir) -> Vec<Set> {
    let facts = facts(hir);
    let mut sets: Vec<_> = facts
        .exact
        .into_iter()
        .chain(facts.required)
        .filter(|set| shortest(set) >= 2)
        .collect();
    sets.sort_by_key(|set| std::cmp::Reverse(worth(set)));
    sets.dedup();
    sets.truncate(MAX_SETS);
    sets
}

/// What is known of an expression.
struct Facts {
    /// All the strings it matches, if they are few.
    exact: Option<Set>,
    /// Sets of strings; one of each is in every match.
    required: Vec<Set>,
}

impl Facts {
    const UNKNOWN: Self = Self {
        exact: None,
        required: Vec::new(),
    };

    fn exactly(set: Set) -> Self {
        Self {
            exact: Some(set),
            required: Vec::new(),
        }
    }

    /// All the sets, that of the exact strings included.
    fn all(self) -> Vec<Set> {
        let mut all = self.required;
        all.extend(self.exact.filter(|set| shortest(set) > 0));
        all.sort_by_key(|set| std::cmp::Reverse(worth(set)));
        all.truncate(MAX_SETS);
        all
    }
}

fn facts(hir: &Hir) -> Facts {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Facts::exactly(vec![Vec::new()]),
        HirKind::Literal(literal) => of_literal(&literal.0),
        HirKind::Class(Class::Unicode(class)) => {
            of_class(class).map_or(Facts::UNKNOWN, Facts::exactly)
        }
        HirKind::Class(Class::Bytes(_)) => Facts::UNKNOWN,
        HirKind::Capture(capture) => facts(&capture.sub),
        HirKind::Repetition(repetition) => of_repetition(repetition),
        HirKind::Alternation(branches) => of_alternation(branches),
        HirKind::Concat(parts) => Sequence::of(parts),
    }
}

fn of_literal(bytes: &[u8]) -> Facts {
    let replaced =
        std::str::from_utf8(bytes).is_ok_and(|text| text.contains(char::REPLACEMENT_CHARACTER));
    if replaced {
        Facts::UNKNOWN
    } else {
        Facts::exactly(vec![bytes.to_ascii_lowercase()])
    }
}

fn of_class(class: &ClassUnicode) -> Option<Set> {
    let characters = || {
        class
            .ranges()
            .iter()
            .flat_map(|range| range.start()..=range.end())
    };
    // Two cases of a letter count once.
    let mut set: Set = Vec::new();
    for character in characters().take(2 * MAX_CLASS + 1) {
        let text = character.to_ascii_lowercase().to_string().into_bytes();
        if character == char::REPLACEMENT_CHARACTER {
            return None;
        }
        if !set.contains(&text) {
            set.push(text);
        }
    }
    (set.len() <= MAX_CLASS && !set.is_empty()).then_some(set)
}

fn of_repetition(repetition: &Repetition) -> Facts {
    let sub = facts(&repetition.sub);
    match (repetition.min, repetition.max) {
        (0, Some(1)) => {
            let exact = sub.exact.map(|mut set| {
                set.push(Vec::new());
                set
            });
            exact
                .filter(|set| set.len() <= MAX_SET)
                .map_or(Facts::UNKNOWN, Facts::exactly)
        }
        (0, _) => Facts::UNKNOWN,
        (1, Some(1)) => sub,
        _ => Facts {
            exact: None,
            required: sub.all(),
        },
    }
}

/// A match is one of a branch, so the best sets of the branches make one together.
fn of_alternation(branches: &[Hir]) -> Facts {
    let (mut exact, mut best) = (Some(Vec::new()), Some(Vec::new()));
    for branch in branches.iter().map(facts) {
        exact = joined(exact, branch.exact.clone());
        best = joined(best, branch.all().into_iter().next());
    }
    Facts {
        exact,
        required: best.into_iter().collect(),
    }
}

fn joined(all: Option<Set>, more: Option<Set>) -> Option<Set> {
    let (mut all, more) = (all?, more?);
    all.extend(more);
    all.sort();
    all.dedup();
    (all.len() <= MAX_SET).then_some(all)
}

/// Walks along a concatenation and joins neighbours whose strings are known.
struct Sequence {
    current: Set,
    whole: bool,
    required: Vec<Set>,
}

impl Sequence {
    fn of(parts: &[Hir]) -> Facts {
        let mut sequence = Self {
            current: vec![Vec::new()],
            whole: true,
            required: Vec::new(),
        };
        for part in parts.iter().map(facts) {
            sequence.push(part);
        }
        let exact = sequence.whole.then(|| sequence.current.clone());
        sequence.cut(vec![Vec::new()]);
        Facts {
            exact,
            required: sequence.required,
        }
    }

    fn push(&mut self, part: Facts) {
        part.required.into_iter().for_each(|set| self.offer(set));
        match part.exact {
            Some(exact) if self.has_room_for(&exact) => {
                let product = |start: &Vec<u8>| -> Set {
                    exact.iter().map(|end| [&start[..], end].concat()).collect()
                };
                self.current = self.current.iter().flat_map(product).collect();
            }
            Some(exact) => self.cut(exact),
            None => self.cut(vec![Vec::new()]),
        }
    }

    fn has_room_for(&self, exact: &Set) -> bool {
        self.current.len() * exact.len() <= MAX_SET && shortest(&self.current) < LONG
    }

    /// Ends the run of known strings and starts the next one with `next`.
    fn cut(&mut self, next: Set) {
        let run = std::mem::replace(&mut self.current, next);
        self.offer(run);
        self.whole = false;
    }

    fn offer(&mut self, set: Set) {
        if shortest(&set) > 0 {
            self.required.push(set);
        }
    }
}

/// Longer literals are cheaper to look for (see [`super::grams`]); among equals the rarer ones win.
pub(super) fn worth(set: &Set) -> (usize, i64) {
    let cheap = match shortest(set) {
        11.. => 2,
        7.. => 1,
        _ => 0,
    };
    let rare = set.iter().map(|literal| rarity(literal)).min().unwrap_or(0);
    let count = i64::try_from(set.len()).unwrap_or(i64::MAX);
    (cheap, i64::from(rare.min(300)) - count)
}

pub(super) fn shortest(set: &Set) -> usize {
    set.iter().map(Vec::len).min().unwrap_or(0)
}

/// About ten times the bits of information in `bytes`, if they were part of a log.
pub(super) fn rarity(bytes: &[u8]) -> u32 {
    let of_byte = |byte: &u8| match byte.to_ascii_lowercase() {
        b' ' | b'0' | b'1' => 25,
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 40,
        b'2'..=b'9' | b'-' | b'.' | b':' | b'/' | b'"' | b',' | b'=' => 45,
        b'a'..=b'z' | b'_' | b'[' | b']' => 55,
        _ => 70,
    };
    bytes.iter().map(of_byte).sum()
}
