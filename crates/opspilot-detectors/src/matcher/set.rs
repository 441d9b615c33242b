//! All patterns of a detector, compiled into one set.

use opspilot_core::signal::{LogBatch, LogRecord};

use super::grams::Grams;
use super::literals::required;
use super::locate::Locator;
use super::pattern::{Pattern, PatternError};
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
    grams: Grams,
    rest: Rest,
    candidates: Candidates,
    text: String,
}

/// Candidates of one batch. A pattern is named once a record, as long as its candidates come in order.
#[derive(Debug, Default)]
struct Candidates {
    pairs: Vec<Hit>,
    /// By pattern: one behind the record named last; 0 before the first.
    last: Vec<u32>,
}

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
        let indexed = || (0_u16..).zip(&patterns);
        let sets: Vec<_> = indexed()
            .map(|(index, pattern)| (index, required(pattern.hir())))
            .collect();
        let rest = indexed().zip(&sets).filter(|(_, (_, set))| set.is_none());
        let rest = Rest::new(rest.map(|((index, pattern), _)| (index, pattern.hir())));
        let grams = Grams::new(
            sets.into_iter()
                .filter_map(|(index, set)| Some((index, set?))),
        );
        let candidates = Candidates {
            pairs: Vec::new(),
            last: vec![0; patterns.len()],
        };
        Ok(Self {
            patterns,
            grams,
            rest,
            candidates,
            text: String::new(),
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
