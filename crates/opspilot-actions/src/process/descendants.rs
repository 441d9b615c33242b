//! The processes that come from this one, however they tried to get away.
//!
//! The supervisor is a *child subreaper* (`prctl(2)`): a process whose parent ended becomes its child, whatever session
//! and group it chose. So following the parents in `/proc` finds all, and "no child to wait for" proves that none is left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};
use rustix::time::Timespec;

/// The living descendants of process `root`.
pub(super) fn of(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (pid, parent) in living() {
        children.entry(parent).or_default().push(pid);
    }
    let (mut found, mut open) = (BTreeSet::new(), vec![root]);
    while let Some(parent) = open.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            if found.insert(child) {
                open.push(child);
            }
        }
    }
    found.into_iter().collect()
}

/// Every process with its parent, without those that have ended and wait to be reaped.
fn living() -> impl Iterator<Item = (u32, u32)> {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    folders.filter_map(|folder| {
        let pid = folder.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(folder.path().join("stat")).ok()?;
        parent_of(&stat).map(|parent| (pid, parent))
    })
}

/// The parent in a line of `/proc/<pid>/stat` (`proc(5)`), whose second field may hold anything, also brackets.
fn parent_of(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.next()?.parse().ok(),
    }
}

/// Sends `signal` to each of `pids`; one that ended meanwhile is passed over.
pub(super) fn signal(pids: &[u32], signal: Signal) {
    for pid in pids {
        let pid = i32::try_from(*pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, signal).ok();
        }
    }
}

/// What a round of reaping found.
#[derive(Debug, Default)]
pub(super) struct Reaped {
    /// How process `main` ended, if it did.
    pub(super) main: Option<WaitStatus>,
    /// True if there is no child any more.
    pub(super) is_childless: bool,
}

/// Reaps every child that has ended.
pub(super) fn reap(main: u32) -> Reaped {
    let mut reaped = Reaped::default();
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                if u32::try_from(pid.as_raw_nonzero().get()) == Ok(main) {
                    reaped.main = Some(status);
                }
            }
            Ok(None) => return reaped,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => {
                reaped.is_childless = true;
                return reaped;
            }
        }
    }
}

/// Kills every descendant until none is left, for at most `limit`; true if none is left.
pub(super) fn kill_all(root: u32, limit: Duration) -> bool {
    let begin = Instant::now();
    loop {
        // A pass may race with a fork; the next one finds what was born meanwhile.
        signal(&of(root), Signal::KILL);
        if reap(root).is_childless {
            return true;
        }
        if begin.elapsed() > limit {
            return false;
        }
        pause(Duration::from_millis(2));
    }
}

/// Waits for `time`.
fn pause(time: Duration) {
    if let Ok(time) = Timespec::try_from(time) {
        rustix::event::poll(&mut [], Some(&time)).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_hides_no_process() {
        assert_eq!(parent_of("12 (a) S 1) R 7 12 12 0"), Some(7));
        assert_eq!(parent_of("12 (sh) Z 7 12 12 0"), None);
        assert_eq!(parent_of(""), None);
    }
}
