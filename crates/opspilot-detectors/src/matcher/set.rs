//! All patterns of a detector, compiled into one set.

use opspilot_core::signal::{LogBatch, LogRecord};

use super::grams::Grams;
use super::literals::{Set, required};
use super::locate::Locator;
use super::pattern::{Pattern, PatternError};
use super::plan::Sample;
use super::rest::Rest;

/// How many patterns a set may have.
pub const MAX_PATTERNS: usize = 500;

/// A pattern matches a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit {
    /// The record, by its index in the batch.
    pub record: u32,
    /// The pattern, by its index in the set.
    pub pattern: u16,
}

/// Patterns that are looked for together.
#[derive(Debug)]
pub struct PatternSet {
    patterns: Vec<Pattern>,
    /// By pattern: the literal sets to choose from.
    literals: Vec<Vec<Set>>,
    grams: Grams,
    rest: Rest,
    candidates: Candidates,
    tuning: Tuning,
    text: String,
}

/// Candidates of one batch. A pattern is named once a record, as long as its candidates come in order.
#[derive(Debug, Default)]
struct Candidates {
    pairs: Vec<Hit>,
    /// By pattern: one behind the record named last; 0 before the first.
    last: Vec<u32>,
}

/// When to choose the literals anew.
#[derive(Debug, Default)]
struct Tuning {
    rounds: u32,
    /// Records and false alarms since the last choice.
    records: u64,
    alarms: u64,
}

/// How large a batch must be to serve as a sample, in bytes.
const MIN_SAMPLE: usize = 32 << 10;

/// After how many records, doubled each time, a choice is reviewed.
const FIRST_REVIEW: u64 = 50_000;

/// The share of records with a false alarm, as its inverse, that is tolerated.
const TOLERATED: u64 = 32;

const MAX_ROUNDS: u32 = 32;

impl PatternSet {
    /// Compiles the set.
    ///
    /// # Errors
    /// When there are more than [`MAX_PATTERNS`] patterns.
    pub fn new(patterns: Vec<Pattern>) -> Result<Self, PatternError> {
        if patterns.len() > MAX_PATTERNS {
            return Err(PatternError::new(format!(
                "has more than {MAX_PATTERNS} patterns"
            )));
        }
        let literals: Vec<_> = patterns
            .iter()
            .map(|pattern| required(pattern.hir()))
            .collect();
        let indexed = (0_u16..).zip(patterns.iter().zip(&literals));
        let rest = indexed.filter(|(_, (_, sets))| sets.is_empty());
        let rest = Rest::new(rest.map(|(index, (pattern, _))| (index, pattern.hir())));
        let candidates = Candidates {
            pairs: Vec::new(),
            last: vec![0; patterns.len()],
        };
        let grams = grams(&literals, &Sample::default());
        let (tuning, text) = (Tuning::default(), String::new());
        Ok(Self {
            patterns,
            literals,
            grams,
            rest,
            candidates,
            tuning,
            text,
        })
    }

    /// The pattern at `index`.
    #[must_use]
    pub fn get(&self, index: u16) -> Option<&Pattern> {
        self.patterns.get(usize::from(index))
    }

    /// Replaces `hits` by all pairs of record and matching pattern, in order of records, then of patterns.
    pub fn scan(&mut self, batch: &LogBatch, hits: &mut Vec<Hit>) {
        hits.clear();
        self.candidates.clear();
        if self.tuning.is_due(batch) {
            self.grams = grams(&self.literals, &Sample::of(batch.buffer()));
        }
        let candidates = &mut self.candidates;
        let mut add = |record, pattern| candidates.add(Hit { record, pattern });
        let records = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        let mut locator = Locator::new(batch);
        self.grams.scan(batch.buffer(), &mut locator, &mut add);
        self.rest
            .scan((batch.buffer(), records), &mut locator, &mut add);
        for candidate in self.candidates.sorted() {
            let record = batch.get(candidate.record as usize);
            let pattern = self.patterns.get(usize::from(candidate.pattern));
            if let (Some(record), Some(pattern)) = (record, pattern)
                && pattern.is_match(text(&record, &mut self.text))
            {
                hits.push(*candidate);
            }
        }
        self.tuning
            .learn(batch.len(), self.candidates.pairs.len() - hits.len());
    }
}

/// The search for the literals that suit `sample` best.
fn grams(literals: &[Vec<Set>], sample: &Sample<'_>) -> Grams {
    let chosen = (0_u16..).zip(sample.choose(literals));
    Grams::new(
        chosen.filter_map(|(index, set)| Some((index, set?))),
        sample,
    )
}

impl Tuning {
    /// Whether the literals should be chosen anew, with `batch` as the sample: when there is a sample for the first time,
    /// and later, more and more rarely, when there were many false alarms.
    fn is_due(&mut self, batch: &LogBatch) -> bool {
        let has_many_alarms =
            self.records > FIRST_REVIEW << self.rounds && self.alarms > self.records / TOLERATED;
        if batch.buffer().len() < MIN_SAMPLE || !(self.rounds == 0 || has_many_alarms) {
            return false;
        }
        *self = Self {
            rounds: (self.rounds + 1).min(MAX_ROUNDS),
            ..Self::default()
        };
        true
    }

    fn learn(&mut self, records: usize, false_alarms: usize) {
        self.records += records as u64;
        self.alarms += false_alarms as u64;
    }
}

impl Candidates {
    fn clear(&mut self) {
        self.pairs.clear();
        self.last.fill(0);
    }

    fn add(&mut self, hit: Hit) {
        let Some(last) = self.last.get_mut(usize::from(hit.pattern)) else {
            return;
        };
        if *last != hit.record + 1 {
            *last = hit.record + 1;
            self.pairs.push(hit);
        }
    }

    fn sorted(&mut self) -> &[Hit] {
        self.pairs.sort_unstable();
        self.pairs.dedup();
        &self.pairs
    }
}

/// The record as text; a copy goes into `copy` only where bytes are not UTF-8.
fn text<'a>(record: &LogRecord<'a>, copy: &'a mut String) -> &'a str {
    if let Ok(text) = std::str::from_utf8(record.bytes) {
        return text;
    }
    copy.clear();
    for chunk in record.bytes.utf8_chunks() {
        copy.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            copy.push(char::REPLACEMENT_CHARACTER);
        }
    }
    copy
}
