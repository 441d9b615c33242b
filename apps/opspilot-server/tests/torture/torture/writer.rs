//! Writes numbered lines, some with a mark, and rotates.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::log::{Log, Rotation};
use super::random::Random;
use crate::common::wait::pause;

/// How often lines are written.
const TICK: Duration = Duration::from_millis(10);

/// How many lines at most in a tick; on average half of them, which is 2,500 lines a second.
const LINES: u64 = 50;

/// One line in so many has a mark.
const MARKED: u64 = 10;

/// What the writer and the others tell each other.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Write no more.
    pub(super) ends: AtomicBool,
    /// A server has seen every log; before that none is rotated.
    pub(super) is_known: AtomicBool,
    /// How many marks were written.
    pub(super) written: AtomicU64,
    /// How many marks are stored.
    pub(super) stored: AtomicU64,
    /// The writer waits until all are stored.
    pub(super) waits: AtomicBool,
}

/// What was done to the logs.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) lines: u64,
    pub(super) rotations: u64,
}

/// Writes until it shall end.
pub(super) fn write(
    rotation: Rotation,
    logs: &mut [Log],
    random: &mut Random,
    shared: &Shared,
) -> io::Result<Work> {
    let mut work = Work::default();
    let mut rotate_at = Instant::now() + random.millis(100, 1_200);
    let mut compress_at = rotate_at;
    let mut marks = 0;
    while !shared.ends.load(Ordering::SeqCst) {
        pause(TICK);
        for _ in 0..=random.below(LINES) {
            let bytes = line(&mut work.lines, &mut marks, random);
            let log = pick(logs, random);
            // Readers see half a line now and then.
            let (start, end) = bytes.split_at(random.index(bytes.len()));
            log.write(start)?;
            log.write(end)?;
        }
        shared.written.store(marks, Ordering::SeqCst);
        if rotation == Rotation::Compress && Instant::now() > compress_at {
            logs.iter_mut().try_for_each(Log::compress)?;
        }
        if Instant::now() > rotate_at && shared.is_known.load(Ordering::SeqCst) {
            if rotation.needs_reader() && !wait_for_reader(shared) {
                break;
            }
            pick(logs, random).rotate()?;
            work.rotations += 1;
            rotate_at = Instant::now() + random.millis(100, 1_200);
            compress_at = Instant::now() + random.millis(0, 900);
        }
    }
    Ok(work)
}

/// Waits until every mark is stored; false if the writer shall end before.
fn wait_for_reader(shared: &Shared) -> bool {
    shared.waits.store(true, Ordering::SeqCst);
    let is_stored = loop {
        if shared.stored.load(Ordering::SeqCst) >= shared.written.load(Ordering::SeqCst) {
            break true;
        }
        if shared.ends.load(Ordering::SeqCst) {
            break false;
        }
        pause(TICK);
    };
    shared.waits.store(false, Ordering::SeqCst);
    is_stored
}

fn pick<'l>(logs: &'l mut [Log], random: &mut Random) -> &'l mut Log {
    let index = random.index(logs.len());
    &mut logs[index]
}

/// The next line: mostly short, sometimes long, sometimes with an ending of Windows or bytes that are not UTF-8.
fn line(number: &mut u64, marks: &mut u64, random: &mut Random) -> Vec<u8> {
    *number += 1;
    let mut line = format!("2026-02-20T12:00:00Z INFO worker line {number} ").into_bytes();
    if random.once_in(MARKED) {
        line.extend(format!("MARK-{marks} ").bytes());
        *marks += 1;
    }
    let length = if random.once_in(500) {
        random.below(20_000)
    } else {
        random.below(120)
    };
    line.extend((0..length).map(|at| b'a' + (at % 26) as u8));
    if random.once_in(50) {
        line.extend([0xff, 0xc3, 0x28]);
    }
    if random.once_in(20) {
        line.push(b'\r');
    }
    line.push(b'\n');
    line
}
