//! What a cgroup reads and writes: `io.stat`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::metrics::lines::{Lines, hundredths, mebibytes_per_second};
use crate::metrics::rates::per_second;
use crate::metrics::text;

/// The counters of one device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    read_bytes: u64,
    written_bytes: u64,
    reads: u64,
    writes: u64,
}

/// The counters of devices, by their numbers `major:minor`.
pub(super) type Sample = BTreeMap<Vec<u8>, Counters>;

/// Reads `io.stat`. Some kernels print devices of which there is nothing to tell, on lines of their own or before the
/// next device on its line.
pub(super) fn parse(text: &[u8]) -> Option<Sample> {
    Some(text::lines(text).filter_map(device).collect())
}

fn device(line: &[u8]) -> Option<(Vec<u8>, Counters)> {
    let is_field = |word: &&[u8]| word.contains(&b'=');
    let name = text::words(line)
        .take_while(|word| !is_field(word))
        .last()?;
    let field =
        |key: &[u8]| text::words(line).find_map(|word| text::number(word.strip_prefix(key)?));
    let counters = Counters {
        read_bytes: field(b"rbytes=")?,
        written_bytes: field(b"wbytes=")?,
        reads: field(b"rios=")?,
        writes: field(b"wios=")?,
    };
    Some((name.to_vec(), counters))
}

/// Reads the names of devices from `/proc/diskstats`.
pub(super) fn parse_names(text: &[u8]) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
    let name = |line: &[u8]| {
        let mut words = text::words(line);
        let number = [words.next()?, words.next()?].join(&b':');
        Some((number, words.next()?.to_vec()))
    };
    Some(text::lines(text).filter_map(name).collect())
}

/// Writes what was read and written between two samples.
pub(super) fn write(
    (before, after): (&Sample, &Sample),
    elapsed: Duration,
    names: &BTreeMap<Vec<u8>, Vec<u8>>,
    lines: &mut Lines,
) {
    for (device, counters) in after {
        let earlier = before.get(device).copied().unwrap_or_default();
        let rate = |of: fn(&Counters) -> u64| per_second(of(&earlier), of(counters), elapsed);
        let name = names.get(device).unwrap_or(device);
        lines.labelled(
            &[
                mebibytes_per_second("device_read_mb_per_second", rate(|one| one.read_bytes)),
                mebibytes_per_second("device_write_mb_per_second", rate(|one| one.written_bytes)),
                hundredths("device_reads_per_second", rate(|one| one.reads)),
                hundredths("device_writes_per_second", rate(|one| one.writes)),
            ],
            &[("device", name)],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_without_counters_are_passed_over() {
        let before = parse(b"254:0 rbytes=0 wbytes=0 rios=0 wios=0 dbytes=0 dios=0\n").unwrap();
        let after = parse(
            b"7:0 \n7:1 7:2 254:0 rbytes=2097152 wbytes=4194304 rios=8 wios=4 dbytes=0 dios=0\n\
              8:0 rbytes=0 wbytes=0 rios=0 wios=0 dbytes=0 dios=0\n",
        )
        .unwrap();
        let names = parse_names(b" 254       0 vda 1 2 3\n").unwrap();
        let mut lines = Lines::default();
        write(
            (&before, &after),
            Duration::from_secs(2),
            &names,
            &mut lines,
        );
        let expected = [
            "[METRIC] device_read_mb_per_second=1.00 device_write_mb_per_second=2.00 \
             device_reads_per_second=4.00 device_writes_per_second=2.00 device=vda",
            "[METRIC] device_read_mb_per_second=0.00 device_write_mb_per_second=0.00 \
             device_reads_per_second=0.00 device_writes_per_second=0.00 device=8:0",
        ];
        assert_eq!(lines.iter().collect::<Vec<_>>(), expected);
    }
}
