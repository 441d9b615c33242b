//! Finds many literals in one pass, without looking at every byte.
//!
//! A literal of seven or more bytes has four consecutive grams of four bytes, and one of them stands at a multiple of
//! four wherever the literal stands. So it is enough to look at every fourth byte, which are independent table look-ups
//! that the processor overlaps. Literals of five or six bytes need every second byte, shorter ones every byte.
//! Case is ignored throughout: the regex proves what is found here.

use super::lane::{Gram, Lane, mask, word};
use super::literals::{Set, rarity};
use super::locate::Locator;

/// The literals of all patterns that have some.
#[derive(Debug, Default)]
pub(super) struct Grams {
    literals: Vec<Literal>,
    every_fourth: Option<Lane>,
    every_second: Option<Lane>,
    every: Option<Lane>,
}

#[derive(Debug)]
struct Literal {
    /// ASCII letters are in lower case.
    bytes: Vec<u8>,
    /// The patterns, by index, that need it or an alternative to it.
    owners: Vec<u16>,
}

/// How the literals of one length class are looked for.
struct Plan {
    stride: usize,
    width: usize,
}

impl Plan {
    fn of(length: usize) -> Self {
        let stride = match length {
            7.. => 4,
            5.. => 2,
            _ => 1,
        };
        Self {
            stride,
            width: length.min(4),
        }
    }
}

impl Grams {
    /// Takes the literals of patterns: pairs of pattern index and required set.
    pub(super) fn new(sets: impl IntoIterator<Item = (u16, Set)>) -> Self {
        let mut grams = Self::default();
        for (owner, set) in sets {
            for bytes in set {
                grams.add(owner, bytes);
            }
        }
        grams.every_fourth = grams.lane(4);
        grams.every_second = grams.lane(2);
        grams.every = grams.lane(1);
        grams
    }

    fn add(&mut self, owner: u16, bytes: Vec<u8>) {
        match self
            .literals
            .iter_mut()
            .find(|literal| literal.bytes == bytes)
        {
            Some(literal) if literal.owners.contains(&owner) => {}
            Some(literal) => literal.owners.push(owner),
            None => self.literals.push(Literal {
                bytes,
                owners: vec![owner],
            }),
        }
    }

    fn lane(&self, stride: usize) -> Option<Lane> {
        let plans = self
            .literals
            .iter()
            .map(|literal| Plan::of(literal.bytes.len()));
        let width = plans
            .filter(|plan| plan.stride == stride)
            .map(|plan| plan.width)
            .min()?;
        let grams = (0..).zip(&self.literals);
        let grams = grams
            .filter(|(_, literal)| Plan::of(literal.bytes.len()).stride == stride)
            .flat_map(|(index, literal)| literal.grams(index, stride, width));
        Some(Lane::new(grams.collect(), mask(width)))
    }

    /// Calls `candidate` with the records of the locator's batch, whose buffer is `buffer`, and the patterns that may
    /// match them. A pair can come several times.
    pub(super) fn scan(
        &self,
        buffer: &[u8],
        locator: &mut Locator<'_>,
        mut candidate: impl FnMut(u32, u16),
    ) {
        let mut found = |at: usize, gram: &Gram| {
            let Some(literal) = self.literals.get(gram.literal as usize) else {
                return;
            };
            let Some(start) = literal.stands_at(buffer, at, gram.offset) else {
                return;
            };
            let Some(record) = locator.record_at(start) else {
                return;
            };
            for owner in &literal.owners {
                candidate(record, *owner);
            }
        };
        if let Some(lane) = &self.every_fourth {
            lane.scan::<4>(buffer, &mut found);
        }
        if let Some(lane) = &self.every_second {
            lane.scan::<2>(buffer, &mut found);
        }
        if let Some(lane) = &self.every {
            lane.scan::<1>(buffer, &mut found);
        }
    }
}

impl Literal {
    /// `stride` consecutive grams, from the part of the literal that logs have least often.
    fn grams(&self, index: u32, stride: usize, width: usize) -> Vec<Gram> {
        let windows = self.bytes.windows(width + stride - 1).enumerate();
        let rarest = windows
            .max_by_key(|(_, window)| rarity(window))
            .map_or(0, |(offset, _)| offset);
        let offsets = (0_u32..).zip(rarest..rarest + stride);
        let start = u32::try_from(rarest).unwrap_or(0);
        offsets
            .map(|(step, offset)| Gram {
                word: word(&self.bytes, offset) & mask(width),
                literal: index,
                offset: start + step,
            })
            .collect()
    }

    /// Where the literal starts if its byte `offset` stands at `at`.
    fn stands_at(&self, buffer: &[u8], at: usize, offset: u32) -> Option<usize> {
        let start = at.checked_sub(offset as usize)?;
        let bytes = buffer.get(start..start + self.bytes.len())?;
        bytes.eq_ignore_ascii_case(&self.bytes).then_some(start)
    }
}
