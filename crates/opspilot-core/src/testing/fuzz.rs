//! Parsers of bytes from outside, tried with any bytes: by the fuzzer of `cargo xtask fuzz`, and in ordinary tests by a
//! bounded number of seeded mutations.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A parser, and what to begin with.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name for people.
    pub name: &'static str,
    /// What it usually reads.
    pub seeds: &'static [&'static [u8]],
    /// Reads any bytes, and panics where that shows a fault.
    pub run: fn(&[u8]),
}

/// What formats hold where they are fragile.
const TOKENS: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\r\n",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"<",
    b">",
    b":",
    b",",
    b"-",
    b".",
    b"%",
    b"=",
    b"&",
    b"\xff",
    b"\xc3",
    b"\xe2\x80\xae",
    b"null",
    b"0",
    b"-1",
    b"1e999",
    b"4294967296",
    b"9223372036854775807",
    b"18446744073709551615",
    b"18446744073709551616",
    b"9999-12-31T23:59:60.999999999Z",
];

/// The longest input that is made.
const LONGEST: usize = 4096;

/// Runs every target on its seeds, and on `cases` mutations of each.
///
/// # Panics
/// When a target does; its name and the input are printed before.
pub fn exercise(targets: &[Target], cases: u64) {
    for target in targets {
        let mut random = Random(target.name.len() as u64);
        let none: &[u8] = b"";
        for seed in target.seeds.iter().copied().chain([none]) {
            attempt(target, seed);
            for _ in 0..cases {
                let input = mutated(seed, target.seeds, &mut random);
                attempt(target, &input);
            }
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "what failed is told to whoever runs the test"
)]
fn attempt(target: &Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        eprintln!("{} fails on b\"{}\"", target.name, input.escape_ascii());
        resume_unwind(panic);
    }
}

/// One to four changes of `seed`.
fn mutated(seed: &[u8], others: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = at + random.below(bytes.len() - at + 1).min(32);
        match random.below(7) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let copied = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, copied));
            }
            3 => {
                let token = TOKENS[random.below(TOKENS.len())];
                drop(bytes.splice(at..end, token.iter().copied()));
            }
            4 if !others.is_empty() => {
                let other = others[random.below(others.len())];
                let from = random.below(other.len() + 1);
                drop(bytes.splice(at.., other[from..].iter().copied()));
            }
            5 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ => bytes.insert(at, u8::try_from(random.below(256)).unwrap_or(0)),
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): small, and the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % bound.max(1) as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_in_the_depth_of_an_input_is_found() {
        fn run(bytes: &[u8]) {
            assert!(!bytes.ends_with(b"9223372036854775807"));
        }
        let seeds: &[&[u8]] = &[b"count=1"];
        let target = Target {
            name: "test",
            seeds,
            run,
        };
        let found = catch_unwind(|| exercise(&[target], 2000));
        assert!(found.is_err());
    }

    #[test]
    fn the_parsers_of_the_core_withstand_anything() {
        exercise(crate::testing::targets::TARGETS, 400);
    }
}
