//! `replay` answers what would have happened, and always the same.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::common::files::Site;
use crate::common::server::Ended;
use crate::common::settings::{settings, with};

/// Ten minutes of marks, one a second.
fn marks() -> String {
    let mut text = String::new();
    for second in 0..600 {
        writeln!(
            text,
            "2026-02-20T12:{:02}:{:02}Z ERROR MARK-{second}",
            second / 60,
            second % 60
        )
        .expect("a string");
    }
    text
}

fn replay(site: &Site, more: &[&str]) -> Ended {
    let config = site.path("config.yaml");
    let config = config.to_str().expect("a plain path");
    let arguments = [&["replay", "app.log", "--config", config], more].concat();
    let ended = Ended::run(site.folder(), &arguments);
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    ended
}

#[test]
fn replay_twice_prints_the_same_bytes_and_says_what_was_created_and_suppressed_and_why() {
    let site = Site::new();
    let settings = with(
        settings(&site),
        "/modules/detector.regex/rules/0/cooldownMs",
        json!(60_000),
    );
    site.configure(&settings);
    site.write("app.log", marks());
    let (first, second) = (replay(&site, &[]), replay(&site, &[]));
    assert_eq!(first.stdout, second.stdout);
    assert!(
        first
            .stdout
            .contains("600 lines: 10 incidents created, 590 matches suppressed"),
        "{}",
        first.stdout
    );
    assert!(
        first
            .stdout
            .contains("590 suppressed  mark: within the cooldown"),
        "{}",
        first.stdout
    );

    let (first, second) = (replay(&site, &["--json"]), replay(&site, &["--json"]));
    assert_eq!(first.stdout, second.stdout);
    let rows: Vec<Value> = first
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON lines"))
        .collect();
    let created = rows
        .iter()
        .filter(|row| row["outcome"] == "created")
        .count();
    let suppressed = rows.iter().filter(|row| row["outcome"] == "suppressed");
    let suppressed: u64 = suppressed
        .filter_map(|row| row["occurrences"].as_u64())
        .sum();
    assert_eq!((created, suppressed), (10, 590));
    assert_eq!(rows.last().expect("a summary")["created"], 10);
    assert!(!site.path("data").exists(), "a replay stores nothing");
}

#[test]
fn replay_suppresses_what_deduplication_would_absorb() {
    let site = Site::new();
    site.configure(&with(
        settings(&site),
        "/modules/enricher.dedup",
        json!({ "enabled": true }),
    ));
    site.write("app.log", marks());
    let ended = replay(&site, &[]);
    assert!(
        ended
            .stdout
            .contains("1 incidents created, 599 matches suppressed"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("repeats an incident"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_file_that_cannot_be_read_is_one_clear_error() {
    let site = Site::new();
    let config = site.configure(&settings(&site));
    let ended = Ended::run(
        site.folder(),
        &[
            "replay",
            "missing.log",
            "--config",
            config.to_str().expect("a plain path"),
        ],
    );
    assert_ne!(ended.code(), 0);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("missing.log"), "{}", ended.stderr);
}
