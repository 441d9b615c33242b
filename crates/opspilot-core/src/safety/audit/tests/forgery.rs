//! A long export, forged at random places in every way we know: the first wrong place is named each time.

use async_trait::async_trait;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{Log, ours, record};
use crate::bus::{Tx, Work};
use crate::safety::action::Digest;
use crate::safety::audit::chain::link;
use crate::safety::audit::note::Checkpoint;
use crate::safety::audit::verify::{Cause, Fault, Verifier, verify};
use crate::safety::audit::{Audit, SigningKey};

const ENTRIES: u64 = 100_000;

/// How many places each way of forging is tried at.
const CASES: u32 = 250;

/// How often the state of the verifier is kept, so that a case need not begin at the first line.
const KEEP_EVERY: usize = 100;

struct Many(Audit, u64);

#[async_trait]
impl Work for Many {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        for number in 0..self.1 {
            self.0.append_in(tx, record(number)).await.unwrap();
        }
    }
}

/// The lines of an export, and what a verifier knows at some of them.
struct Original {
    lines: Vec<Vec<u8>>,
    /// The line of each entry, from entry 1.
    places: Vec<usize>,
    states: Vec<Verifier>,
}

impl Original {
    async fn new() -> Self {
        let log = Log::new().await;
        for group in 0..ENTRIES / 500 {
            let work = Many(log.audit.clone(), 500);
            log.bus.transact("test", work).await.unwrap();
            if group % 7 == 3 {
                log.audit.checkpoint().await.unwrap();
            }
        }
        let export = log.export().await;
        let lines = export.as_bytes().split_inclusive(|byte| *byte == b'\n');
        let lines: Vec<Vec<u8>> = lines.map(<[u8]>::to_vec).collect();
        let is_entry = |at: &usize| lines[*at].starts_with(b"{\"hash\"");
        let places: Vec<usize> = (0..lines.len()).filter(is_entry).collect();
        let mut states = Vec::new();
        let mut verifier = Verifier::new(ours());
        for (at, line) in lines.iter().enumerate() {
            if at % KEEP_EVERY == 0 {
                states.push(verifier.clone());
            }
            verifier.line(line).unwrap();
        }
        assert_eq!(verifier.finish().unwrap().last, ENTRIES);
        Self {
            lines,
            places,
            states,
        }
    }

    /// What the verifier says when the lines from `start` on are `forged` and then those from `rest` on. What stands
    /// before is what it was, so a state of the verifier from there is good.
    fn fault(&self, start: usize, forged: &[u8], rest: usize) -> Fault {
        let kept = start / KEEP_EVERY;
        let mut verifier = self.states[kept].clone();
        let before = self.lines[kept * KEEP_EVERY..start]
            .iter()
            .map(Vec::as_slice);
        let forged = forged.split_inclusive(|byte| *byte == b'\n');
        let rest = self.lines[rest.min(self.lines.len())..]
            .iter()
            .map(Vec::as_slice);
        let mut all = before.chain(forged).chain(rest);
        match all.find_map(|line| verifier.line(line).err()) {
            Some(fault) => fault,
            None => verifier.finish().unwrap_err(),
        }
    }

    fn entry(&self, seq: u64) -> (usize, &[u8]) {
        let place = self.places[usize::try_from(seq - 1).unwrap()];
        (place, &self.lines[place])
    }

    /// How many entries stand before line `at`.
    fn entries_before(&self, at: usize) -> u64 {
        self.places.partition_point(|place| *place < at) as u64
    }

    fn checkpoints(&self) -> Vec<usize> {
        let is_checkpoint = |at: &usize| self.lines[*at].starts_with(b"{\"checkpoint\"");
        (0..self.lines.len()).filter(is_checkpoint).collect()
    }
}

/// Hash, previous hash and bytes of the entry on a line.
fn parts(line: &[u8]) -> (Digest, Vec<u8>) {
    let prev = std::str::from_utf8(&line[9 + 64 + 10..][..64]).unwrap();
    let entry = line[9 + 64 + 10 + 64 + 10..].strip_suffix(b"}\n").unwrap();
    (prev.parse().unwrap(), entry.to_vec())
}

fn sealed(prev: Digest, entry: &[u8]) -> Vec<u8> {
    let hash = link(&prev, entry);
    let entry = std::str::from_utf8(entry).unwrap();
    format!("{{\"hash\":\"{hash}\",\"prev\":\"{prev}\",\"entry\":{entry}}}\n").into_bytes()
}

fn edited(entry: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(entry).unwrap();
    text.replacen("person-", "nobody-", 1).into_bytes()
}

fn check<S: Strategy>(strategy: S, test: impl Fn(S::Value)) {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[23; 32]);
    let result = TestRunner::new_with_rng(config, rng).run(&strategy, |value| {
        test(value);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn named(fault: &Fault, entry: u64, place: usize) {
    let expected = (entry, place as u64 + 1);
    assert_eq!((fault.entry, fault.line), expected, "{fault}");
}

#[tokio::test]
async fn the_first_forged_entry_of_a_long_log_is_named() {
    let original = Original::new().await;
    edit(&original);
    delete_and_swap(&original);
    insert(&original);
    rehash(&original);
    cut(&original);
    sign_anew(&original);
    whole_files_are_judged_alike(&original);
}

#[tokio::test]
async fn whatever_is_read_is_judged_without_a_panic() {
    let log = Log::new().await;
    log.fill(3).await;
    let export = log.export().await.into_bytes();
    check(
        (
            any::<prop::sample::Index>(),
            any::<prop::sample::Index>(),
            any::<Vec<u8>>(),
        ),
        |(from, to, bytes)| {
            let (from, to) = (from.index(export.len()), to.index(export.len()));
            let (from, to) = (from.min(to), from.max(to));
            let forged = [&export[..from], &bytes, &export[to..]].concat();
            assert!(forged == export || verify(forged.as_slice(), ours()).is_err());
        },
    );
    for (size, last) in [(u64::MAX, 0), (1, u64::MAX)] {
        let key = SigningKey::of_tests();
        let at = crate::clock::Timestamp::UNIX_EPOCH;
        let base = Checkpoint::new(size, Digest::of(b"x"), at).signed(&key);
        let entry =
            format!("{{\"seq\":2,\"action\":\"audit.pruned\",\"details\":{{\"last\":{last}}}}}");
        let row = sealed(base.hash, entry.as_bytes());
        let mut end = Checkpoint::new(2, link(&base.hash, entry.as_bytes()), at);
        end.export = Some((2, 2));
        let header = serde_json::json!({
            "format": "opspilot-audit",
            "version": 1,
            "publicKey": key.public_key().to_string(),
            "base": base.note,
        });
        let end = serde_json::json!({ "checkpoint": end.signed(&key).note });
        let text = format!("{header}\n{}{end}\n", String::from_utf8(row).unwrap());
        verify(text.as_bytes(), ours()).unwrap_err();
    }
}

fn edit(original: &Original) {
    check(
        (1..=ENTRIES, any::<prop::sample::Index>(), 1..=255_u8),
        |(seq, at, change)| {
            let (place, line) = original.entry(seq);
            let mut line = line.to_vec();
            let at = at.index(line.len());
            line[at] ^= change;
            named(&original.fault(place, &line, place + 1), seq, place);
        },
    );
    let checkpoints = original.checkpoints();
    let last = checkpoints.len() - 1;
    let any_checkpoint = prop::sample::select(checkpoints[..last].to_vec());
    check(
        (any_checkpoint, any::<prop::sample::Index>(), 1..=255_u8),
        |(place, at, change)| {
            let mut line = original.lines[place].clone();
            let at = at.index(line.len() - 1);
            line[at] ^= change;
            let covered = original.entries_before(place);
            let fault = original.fault(place, &line, place + 1);
            // A line that no longer looks like a checkpoint is read as the next entry.
            assert!((covered..=covered + 1).contains(&fault.entry), "{fault}");
            assert_eq!(fault.line, place as u64 + 1, "{fault}");
        },
    );
    for at in 0..original.lines[0].len() - 1 {
        let mut line = original.lines[0].clone();
        line[at] ^= 1;
        named(&original.fault(0, &line, 1), 1, 0);
    }
    let end = original.lines.len() - 1;
    for at in 0..original.lines[end].len() {
        let mut line = original.lines[end].clone();
        line[at] ^= 1;
        original.fault(end, &line, end + 1);
    }
}

fn delete_and_swap(original: &Original) {
    check(1..=ENTRIES, |seq| {
        let (place, _) = original.entry(seq);
        let fault = original.fault(place, b"", place + 1);
        named(&fault, seq, place);
        assert_eq!(fault.cause.code(), "removed", "{fault}");
    });
    check((1..ENTRIES, 1..2_000_u64), |(first, distance)| {
        let second = (first + distance).min(ENTRIES);
        let ((place, line), (other, moved)) = (original.entry(first), original.entry(second));
        let between = original.lines[place + 1..other].concat();
        let forged = [moved, &between, line].concat();
        named(&original.fault(place, &forged, other + 1), first, place);
    });
}

fn insert(original: &Original) {
    check((1..=ENTRIES, 1..=ENTRIES), |(seq, copied)| {
        let (place, _) = original.entry(seq);
        let (_, copy) = original.entry(copied);
        let fault = original.fault(place, copy, place);
        // Of an entry and its copy behind it, the copy is the one that is too much.
        let shift = usize::from(seq == copied);
        named(&fault, seq + shift as u64, place + shift);
    });
    check(1..=ENTRIES, |seq| {
        let (place, line) = original.entry(seq);
        let (prev, entry) = parts(line);
        let forged = sealed(prev, &edited(&entry));
        named(&original.fault(place, &forged, place), seq, place);
    });
    let end = original.lines.len() - 1;
    let (prev, entry) = parts(original.entry(ENTRIES).1);
    let next = String::from_utf8(entry.clone()).unwrap();
    let next = next.replacen(
        &format!("\"seq\":{ENTRIES}"),
        &format!("\"seq\":{}", ENTRIES + 1),
        1,
    );
    let forged = sealed(link(&prev, &entry), next.as_bytes());
    assert_eq!(original.fault(end, &forged, end).entry, ENTRIES + 1);
}

fn rehash(original: &Original) {
    check(1..=ENTRIES, |seq| {
        let (place, line) = original.entry(seq);
        let (prev, entry) = parts(line);
        let forged = sealed(prev, &edited(&entry));
        named(&original.fault(place, &forged, place + 1), seq, place);
        let forged = sealed(Digest::of(b"elsewhere"), &entry);
        named(&original.fault(place, &forged, place + 1), seq, place);
        let text = String::from_utf8(entry).unwrap();
        let forged = sealed(prev, text.replacen("\"seq\":", "\"seq\":7", 1).as_bytes());
        named(&original.fault(place, &forged, place + 1), seq, place);
    });
    // When the chain is mended up to some entry, that one is where it breaks, and the first is known to lie before.
    check((1..ENTRIES, 1..50_u64), |(seq, count)| {
        let last = (seq + count).min(ENTRIES);
        let (place, line) = original.entry(seq);
        let (mut prev, _) = parts(line);
        let mut forged = Vec::new();
        let (end, _) = original.entry(last);
        for line in &original.lines[place..=end] {
            if line.starts_with(b"{\"checkpoint\"") {
                break;
            }
            let (_, entry) = parts(line);
            forged.extend(sealed(prev, &edited(&entry)));
            prev = link(&prev, &edited(&entry));
        }
        let lines = forged.iter().filter(|byte| **byte == b'\n').count();
        let fault = original.fault(place, &forged, place + lines);
        let Cause::Rehashed { since } = fault.cause else {
            panic!("{fault}");
        };
        assert_eq!(fault.entry, seq + lines as u64 - 1, "{fault}");
        assert!(since <= seq, "{fault}");
    });
}

fn cut(original: &Original) {
    let lines = original.lines.len();
    check((0..lines, any::<prop::sample::Index>()), |(place, at)| {
        let line = &original.lines[place];
        let fault = original.fault(place, &line[..at.index(line.len())], lines);
        let expected = original.entries_before(place) + 1;
        assert_eq!(fault.entry, expected, "{fault}");
        assert!(
            matches!(fault.cause, Cause::Truncated | Cause::Header(_)),
            "{fault}"
        );
    });
}

fn sign_anew(original: &Original) {
    let other = SigningKey::ephemeral().unwrap();
    let ours = SigningKey::of_tests();
    check(prop::sample::select(original.checkpoints()), |place| {
        #[derive(serde::Deserialize)]
        struct Line {
            checkpoint: String,
        }
        let line: Line = serde_json::from_slice(&original.lines[place]).unwrap();
        let checkpoint = Checkpoint::open(&line.checkpoint, ours.public_key()).unwrap();
        let note = checkpoint.clone().signed(&other).note;
        let forged = format!("{}\n", serde_json::json!({ "checkpoint": note }));
        let fault = original.fault(place, forged.as_bytes(), place + 1);
        named(&fault, checkpoint.size, place);
        assert!(matches!(fault.cause, Cause::Checkpoint(_)), "{fault}");
    });
}

/// The cases above start from kept states; here the whole file is read.
fn whole_files_are_judged_alike(original: &Original) {
    let whole = original.lines.concat();
    assert_eq!(verify(whole.as_slice(), ours()).unwrap().last, ENTRIES);
    let (place, _) = original.entry(ENTRIES / 2);
    let mut lines = original.lines.clone();
    lines.remove(place);
    let fault = verify(lines.concat().as_slice(), ours()).unwrap_err();
    assert_eq!(fault, original.fault(place, b"", place + 1));
    let more = [whole.as_slice(), b"\n"].concat();
    let fault = verify(more.as_slice(), ours()).unwrap_err();
    assert_eq!(fault.cause, Cause::Trailing);
}
