//! The module on this machine's real `/proc`, and its parsers on anything.

mod copies;
mod machine;
mod programs;
mod trees;

use std::fs;
use std::time::{Duration, Instant};

use opspilot_core::signal::Sample;
use opspilot_core::testing::Bench;
use proptest::prelude::*;
use regex::Regex;

use super::*;

static MANIFEST: Manifest = Metrics::MANIFEST;
static READER: Manifest = Manifest {
    consumes: &["log.ingested"],
    ..Manifest::new("detector.test", Category::Detector, "Reads in tests.")
};

fn everything() -> Config {
    let yaml = "enabledMetrics: [cpu, memory, loadAvg, uptime, fileSystems, disks, network, \
                processes, pressure, fileDescriptors]\nthresholds: {memoryPercent: 0}";
    serde_saphyr::from_str(yaml).unwrap()
}

fn figure(lines: &Lines, name: &str) -> f64 {
    let pattern = Regex::new(&format!(r"{name}[=:](\d+\.?\d*)")).unwrap();
    let found = lines.iter().find_map(|line| pattern.captures(line));
    found.unwrap_or_else(|| panic!("no {name} in {lines:#?}"))[1]
        .parse()
        .unwrap()
}

/// Two cycles, ten seconds apart as far as the sampler knows.
fn cycles(root: &str) -> (Lines, Troubles) {
    let mut sampler = Sampler::new(everything(), root);
    let start = Instant::now();
    sampler.cycle(start);
    sampler.take_troubles();
    let lines = sampler.cycle(start + Duration::from_secs(10));
    (lines, sampler.take_troubles())
}

#[test]
fn every_line_is_in_the_form_that_threshold_rules_read() {
    let (lines, _) = cycles("/");
    let form = Regex::new(
        r"^(\[METRIC\]( [a-z0-9_]+=\d+(\.\d+)?)+( [a-z]+=\S+)*|\[WARNING\] [a-z_]+=\d+\.\d exceeds threshold \d+)$",
    )
    .unwrap();
    for line in lines.iter() {
        assert!(form.is_match(line), "{line}");
    }
    for name in [
        "cpu_usage_percent",
        "memory_usage_percent",
        "disk_usage_percent",
    ] {
        assert!((0.0..=100.0).contains(&figure(&lines, name)), "{name}");
    }
}

#[test]
fn the_shipped_threshold_rules_read_what_is_sent() {
    let shipped = include_str!("../../../../config/default.yaml");
    let pattern = Regex::new(r"valuePattern: '([^']+)'").unwrap();
    let (lines, _) = cycles("/");
    let mut rules = 0;
    for rule in pattern.captures_iter(shipped) {
        let value = Regex::new(&rule[1]).unwrap();
        assert!(lines.iter().any(|line| value.is_match(line)), "{value}");
        rules += 1;
    }
    assert!(rules > 0);
}

#[test]
fn a_figure_for_rules_stands_in_one_line_of_a_cycle() {
    let (lines, _) = cycles("/");
    for name in [
        "cpu_usage_percent",
        "disk_usage_percent",
        "disk_busy_percent",
        "load_avg_1m",
    ] {
        let metrics = lines.iter().filter(|line| line.starts_with("[METRIC]"));
        assert!(
            metrics.filter(|line| line.contains(name)).count() <= 1,
            "{name}"
        );
    }
}

#[test]
fn what_is_missing_is_named_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("proc")).unwrap();
    fs::write(folder.path().join("proc/loadavg"), "0.5 0.4 0.3 1/9 77\n").unwrap();
    fs::write(folder.path().join("proc/stat"), "nonsense").unwrap();
    let (lines, troubles) = cycles(folder.path().to_str().unwrap());
    assert!((figure(&lines, "load_avg_1m") - 0.5).abs() < 1e-9);
    assert!(troubles.absent.contains("/proc/pressure/cpu"));
    assert!(troubles.failed["/proc/stat"].contains("form"));
    assert!(!troubles.absent.contains("/proc/loadavg"));
}

#[tokio::test(start_paused = true)]
async fn a_cycle_is_one_batch_and_a_restart_goes_on_behind() {
    let bench = Bench::new().await;
    let mut ends = Vec::new();
    for _ in 0..2 {
        let cx = bench.context(&MANIFEST);
        let mut logs = bench.context(&READER).bus.logs();
        let mut module = Metrics::new(Config::default()).unwrap();
        module.init(&cx).await.unwrap();
        let cancel = cx.cancel.clone();
        let reading = async {
            let batch = logs.recv().await.unwrap();
            cancel.cancel();
            batch
        };
        let (outcome, batch) = tokio::join!(module.run(&cx), reading);
        outcome.unwrap();
        assert_eq!(&*batch.source().name, "system-metrics");
        assert_eq!(batch.source().attributes["cycle"], 1);
        let first = batch.get(0).unwrap();
        assert!(first.text().starts_with("[METRIC] cpu_usage_percent="));
        let (position, sample) = batch.samples().next().unwrap();
        let shown = format!("[METRIC] {}={:.1}", sample.name, sample.value);
        assert!(first.text().starts_with(&shown), "{shown}");
        assert_eq!((&*sample.unit, position), ("%", first.position));
        assert!(batch.samples().last().unwrap().0 < batch.end());
        ends.push((first.position, batch.end()));
    }
    assert!(ends[1].0 > ends[0].1, "{ends:?}");
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(text in "[\\PC\n]{0,200}|(cpu[0-9]?|some|full|[a-z]{1,4}:|[0-9]{1,20}|[ \n()/:-]){0,60}") {
        let text = text.as_bytes();
        let mut lines = Lines::default();
        if let Some(sample) = cpu::parse(text) {
            sample.write(&sample, &mut lines);
        }
        if let Some(memory) = memory::parse(text) {
            memory.write(&mut lines);
        }
        if let Some(load) = load::parse(text) {
            load.write(Some(0), &mut lines);
        }
        load::parse_uptime(text);
        descriptors::parse(text);
        disks::parse(text);
        network::parse(text);
        pressure::parse(text);
        processes::parse(text);
        for mount in mounts::parse(text).into_iter().flatten() {
            mount.path();
        }
        prop_assert!(lines.iter().all(|line| line.starts_with('[')));
    }
}
