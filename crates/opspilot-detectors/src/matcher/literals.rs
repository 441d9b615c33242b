//! The literals without which a pattern cannot match.

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Repetition};

/// A set of strings. ASCII letters are in lower case: they stand for both cases.
pub(super) type Set = Vec<Vec<u8>>;

/// How many strings a set may have.
const MAX_SET: usize = 32;

/// How many characters a class may have to count as so many strings.
const MAX_CLASS: usize = 4;

/// From this length on, a longer literal is no better.
const LONG: usize = 24;

/// A set of literals, at least one of which is in every match of `hir`; `None` when there is no useful one.
///
/// Every literal has at least two bytes. U+FFFD is never part of one, because the record has other bytes there.
pub(super) fn required(hir: &Hir) -> Option<Set> {
    let facts = facts(hir);
    better(facts.exact, facts.best).filter(|set| shortest(set) >= 2)
}

/// What is known of an expression.
struct Facts {
    /// All the strings it matches, if they are few.
    exact: Option<Set>,
    /// The best known set of strings one of which is in every match.
    best: Option<Set>,
}

impl Facts {
    const UNKNOWN: Self = Self {
        exact: None,
        best: None,
    };

    fn exactly(set: Set) -> Self {
        Self {
            best: Some(set.clone()),
            exact: Some(set),
        }
    }
}

fn facts(hir: &Hir) -> Facts {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Facts {
            exact: Some(vec![Vec::new()]),
            best: None,
        },
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
            Facts {
                exact: exact.filter(|set| set.len() <= MAX_SET),
                best: None,
            }
        }
        (0, _) => Facts::UNKNOWN,
        (1, Some(1)) => sub,
        _ => Facts {
            exact: None,
            best: better(sub.exact, sub.best),
        },
    }
}

fn of_alternation(branches: &[Hir]) -> Facts {
    let (mut exact, mut best) = (Some(Vec::new()), Some(Vec::new()));
    for branch in branches.iter().map(facts) {
        exact = joined(exact, branch.exact.clone());
        best = joined(best, better(branch.exact, branch.best));
    }
    Facts { exact, best }
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
    best: Option<Set>,
}

impl Sequence {
    fn of(parts: &[Hir]) -> Facts {
        let mut sequence = Self {
            current: vec![Vec::new()],
            whole: true,
            best: None,
        };
        for part in parts.iter().map(facts) {
            sequence.push(part);
        }
        let exact = sequence.whole.then(|| sequence.current.clone());
        sequence.cut(vec![Vec::new()]);
        Facts {
            exact,
            best: sequence.best,
        }
    }

    fn push(&mut self, part: Facts) {
        self.offer(part.best);
        match part.exact {
            Some(exact)
                if self.current.len() * exact.len() <= MAX_SET
                    && shortest(&self.current) < LONG =>
            {
                let product = |start: &Vec<u8>| -> Set {
                    exact.iter().map(|end| [&start[..], end].concat()).collect()
                };
                self.current = self.current.iter().flat_map(product).collect();
            }
            Some(exact) => self.cut(exact),
            None => self.cut(vec![Vec::new()]),
        }
    }

    /// Ends the run of known strings and starts the next one with `next`.
    fn cut(&mut self, next: Set) {
        let run = std::mem::replace(&mut self.current, next);
        self.offer(Some(run));
        self.whole = false;
    }

    fn offer(&mut self, set: Option<Set>) {
        self.best = better(self.best.take(), set);
    }
}

/// The set that is better to look for; one with an empty string is of no use.
fn better(one: Option<Set>, other: Option<Set>) -> Option<Set> {
    let useful = |set: &Set| shortest(set) > 0;
    match (one.filter(useful), other.filter(useful)) {
        (Some(one), Some(other)) => Some(if worth(&other) > worth(&one) {
            other
        } else {
            one
        }),
        (one, other) => one.or(other),
    }
}

/// Longer literals are cheaper to look for (see [`super::grams`]); among equals the rarer ones win.
fn worth(set: &Set) -> (usize, i64) {
    let cheap = match shortest(set) {
        7.. => 3,
        5.. => 2,
        4 => 1,
        _ => 0,
    };
    let rare = set.iter().map(|literal| rarity(literal)).min().unwrap_or(0);
    let count = i64::try_from(set.len()).unwrap_or(i64::MAX);
    (cheap, i64::from(rare.min(200)) - count)
}

fn shortest(set: &Set) -> usize {
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
