//! Finds candidates for patterns that have no literal to look for.
//!
//! Each pattern is loosened to one that matches wherever it matches, but needs no context: assertions are dropped, and
//! characters beyond ASCII become bytes. One automaton, built while it runs, looks for all of them in the whole buffer.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::{Input, MatchKind};
use regex_syntax::hir::{
    Class, ClassBytes, ClassBytesRange, ClassUnicode, Hir, HirKind, Repetition,
};

use super::locate::Locator;

/// How much memory the automaton's states may take at a time, in bytes.
const CACHE: usize = 4 << 20;

/// How large the program behind the automaton may be, in bytes.
const PROGRAM: usize = 8 << 20;

/// Counted repetitions above this count are loosened to "at least this often".
const MAX_COUNT: u32 = 8;

/// The patterns without literals.
#[derive(Debug, Default)]
pub(super) struct Rest {
    automaton: Option<Automaton>,
    /// The patterns, by index, that the automaton is for.
    searched: Vec<u16>,
    /// The patterns that have to be tried on every record.
    always: Vec<u16>,
}

#[derive(Debug)]
struct Automaton {
    dfa: DFA,
    cache: Cache,
}

impl Rest {
    /// Takes the patterns: their indexes and what they are.
    pub(super) fn new<'a>(patterns: impl IntoIterator<Item = (u16, &'a Hir)>) -> Self {
        let mut rest = Self::default();
        let mut loose = Vec::new();
        for (index, hir) in patterns {
            let hir = loosen(hir);
            if hir
                .properties()
                .minimum_len()
                .is_some_and(|least| least > 0)
            {
                rest.searched.push(index);
                loose.push(hir);
            } else {
                rest.always.push(index);
            }
        }
        rest.automaton = Automaton::new(&loose);
        if rest.automaton.is_none() {
            rest.always.append(&mut rest.searched);
        }
        rest
    }

    /// Calls `candidate` with the records of the locator's batch, whose buffer is `buffer`, and the patterns that may
    /// match them.
    pub(super) fn scan(
        &mut self,
        (buffer, records): (&[u8], u32),
        locator: &mut Locator<'_>,
        mut candidate: impl FnMut(u32, u16),
    ) {
        for (record, pattern) in
            (0..records).flat_map(|record| self.always.iter().map(move |owner| (record, *owner)))
        {
            candidate(record, pattern);
        }
        let Some(automaton) = &mut self.automaton else {
            return;
        };
        let mut at = 0;
        // Invariant: every record that starts before `at` was either named or has no match.
        while let Some(end) = automaton.next(buffer, at) {
            let Some(record) = locator.record_at(end - 1) else {
                return;
            };
            self.searched
                .iter()
                .for_each(|pattern| candidate(record, *pattern));
            at = locator.record_end().max(end);
        }
    }
}

impl Automaton {
    fn new(patterns: &[Hir]) -> Option<Self> {
        if patterns.is_empty() {
            return None;
        }
        let program = NFA::compiler()
            .configure(
                thompson::Config::new()
                    .utf8(false)
                    .which_captures(WhichCaptures::None)
                    .nfa_size_limit(Some(PROGRAM)),
            )
            .build_many_from_hir(patterns)
            .ok()?;
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(CACHE)
            .skip_cache_capacity_check(true);
        let dfa = DFA::builder()
            .configure(config)
            .build_from_nfa(program)
            .ok()?;
        Some(Self {
            cache: dfa.create_cache(),
            dfa,
        })
    }

    /// The earliest end of a match that starts at `at` or later.
    ///
    /// Matches are at least one byte long, so the end is behind `at`.
    fn next(&mut self, buffer: &[u8], at: usize) -> Option<usize> {
        let input = Input::new(buffer).range(at..).earliest(true);
        match self.dfa.try_search_fwd(&mut self.cache, &input) {
            Ok(found) => found.map(|half| half.offset()),
            // The search never gives up with this configuration; should it, then every byte is a candidate.
            Err(_) => (at < buffer.len()).then_some(at + 1),
        }
    }
}

/// A pattern without assertions that matches at least what `hir` matches, in bytes that need not be UTF-8.
fn loosen(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Hir::empty(),
        HirKind::Literal(literal) => loosen_literal(&literal.0),
        HirKind::Class(Class::Unicode(class)) => loosen_class(class),
        HirKind::Class(class @ Class::Bytes(_)) => Hir::class(class.clone()),
        HirKind::Capture(capture) => loosen(&capture.sub),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            min: repetition.min.min(MAX_COUNT),
            max: repetition.max.filter(|most| *most <= MAX_COUNT),
            greedy: true,
            sub: Box::new(loosen(&repetition.sub)),
        }),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(loosen).collect()),
        HirKind::Alternation(branches) => Hir::alternation(branches.iter().map(loosen).collect()),
    }
}

/// Only U+FFFD may be other bytes in the record.
fn loosen_literal(bytes: &[u8]) -> Hir {
    let text = String::from_utf8_lossy(bytes);
    if !text.contains(char::REPLACEMENT_CHARACTER) {
        return Hir::literal(bytes);
    }
    let part = |part: &str| Hir::literal(part.as_bytes());
    let parts = text.split(char::REPLACEMENT_CHARACTER).map(part);
    let mut all = Vec::new();
    for part in parts {
        if !all.is_empty() {
            all.push(beyond_ascii());
        }
        // An empty part keeps its place, so that the separators are counted right.
        all.push(part);
    }
    Hir::concat(all)
}

fn loosen_class(class: &ClassUnicode) -> Hir {
    if class.is_ascii() {
        return Hir::class(Class::Unicode(class.clone()));
    }
    let mut ascii = class.clone();
    ascii.intersect(&super::class::range('\0', '\x7f'));
    Hir::alternation(vec![Hir::class(Class::Unicode(ascii)), beyond_ascii()])
}

/// One character that is not ASCII, or what U+FFFD stands for: one to four bytes.
fn beyond_ascii() -> Hir {
    let byte = Hir::class(Class::Bytes(ClassBytes::new([ClassBytesRange::new(
        0x80, 0xff,
    )])));
    Hir::repetition(Repetition {
        min: 1,
        max: Some(4),
        greedy: true,
        sub: Box::new(byte),
    })
}
