//! Any bytes as files of `/proc`.

use std::time::Duration;

use opspilot_core::testing::fuzz::Target;

use super::lines::Lines;
use super::{cpu, descriptors, disks, load, memory, mounts, network, pressure, processes};

/// Every parser, and the lines that come of what it read: plain ASCII, and numbers that are finite.
pub(crate) const PROC: Target = Target {
    name: "metrics_proc",
    seeds: &[
        b"cpu  10 2 3 4 5 6 7 8 0 0\ncpu0 10 2 3 4 5 6 7 8 0 0\nintr 1 2\nctxt 7\nprocs_running 2\n",
        b"MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable: 50 kB\nSwapTotal: 7 kB\nSwapFree: 1 kB\n",
        b"0.01 1.5 2.25 3/456 789\n",
        b"12345.67 23456.78\n",
        b"   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n",
        b"Inter-|   Receive\n face |bytes\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
        b"36 35 98:0 / /mnt\\0402 rw,noatime shared:1 - ext3 /dev/root rw,errors=continue\n",
        b"some avg10=0.12 avg60=1.00 avg300=2.50 total=123\nfull avg10=0 avg60=0 avg300=0 total=0\n",
        b"77 (a (b) c) S 1 77 77 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 1 0 12345 6789 321 184467\n",
        b"1024\t0\t9223372036854775807\n",
    ],
    run: parse,
};

fn parse(text: &[u8]) {
    let mut lines = Lines::default();
    let second = Duration::from_secs(1);
    if let Some(sample) = cpu::parse(text) {
        sample.write(&sample, &mut lines);
    }
    if let Some(memory) = memory::parse(text) {
        memory.write(&mut lines);
    }
    if let Some(load) = load::parse(text) {
        load.write(Some(2), &mut lines);
    }
    if let Some(uptime) = load::parse_uptime(text) {
        load::write_uptime(uptime, &mut lines);
    }
    if let Some(descriptors) = descriptors::parse(text) {
        descriptors.write(&mut lines);
    }
    if let Some(sample) = disks::parse(text) {
        disks::write((&sample, &sample), second, &[b"sda".to_vec()], &mut lines);
    }
    if let Some(sample) = network::parse(text) {
        network::write((&sample, &sample), second, &mut lines);
    }
    for mount in mounts::parse(text).unwrap_or_default() {
        drop(mount.path());
    }
    let _ = pressure::parse(text);
    if let Some(process) = processes::parse(text) {
        let sample = processes::Sample::from([(process.pid(), process)]);
        processes::write_counts(&sample, &mut lines);
        processes::write_presence(&sample, &["a".to_owned()], &mut lines);
    }
    assert_eq!(lines.iter().count(), lines.len(), "every line is text");
    for line in lines.iter() {
        assert!(
            line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{line:?}"
        );
    }
    for sample in lines.samples() {
        assert!(sample.value.is_finite(), "{sample:?}");
    }
}
