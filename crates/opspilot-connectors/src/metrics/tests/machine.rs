//! Readings of this machine beside those of other programs and other code, taken right before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::ops::RangeInclusive;

use super::*;

/// Counters by name.
type Counters = BTreeMap<String, f64>;

/// Two cycles of the module on this machine, and the counters around each.
struct Stretch {
    lines: Lines,
    seconds: f64,
    around_first: [Counters; 2],
    around_second: [Counters; 2],
}

impl Stretch {
    /// Works and writes to the disk until the processors counted 100 ticks.
    fn of(config: &str, read: fn() -> Counters) -> Self {
        let mut sampler = Sampler::new(serde_saphyr::from_str(config).unwrap(), "/");
        let mut around = || {
            let before = read();
            let at = Instant::now();
            let lines = sampler.cycle(at);
            ([before, read()], at, lines)
        };
        let (around_first, began, _) = around();
        let total = || {
            ticks()
                .iter()
                .filter(|(name, _)| name.starts_with("cpu "))
                .map(|(_, ticks)| ticks)
                .sum::<f64>()
        };
        let until = total() + 100.0;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        while total() < until {
            file.write_all(&[7; 1 << 20]).unwrap();
            file.as_file().sync_data().unwrap();
        }
        let (around_second, ended, lines) = around();
        Self {
            lines,
            seconds: (ended - began).as_secs_f64(),
            around_first,
            around_second,
        }
    }

    /// Between which numbers a sum of counters grew from one look of the module to the other.
    fn grown(&self, names: &[String]) -> RangeInclusive<f64> {
        let sum = |counters: &Counters| names.iter().map(|name| counters[name]).sum::<f64>();
        let [a, b] = self.around_first.each_ref().map(sum);
        let [c, d] = self.around_second.each_ref().map(sum);
        (c - b).max(0.0)..=(d - a).max(0.0)
    }

    /// Checks a figure that is `scale` times the growth of counters.
    fn check(&self, figure: (&str, Option<&str>), names: &[String], scale: f64) {
        let grown = self.grown(names);
        let found = value(&self.lines, figure);
        let (low, high) = (grown.start() * scale, grown.end() * scale);
        assert!(
            low - 1e-6 <= found && found <= high + 1e-6,
            "{figure:?}: {found} is not {low} to {high}"
        );
    }
}

/// The sample called `name`, with a label's value where there is one.
pub(super) fn value(lines: &Lines, (name, label): (&str, Option<&str>)) -> f64 {
    let is_it = |sample: &&Sample| {
        let has = |label: &str| sample.attributes.values().any(|value| value == label);
        &*sample.name == name && label.is_none_or(has)
    };
    let found = lines.samples().iter().find(is_it);
    found
        .unwrap_or_else(|| panic!("no {name} {label:?} in {lines:#?}"))
        .value
}

/// `/proc/stat` as `cpu0 user`, and so on.
fn ticks() -> Counters {
    const FIELDS: [&str; 8] = [
        "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
    ];
    let text = fs::read_to_string("/proc/stat").unwrap();
    let rows = text.lines().filter(|line| line.starts_with("cpu"));
    rows.flat_map(|line| {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap().to_owned();
        let fields = FIELDS.iter().zip(words);
        fields.map(move |(field, ticks)| (format!("{name} {field}"), ticks.parse().unwrap()))
    })
    .collect()
}

#[test]
fn processor_time_agrees_with_the_kernel_in_total_and_by_core() {
    let stretch = Stretch::of("enabledMetrics: [cpu]", ticks);
    let names = |core: &str, fields: &str| -> Vec<String> {
        fields
            .split(' ')
            .map(|field| format!("{core} {field}"))
            .collect()
    };
    let busy = "user nice system irq softirq steal";
    let check = |figure: (&str, Option<&str>), core: &str, fields: &str| {
        let part = stretch.grown(&names(core, fields));
        let all = stretch.grown(&names(core, &format!("{busy} idle iowait")));
        let (low, high) = (
            part.start() * 100.0 / all.end(),
            part.end() * 100.0 / all.start(),
        );
        let found = value(&stretch.lines, figure);
        assert!(
            low - 1e-6 <= found && found <= high + 1e-6,
            "{figure:?}: {found} is not {low} to {high}"
        );
    };
    check(("cpu_usage_percent", None), "cpu", busy);
    check(("cpu_user_percent", None), "cpu", "user");
    check(("cpu_nice_percent", None), "cpu", "nice");
    check(("cpu_system_percent", None), "cpu", "system");
    check(("cpu_interrupts_percent", None), "cpu", "irq softirq");
    check(("cpu_iowait_percent", None), "cpu", "iowait");
    check(("cpu_steal_percent", None), "cpu", "steal");
    let cores: BTreeSet<String> = ticks()
        .keys()
        .filter_map(|name| Some(name.strip_prefix("cpu")?.split_once(' ')?.0.to_owned()))
        .filter(|core| !core.is_empty())
        .collect();
    assert!(!cores.is_empty());
    for core in cores {
        check(
            ("cpu_core_usage_percent", Some(&core)),
            &format!("cpu{core}"),
            busy,
        );
    }
}

/// `/sys/block/*/stat`, which the module does not read.
fn devices() -> Counters {
    let mut counters = Counters::new();
    for entry in fs::read_dir("/sys/block").unwrap() {
        let entry = entry.unwrap();
        let text = fs::read_to_string(entry.path().join("stat")).unwrap();
        let name = entry.file_name().into_string().unwrap();
        for (index, number) in text.split_whitespace().enumerate() {
            counters.insert(format!("{name} {index}"), number.parse().unwrap());
        }
    }
    counters
}

#[test]
fn disks_agree_with_sysfs() {
    let stretch = Stretch::of("enabledMetrics: [disks]", devices);
    let samples = stretch.lines.samples().iter();
    let busy = samples.filter(|sample| &*sample.name == "device_busy_percent");
    let names: Vec<&str> = busy
        .map(|sample| sample.attributes["device"].as_str().unwrap())
        .collect();
    if names.is_empty() {
        eprintln!("SKIPPED: this machine shows no disk");
    }
    let each = 1.0 / stretch.seconds;
    let mebibytes = 512.0 / (1 << 20) as f64 * each;
    for name in names {
        let check = |figure: &str, index: usize, scale: f64| {
            stretch.check((figure, Some(name)), &[format!("{name} {index}")], scale);
        };
        check("device_reads_per_second", 0, each);
        check("device_read_mb_per_second", 2, mebibytes);
        check("device_writes_per_second", 4, each);
        check("device_write_mb_per_second", 6, mebibytes);
    }
}

/// `/sys/class/net/*/statistics`, which the module does not read.
fn interfaces() -> Counters {
    let mut counters = Counters::new();
    for entry in fs::read_dir("/sys/class/net").unwrap() {
        let entry = entry.unwrap();
        let Ok(files) = fs::read_dir(entry.path().join("statistics")) else {
            continue;
        };
        for file in files {
            let file = file.unwrap();
            let number = fs::read_to_string(file.path()).unwrap();
            let names = (entry.file_name(), file.file_name());
            let name = format!("{} {}", names.0.display(), names.1.display());
            counters.insert(name, number.trim().parse().unwrap());
        }
    }
    counters
}

#[test]
fn interfaces_agree_with_sysfs() {
    let stretch = Stretch::of("enabledMetrics: [network]", interfaces);
    let samples = stretch.lines.samples().iter();
    let one = samples.filter(|sample| &*sample.name == "interface_receive_mb_per_second");
    let names: Vec<&str> = one
        .map(|sample| sample.attributes["interface"].as_str().unwrap())
        .collect();
    if names.is_empty() {
        eprintln!("SKIPPED: this machine has no interface that carried a packet");
    }
    let each = 1.0 / stretch.seconds;
    let mebibytes = each / (1 << 20) as f64;
    for name in names {
        let check = |figure: &str, files: &[&str], scale: f64| {
            let files: Vec<String> = files.iter().map(|file| format!("{name} {file}")).collect();
            stretch.check((figure, Some(name)), &files, scale);
        };
        check("interface_receive_mb_per_second", &["rx_bytes"], mebibytes);
        check("interface_transmit_mb_per_second", &["tx_bytes"], mebibytes);
        check(
            "interface_receive_packets_per_second",
            &["rx_packets"],
            each,
        );
        check(
            "interface_transmit_packets_per_second",
            &["tx_packets"],
            each,
        );
        check("interface_receive_errors_per_second", &["rx_errors"], each);
        check(
            "interface_receive_drops_per_second",
            &["rx_dropped", "rx_missed_errors"],
            each,
        );
    }
}

/// The microseconds of `/proc/pressure`.
fn pressures() -> Counters {
    let mut counters = Counters::new();
    for resource in ["cpu", "memory", "io"] {
        let text = fs::read_to_string(format!("/proc/pressure/{resource}")).unwrap_or_default();
        for line in text.lines() {
            let (kind, _) = line.split_once(' ').unwrap();
            let (_, total) = line.split_once("total=").unwrap();
            counters.insert(format!("{resource} {kind}"), total.parse().unwrap());
        }
    }
    counters
}

#[test]
fn pressure_agrees_with_the_kernel() {
    let stretch = Stretch::of("enabledMetrics: [pressure]", pressures);
    if pressures().is_empty() {
        eprintln!("SKIPPED: this kernel tells no pressure");
    }
    for name in pressures().into_keys() {
        let figure = format!("{}_percent", name.replace(' ', "_pressure_"));
        stretch.check((&figure, None), &[name], 1e-4 / stretch.seconds);
    }
}

/// The times of the cgroup of this test, as far as version 2 is mounted.
fn own_cgroup() -> Counters {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mount = text.lines().find(|line| line.contains(" - cgroup2 "));
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("0::"));
    let (Some(mount), Some(own)) = (mount, own) else {
        return Counters::new();
    };
    let folder = mount.split(' ').nth(4).unwrap();
    let text = fs::read_to_string(format!("{folder}{own}/cpu.stat")).unwrap();
    let rows = text.lines().map(|line| line.split_once(' ').unwrap());
    rows.map(|(name, number)| (name.to_owned(), number.parse().unwrap()))
        .collect()
}

#[test]
fn the_processor_time_of_our_cgroup_agrees_with_the_kernel() {
    if own_cgroup().is_empty() {
        eprintln!("SKIPPED: no cgroup v2 is mounted here");
        return;
    }
    let stretch = Stretch::of("{view: cgroup, enabledMetrics: [cpu]}", own_cgroup);
    let limit = value(&stretch.lines, ("cpu_limit_cores", None));
    let cores = std::thread::available_parallelism().unwrap().get() as f64;
    assert!(
        limit > 0.0
            && limit <= cores.max(fs::read_dir("/sys/devices/system/cpu").unwrap().count() as f64)
    );
    let scale = 1e-4 / stretch.seconds / limit;
    let rows = [
        ("usage", "usage_usec"),
        ("user", "user_usec"),
        ("system", "system_usec"),
    ];
    for (figure, name) in rows {
        stretch.check(
            (&format!("cpu_{figure}_percent"), None),
            &[name.to_owned()],
            scale,
        );
    }
}
