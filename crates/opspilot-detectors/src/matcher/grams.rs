//! Finds many literals in one pass, without looking at every byte.
//!
//! A literal of eleven or more bytes has eight consecutive grams of four bytes, and one of them stands at a multiple of
//! eight wherever the literal stands. So it is enough to look at every eighth byte, which are independent table look-ups
//! that the processor overlaps. Literals of seven or more bytes need every fourth byte. A few shorter ones are left to a
//! vectorised search ([`Short`]), many of them need every byte. Case is ignored throughout: the regex proves what is
//! found here.

use std::collections::BTreeMap;

use super::lane::{Gram, Lane, mask, word};
use super::literals::Set;
use super::locate::Locator;
use super::plan::{GramCounts, Sample};
use super::short::{MAX_LITERALS, Short};

/// The literals of all patterns that have some.
#[derive(Debug, Default)]
pub(super) struct Grams {
    literals: Vec<Literal>,
    every_eighth: Option<Lane>,
    every_fourth: Option<Lane>,
    every: Option<Lane>,
    short: Option<Short>,
}

#[derive(Debug)]
struct Literal {
    /// ASCII letters are in lower case.
    bytes: Vec<u8>,
    /// The patterns, by index, that need it or an alternative to it.
    owners: Vec<u16>,
}

impl Grams {
    /// Takes the literals of patterns: pairs of pattern index and required set.
    pub(super) fn new<'a>(
        sets: impl IntoIterator<Item = (u16, &'a Set)>,
        sample: &Sample<'_>,
    ) -> Self {
        let mut owners: BTreeMap<&[u8], Vec<u16>> = BTreeMap::new();
        for (owner, bytes) in sets
            .into_iter()
            .flat_map(|(owner, set)| set.iter().map(move |bytes| (owner, bytes)))
        {
            owners.entry(bytes).or_default().push(owner);
        }
        let literal = |(bytes, owners): (&[u8], _)| Literal {
            bytes: bytes.to_vec(),
            owners,
        };
        let mut grams = Self {
            literals: owners.into_iter().map(literal).collect(),
            ..Self::default()
        };
        grams.share_out(sample);
        grams
    }

    /// Gives every literal to the cheapest search that can find it.
    fn share_out(&mut self, sample: &Sample<'_>) {
        let counts = sample.gram_counts(self.literals.iter().map(|literal| &literal.bytes[..]));
        let of_length = |least: usize, most: usize| {
            let all = (0_u32..).zip(&self.literals);
            all.filter(move |(_, literal)| (least..=most).contains(&literal.bytes.len()))
                .collect::<Vec<_>>()
        };
        let (long, middle, short) = (of_length(11, usize::MAX), of_length(7, 10), of_length(0, 6));
        let few = !short.is_empty() && short.len() + middle.len() <= MAX_LITERALS;
        let (middle, short) = if few {
            (Vec::new(), of_length(0, 10))
        } else {
            (middle, short)
        };
        let every_eighth = lane(&long, 8, &counts);
        let every_fourth = lane(&middle, 4, &counts);
        let packed = if short.is_empty() {
            None
        } else {
            Short::new(owned(&short))
        };
        let every = if packed.is_none() {
            lane(&short, 1, &counts)
        } else {
            None
        };
        (self.every_eighth, self.every_fourth) = (every_eighth, every_fourth);
        (self.every, self.short) = (every, packed);
    }

    /// Calls `candidate` with the records of the locator's batch, whose buffer is `buffer`, and the patterns that may
    /// match them. A pair can come several times.
    pub(super) fn scan(
        &mut self,
        buffer: &[u8],
        locator: &mut Locator<'_>,
        mut candidate: impl FnMut(u32, u16),
    ) {
        let Self {
            literals,
            every_eighth,
            every_fourth,
            every,
            short,
        } = self;
        let mut stands = |start: usize, literal: &Literal| {
            let Some(record) = locator.record_at(start) else {
                return;
            };
            literal
                .owners
                .iter()
                .for_each(|owner| candidate(record, *owner));
        };
        let mut found = |at: usize, gram: &Gram| {
            let Some(literal) = literals.get(gram.literal as usize) else {
                return;
            };
            let Some(start) = literal.stands_at(buffer, at, gram.offset) else {
                return;
            };
            stands(start, literal);
        };
        if let Some(lane) = every_eighth {
            lane.scan::<8>(buffer, &mut found);
        }
        if let Some(lane) = every_fourth {
            lane.scan::<4>(buffer, &mut found);
        }
        if let Some(lane) = every {
            lane.scan::<1>(buffer, &mut found);
        }
        if let Some(short) = short {
            short.scan(buffer, |start, index| {
                literals
                    .get(index as usize)
                    .into_iter()
                    .for_each(|literal| stands(start, literal));
            });
        }
    }
}

fn owned(literals: &[(u32, &Literal)]) -> Vec<(Vec<u8>, u32)> {
    literals
        .iter()
        .map(|(index, literal)| (literal.bytes.clone(), *index))
        .collect()
}

fn lane(literals: &[(u32, &Literal)], stride: usize, counts: &GramCounts) -> Option<Lane> {
    let width = literals
        .iter()
        .map(|(_, literal)| literal.bytes.len().min(4))
        .min()?;
    let grams = literals
        .iter()
        .flat_map(|(index, literal)| literal.grams(*index, (stride, width), counts));
    Some(Lane::new(grams.collect(), mask(width)))
}

impl Literal {
    /// `stride` consecutive grams, from the part of the literal that logs have least often.
    fn grams(&self, index: u32, (stride, width): (usize, usize), counts: &GramCounts) -> Vec<Gram> {
        let rarest = counts.rarest(&self.bytes, (width + stride - 1, stride));
        let offsets = (rarest..rarest + stride)
            .filter_map(|offset| Some((offset, u32::try_from(offset).ok()?)));
        let gram = |(at, offset)| Gram {
            word: word(&self.bytes, at) & mask(width),
            literal: index,
            offset,
        };
        offsets.map(gram).collect()
    }

    /// Where the literal starts if its byte `offset` stands at `at`.
    fn stands_at(&self, buffer: &[u8], at: usize, offset: u32) -> Option<usize> {
        let start = at.checked_sub(offset as usize)?;
        let bytes = buffer.get(start..start + self.bytes.len())?;
        // What nearly matches most often has the start in common.
        let ends_alike = bytes.last().map(u8::to_ascii_lowercase) == self.bytes.last().copied();
        (ends_alike && bytes.eq_ignore_ascii_case(&self.bytes)).then_some(start)
    }
}
