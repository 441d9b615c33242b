//! Load and uptime, from `/proc/loadavg` and `/proc/uptime`: see proc_loadavg(5) and proc_uptime(5).

use super::lines::{Lines, hundredths, tenths, whole};
use super::text;

/// How many tasks could run, on average over 1, 5 and 15 minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Load {
    averages: [f64; 3],
    runnable: u64,
    tasks: u64,
}

/// Reads `/proc/loadavg`.
pub(super) fn parse(text: &[u8]) -> Option<Load> {
    let mut words = text::words(text);
    let mut average = || words.next().and_then(text::decimal);
    let averages = [average()?, average()?, average()?];
    let tasks = words.next()?;
    let slash = tasks.iter().position(|byte| *byte == b'/')?;
    Some(Load {
        averages,
        runnable: text::number(tasks.get(..slash)?)?,
        tasks: text::number(tasks.get(slash + 1..)?)?,
    })
}

/// Reads the seconds since the machine started from `/proc/uptime`.
pub(super) fn parse_uptime(text: &[u8]) -> Option<f64> {
    text::decimal(text::words(text).next()?)
}

impl Load {
    /// Writes it. The load of one core is written where the number of cores is known.
    pub(super) fn write(&self, cores: Option<usize>, lines: &mut Lines) {
        let [one, five, fifteen] = self.averages;
        lines.metric(&[
            hundredths("load_avg_1m", one),
            hundredths("load_avg_5m", five),
            hundredths("load_avg_15m", fifteen),
        ]);
        lines.metric(&[
            whole("tasks_runnable", self.runnable),
            whole("tasks_total", self.tasks),
        ]);
        if let Some(cores) = cores {
            let of_one = |load: f64| load / cores.max(1) as f64;
            lines.metric(&[
                hundredths("load_per_core_1m", of_one(one)),
                hundredths("load_per_core_5m", of_one(five)),
                hundredths("load_per_core_15m", of_one(fifteen)),
            ]);
        }
    }
}

/// Writes an uptime in seconds.
pub(super) fn write_uptime(seconds: f64, lines: &mut Lines) {
    lines.metric(&[tenths("uptime_hours", seconds / 3600.0)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_is_also_told_for_one_core() {
        let mut lines = Lines::default();
        parse(b"5.93 5.23 5.55 7/185 30137\n")
            .unwrap()
            .write(Some(2), &mut lines);
        write_uptime(parse_uptime(b"6902.16 1160.55\n").unwrap(), &mut lines);
        let expected = [
            "[METRIC] load_avg_1m=5.93 load_avg_5m=5.23 load_avg_15m=5.55",
            "[METRIC] tasks_runnable=7 tasks_total=185",
            "[METRIC] load_per_core_1m=2.96 load_per_core_5m=2.62 load_per_core_15m=2.77",
            "[METRIC] uptime_hours=1.9",
        ];
        assert_eq!(lines.iter().collect::<Vec<_>>(), expected);
    }
}
