//! Readings of this machine beside `df`, `free` and `ps`.

use std::collections::BTreeSet;
use std::fs;

use super::machine::value;
use super::*;

/// What a program prints, unless it is not installed.
#[expect(clippy::disallowed_methods, reason = "programs to compare with")]
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let command = std::process::Command::new(program)
        .env("LC_ALL", "C")
        .args(arguments)
        .output();
    match command {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            eprintln!("SKIPPED: {program} does not run: {error}");
            None
        }
    }
}

#[test]
fn file_systems_agree_with_df() {
    let config: Config = serde_saphyr::from_str("enabledMetrics: [fileSystems]").unwrap();
    let lines = Sampler::new(config, "/").cycle(Instant::now());
    let samples = lines.samples().iter();
    let usages = samples.filter(|sample| &*sample.name == "filesystem_usage_percent");
    let mut count = 0;
    for mount in usages.map(|sample| sample.attributes["mount"].as_str().unwrap()) {
        let columns = "--output=size,avail,pcent,ipcent";
        let Some(text) = output(
            "df",
            &["--block-size=1", columns, &mount.replace(r"\040", " ")],
        ) else {
            return;
        };
        let row: Vec<f64> = text
            .lines()
            .nth(1)
            .unwrap()
            .split_whitespace()
            .map(|word| word.trim_end_matches('%').parse().unwrap_or(0.0))
            .collect();
        let found = |name: &str| value(&lines, (name, Some(mount)));
        let mebibyte = (1 << 20) as f64;
        assert!(
            (found("filesystem_total_mb") - row[0] / mebibyte).abs() < 1e-6,
            "{mount}"
        );
        // Others write in between.
        assert!(
            (found("filesystem_available_mb") - row[1] / mebibyte).abs() < 1024.0,
            "{mount}"
        );
        // df rounds up.
        assert!(
            (found("filesystem_usage_percent").ceil() - row[2]).abs() <= 1.0,
            "{mount}"
        );
        assert!(
            (found("filesystem_inodes_percent").ceil() - row[3]).abs() <= 1.0,
            "{mount}"
        );
        count += 1;
    }
    assert!(count > 0, "no local file system: {lines:?}");
}

#[test]
fn memory_agrees_with_free() {
    let Some(text) = output("free", &["--kibi"]) else {
        return;
    };
    let config: Config = serde_saphyr::from_str("enabledMetrics: [memory]").unwrap();
    let lines = Sampler::new(config, "/").cycle(Instant::now());
    let row = text.lines().find(|line| line.starts_with("Mem:")).unwrap();
    let row: Vec<f64> = row
        .split_whitespace()
        .skip(1)
        .map(|word| word.parse().unwrap())
        .collect();
    let (total, available) = (row[0] / 1024.0, row[5] / 1024.0);
    assert!((value(&lines, ("memory_total_mb", None)) - total).abs() < 1e-6);
    // Others take and free memory in between.
    let found = value(&lines, ("memory_available_mb", None));
    assert!(
        (found - available).abs() < total / 10.0,
        "{found} is not about {available}"
    );
}

fn pids() -> BTreeSet<u64> {
    let entries = fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .collect()
}

/// The number that the newest process or thread has.
fn newest() -> usize {
    let text = fs::read_to_string("/proc/loadavg").unwrap();
    text.split_whitespace().nth(4).unwrap().parse().unwrap()
}

#[test]
fn processes_are_those_that_ps_shows() {
    let Some(_) = output("ps", &["--version"]) else {
        return;
    };
    let config = "{enabledMetrics: [processes], processes: {top: 100}}";
    let mut sampler = Sampler::new(serde_saphyr::from_str(config).unwrap(), "/");
    let own = std::process::id().to_string();
    sampler.cycle(Instant::now());
    let (before, first) = (pids(), newest());
    let lines = sampler.cycle(Instant::now() + Duration::from_secs(1));
    let (after, last) = (pids(), newest());
    let stayed = before.intersection(&after).count() as f64;
    let seen = before.union(&after).count() + last.saturating_sub(first);
    let count = value(&lines, ("process_count", None));
    assert!(
        (stayed..=seen as f64).contains(&count),
        "{count} is not {stayed} to {seen}"
    );
    let ps = output("ps", &["-o", "rss=,comm=", "-p", &own]).unwrap();
    let (resident, name) = ps.trim().split_once(' ').unwrap();
    let is_own = |sample: &&Sample| sample.attributes.get("pid").is_some_and(|pid| *pid == *own);
    let Some(told) = lines
        .samples()
        .iter()
        .filter(is_own)
        .find(|sample| &*sample.name == "process_top_memory_mb")
    else {
        assert!(count > 100.0, "a test is among the 100 largest: {lines:?}");
        return;
    };
    assert_eq!(told.attributes["name"], name.trim());
    let resident: f64 = resident.parse().unwrap();
    assert!(
        (told.value - resident / 1024.0).abs() < 8.0,
        "{} is not about {resident} KiB",
        told.value
    );
}
