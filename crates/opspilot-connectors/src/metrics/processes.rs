//! Processes, from `/proc/*/stat`: see proc_pid_stat(5).

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use super::lines::{Lines, mebibytes, tenths, whole};
use super::rates::per_second;
use super::text;

/// How many bytes of a process's name the kernel keeps.
const NAME: usize = 15;

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pid: u64,
    name: Vec<u8>,
    state: u8,
    ticks: u64,
    threads: u64,
    started: u64,
    pages: u64,
}

/// All processes, by their number.
pub(super) type Sample = HashMap<u64, Process>;

/// The sizes that the kernel counts in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    /// Ticks in a second.
    pub(super) ticks_per_second: u64,
    /// The bytes of a page.
    pub(super) page: u64,
}

/// Reads `/proc/<pid>/stat`. A name may hold anything, parentheses too.
pub(super) fn parse(text: &[u8]) -> Option<Process> {
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let mut words = text::words(text.get(close + 1..)?);
    let state = *words.next()?.first()?;
    let fields: Vec<&[u8]> = words.take(21).collect();
    // Field 4 of the manual is the first here.
    let number = |field: usize| fields.get(field - 4).copied().and_then(text::number);
    Some(Process {
        pid: text::number(text.get(..open)?.trim_ascii())?,
        name: text.get(open + 1..close)?.to_vec(),
        state,
        ticks: number(14)?.saturating_add(number(15)?),
        threads: number(20)?,
        started: number(22)?,
        pages: number(24)?,
    })
}

impl Process {
    /// Its number.
    pub(super) const fn pid(&self) -> u64 {
        self.pid
    }

    fn cpu(&self, before: &Sample, elapsed: Duration, units: Units) -> f64 {
        let earlier = before.get(&self.pid);
        let ticks = earlier
            .filter(|earlier| earlier.started == self.started)
            .map_or(0, |earlier| earlier.ticks);
        per_second(ticks, self.ticks, elapsed) * 100.0 / units.ticks_per_second.max(1) as f64
    }

    fn write(&self, figure: super::lines::Figure, lines: &mut Lines) {
        let pid = self.pid.to_string();
        lines.labelled(&[figure], &[("pid", pid.as_bytes()), ("name", &self.name)]);
    }
}

/// Writes how many processes there are, by state.
pub(super) fn write_counts(after: &Sample, lines: &mut Lines) {
    let count = |states: &[u8]| {
        let those = after.values().filter(|one| states.contains(&one.state));
        those.count() as u64
    };
    let threads = after
        .values()
        .fold(0_u64, |sum, one| sum.saturating_add(one.threads));
    lines.metric(&[
        whole("process_count", after.len() as u64),
        whole("process_running", count(b"R")),
        whole("process_sleeping", count(b"SI")),
        whole("process_blocked", count(b"D")),
        whole("process_zombie", count(b"Z")),
        whole("process_stopped", count(b"Tt")),
        whole("thread_count", threads),
    ]);
}

/// Writes the `top` processes by processor time since `before` (100 is one core) and by memory.
pub(super) fn write_top(
    (before, after): (&Sample, &Sample),
    (elapsed, units): (Duration, Units),
    top: usize,
    lines: &mut Lines,
) {
    let mut by_cpu: Vec<(f64, &Process)> = after
        .values()
        .map(|one| (one.cpu(before, elapsed, units), one))
        .collect();
    by_cpu.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.pid.cmp(&other.1.pid)));
    for (usage, process) in by_cpu.iter().take(top) {
        process.write(tenths("process_top_cpu_percent", *usage), lines);
    }
    let mut by_memory: Vec<&Process> = after.values().collect();
    by_memory.sort_by_key(|one| (Reverse(one.pages), one.pid));
    for process in by_memory.into_iter().take(top) {
        let bytes = process.pages.saturating_mul(units.page);
        process.write(mebibytes("process_top_memory_mb", bytes), lines);
    }
}

/// Writes which of the processes named `wanted` are there; 0 or 1, and how many.
pub(super) fn write_presence(after: &Sample, wanted: &[String], lines: &mut Lines) {
    for name in wanted {
        let kept = name.as_bytes().get(..NAME).unwrap_or(name.as_bytes());
        let is_it = |one: &&Process| one.name == kept && one.state != b'Z';
        let count = after.values().filter(is_it).count() as u64;
        lines.labelled(
            &[
                whole("process_present", count.min(1)),
                whole("process_matches", count),
            ],
            &[("name", name.as_bytes())],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u64, name: &str, state: char, ticks: u64) -> Process {
        let text = format!(
            "{pid} ({name}) {state} 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 2 0 77 4096 512 9 9\n"
        );
        parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_process_is_known_whatever_its_name() {
        let sample = |ticks| {
            let all = [
                process(1, "a) R (b", 'S', 0),
                process(2, "nginx", 'R', ticks),
                process(3, "nginx", 'Z', 0),
            ];
            all.into_iter()
                .map(|one| (one.pid, one))
                .collect::<Sample>()
        };
        let units = Units {
            ticks_per_second: 100,
            page: 4096,
        };
        let (before, after) = (sample(0), sample(100));
        let mut lines = Lines::default();
        write_counts(&after, &mut lines);
        write_top(
            (&before, &after),
            (Duration::from_secs(2), units),
            1,
            &mut lines,
        );
        write_presence(&after, &["nginx".to_owned(), "cron".to_owned()], &mut lines);
        let expected = [
            "[METRIC] process_count=3 process_running=1 process_sleeping=1 process_blocked=0 \
             process_zombie=1 process_stopped=0 thread_count=6",
            "[METRIC] process_top_cpu_percent=50.0 pid=2 name=nginx",
            "[METRIC] process_top_memory_mb=2 pid=1 name=a__R__b",
            "[METRIC] process_present=1 process_matches=1 name=nginx",
            "[METRIC] process_present=0 process_matches=0 name=cron",
        ];
        assert_eq!(lines.iter().collect::<Vec<_>>(), expected);
    }
}
