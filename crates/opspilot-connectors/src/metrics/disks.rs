//! Disks, from `/proc/diskstats`: see the kernel's `Documentation/admin-guide/iostats.rst`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::lines::{Lines, hundredths, mebibytes_per_second, percent, tenths};
use super::rates::{larger, per_second};
use super::text;

/// The unit of sectors in this file, whatever the device's own is.
const SECTOR: u64 = 512;

/// The counters of one device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    reads: u64,
    read_bytes: u64,
    read_millis: u64,
    writes: u64,
    written_bytes: u64,
    write_millis: u64,
    busy_millis: u64,
}

/// The counters of devices that were ever used, by name.
pub(super) type Sample = BTreeMap<Vec<u8>, Counters>;

/// Reads `/proc/diskstats`. Partitions are in it too.
pub(super) fn parse(text: &[u8]) -> Option<Sample> {
    text::lines(text)
        .filter(|line| !line.is_empty())
        .map(device)
        .filter(|device| {
            device
                .as_ref()
                .is_none_or(|(_, counters)| counters.reads > 0 || counters.writes > 0)
        })
        .collect()
}

fn device(line: &[u8]) -> Option<(Vec<u8>, Counters)> {
    let mut words = text::words(line).skip(2);
    let name = words.next()?.to_vec();
    let numbers: Vec<u64> = words.map_while(text::number).collect();
    let number = |index: usize| numbers.get(index).copied();
    let bytes = |index: usize| number(index).map(|sectors| sectors.saturating_mul(SECTOR));
    let counters = Counters {
        reads: number(0)?,
        read_bytes: bytes(2)?,
        read_millis: number(3)?,
        writes: number(4)?,
        written_bytes: bytes(6)?,
        write_millis: number(7)?,
        busy_millis: number(9)?,
    };
    Some((name, counters))
}

/// True for devices that only show what others hold: loop devices, memory, and parts of a disk.
fn is_derived(name: &[u8], disks: &[Vec<u8>]) -> bool {
    [&b"loop"[..], b"ram", b"zram"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || !disks.iter().any(|disk| disk == name)
}

/// Writes what the disks did between two samples. `disks` are the names of whole disks, as in `/sys/block`.
pub(super) fn write(
    (before, after): (&Sample, &Sample),
    elapsed: Duration,
    disks: &[Vec<u8>],
    lines: &mut Lines,
) {
    let mut busiest = None;
    let mut rest = Lines::default();
    for (name, counters) in after {
        if is_derived(name, disks) {
            continue;
        }
        let earlier = before.get(name).copied().unwrap_or_default();
        let busy = counters.write(&earlier, elapsed, name, &mut rest);
        larger(&mut busiest, busy, name.as_slice());
    }
    if let Some((busy, name)) = busiest {
        lines.labelled(&[tenths("disk_busy_percent", busy)], &[("device", name)]);
    }
    lines.append(rest);
}

impl Counters {
    fn write(&self, before: &Self, elapsed: Duration, name: &[u8], lines: &mut Lines) -> f64 {
        let rate = |of: fn(&Self) -> u64| per_second(of(before), of(self), elapsed);
        let busy = (rate(|counters| counters.busy_millis) / 10.0).min(100.0);
        lines.labelled(
            &[
                tenths("device_busy_percent", busy),
                mebibytes_per_second(
                    "device_read_mb_per_second",
                    rate(|counters| counters.read_bytes),
                ),
                mebibytes_per_second(
                    "device_write_mb_per_second",
                    rate(|counters| counters.written_bytes),
                ),
                hundredths("device_reads_per_second", rate(|counters| counters.reads)),
                hundredths("device_writes_per_second", rate(|counters| counters.writes)),
                tenths("device_wait_ms", self.wait(before)),
            ],
            &[("device", name)],
        );
        busy
    }

    /// How long a request took on average, in milliseconds.
    fn wait(&self, before: &Self) -> f64 {
        let grown = |of: fn(&Self) -> u64| of(self).saturating_sub(of(before)) as f64;
        let requests = grown(|counters| counters.reads) + grown(|counters| counters.writes);
        let millis =
            grown(|counters| counters.read_millis) + grown(|counters| counters.write_millis);
        percent(millis, requests) / 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_disks_are_told_with_the_busiest_first() {
        let before = parse(b" 254 0 vda 0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0\n").unwrap();
        let after = parse(
            b" 7 0 loop0 5 0 8 1 0 0 0 0 0 9 9\n\
              254 0 vda 10 0 4096 100 11 0 8192 300 0 1000 400 0 0 0 0 0 0\n\
              254 1 vda1 10 0 4096 100 11 0 8192 300 0 1000 400 0 0 0 0 0 0\n",
        )
        .unwrap();
        let mut lines = Lines::default();
        let elapsed = Duration::from_secs(2);
        let disks = [b"loop0".to_vec(), b"vda".to_vec()];
        write((&before, &after), elapsed, &disks, &mut lines);
        let expected = [
            "[METRIC] disk_busy_percent=50.0 device=vda",
            "[METRIC] device_busy_percent=50.0 device_read_mb_per_second=1.00 \
             device_write_mb_per_second=2.00 device_reads_per_second=5.00 \
             device_writes_per_second=5.00 device_wait_ms=20.0 device=vda",
        ];
        assert_eq!(lines.iter().collect::<Vec<_>>(), expected);
    }
}
