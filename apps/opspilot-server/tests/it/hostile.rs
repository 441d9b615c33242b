//! Lines that somebody wrote to fool a terminal, a parser or a person.

use std::collections::BTreeSet;

use serde_json::json;

use crate::common::files::Site;
use crate::common::server::{Ended, Server};
use crate::common::settings::{settings, with};

/// Characters that must not reach a terminal: escape, NUL, bell, right-to-left override, C1 control sequence introducer.
const DANGEROUS: [char; 5] = ['\u{1b}', '\0', '\u{7}', '\u{202e}', '\u{9b}'];

fn lines() -> Vec<Vec<u8>> {
    vec![
        b"MARK-0 \x1b[2J\x1b]0;owned\x07 escape".to_vec(),
        b"MARK-1 nul \0 inside".to_vec(),
        b"MARK-2 not UTF-8: \xff\xfe\xc3(".to_vec(),
        "MARK-3 \u{202e}gpj.exe \u{9b}31m".into(),
        [b"MARK-4 ".to_vec(), vec![b'x'; 1 << 20]].concat(),
        b"MARK-5 $1 $0 ${HOME} {{x}} %s <script>alert(1)</script> '; DROP TABLE incidents; --"
            .to_vec(),
        b"MARK-6 \"}, {\"fake\": true".to_vec(),
    ]
}

fn log() -> Vec<u8> {
    lines()
        .into_iter()
        .flat_map(|line| [line, b"\n".to_vec()].concat())
        .collect()
}

fn check_that_it_is_harmless(text: &str) {
    for dangerous in DANGEROUS {
        let found = text.lines().find(|line| line.contains(dangerous));
        assert_eq!(found, None, "{dangerous:?} is shown as it is");
    }
}

#[test]
fn hostile_lines_are_kept_as_evidence_and_shown_escaped() {
    let site = Site::new();
    let channels = json!([
        { "id": "console", "type": "console", "events": ["incident.created"] },
        { "id": "file", "type": "file", "path": site.path("notifications.jsonl"), "events": ["incident.created"] },
    ]);
    let settings = with(
        settings(&site),
        "/modules/notifier.channels/channels",
        channels,
    );
    site.configure(&with(settings, "/logging", json!({ "level": "debug" })));
    site.write("app.log", log());
    let server = Server::start(&site);
    let incidents = server.until_incidents(lines().len());
    let expected: BTreeSet<String> = lines()
        .iter()
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    for incident in &incidents {
        let kept = incident["context"]["matchedLine"].as_str().expect("a line");
        let is_whole = expected.contains(kept);
        let is_cut = kept.starts_with("MARK-4 xxx") && kept.len() >= 1_000;
        assert!(is_whole || is_cut, "changed: {kept:?}");
    }
    let described: Vec<&str> = incidents
        .iter()
        .filter_map(|incident| incident["description"].as_str())
        .collect();
    assert!(described.contains(&"mark 5"), "{described:?}");
    server.until("all are notified", || {
        Some(()).filter(|()| site.notifications().len() == lines().len())
    });
    let page = server.get("/incidents").text;
    assert!(
        !page.contains(['\u{1b}', '\0', '\u{7}']),
        "JSON escapes control characters"
    );
    server.stop();
    check_that_it_is_harmless(&site.read("stderr.log"));
    check_that_it_is_harmless(&site.read("stdout.log"));
}

#[test]
fn replay_shows_hostile_lines_escaped() {
    let site = Site::new();
    let config = site.configure(&settings(&site));
    site.write("app.log", log());
    let ended = Ended::run(
        site.folder(),
        &[
            "replay",
            "app.log",
            "--config",
            config.to_str().expect("a plain path"),
        ],
    );
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    check_that_it_is_harmless(&ended.stdout);
    check_that_it_is_harmless(&ended.stderr);
}

#[test]
fn a_file_name_of_a_hostile_person_is_shown_escaped() {
    let site = Site::new();
    let config = site.configure(&settings(&site));
    let name = "no\u{1b}[2J\u{202e}such.log";
    let ended = Ended::run(
        site.folder(),
        &[
            "replay",
            name,
            "--config",
            config.to_str().expect("a plain path"),
        ],
    );
    assert_ne!(ended.code(), 0);
    check_that_it_is_harmless(&ended.stderr);
}
