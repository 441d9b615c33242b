//! What happens on a machine that has only the repository, or only the binary.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::common::files::Site;
use crate::common::server::{Ended, Server, command};

/// What the bundled sample contains.
const TITLES: [&str; 4] = [
    "Connections time out",
    "Errors in a log",
    "The kernel killed a process for memory",
    "A disk is nearly full: 92.7 %",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The binary in the repository, with its data elsewhere and without the logs of this machine.
fn with_default_configuration(site: &Site) -> Command {
    let mut command = command(&[]);
    command
        .current_dir(root())
        .env("OPSPILOT_MODULES_UI_API_PORT", "0")
        .env("OPSPILOT_MODULES_UI_API_RATE_LIMIT_PER_MINUTE", "0")
        .env("OPSPILOT_MODULES_UI_WEBSOCKET_PORT", "0")
        .env("OPSPILOT_MODULES_CONNECTOR_FILE_TAIL_PATHS", "[]")
        .env(
            "OPSPILOT_STORAGE_OPTIONS_DB_PATH",
            site.path("data/opspilot.db"),
        )
        .env("OPSPILOT_STORAGE_OPTIONS_DATA_DIR", site.path("data"));
    command
}

fn titles(incidents: &[Value]) -> BTreeSet<String> {
    incidents
        .iter()
        .filter_map(|incident| incident["title"].as_str())
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_first_start_finds_the_incidents_of_the_sample_and_a_second_finds_no_more() {
    let site = Site::new();
    let expected = BTreeSet::from(TITLES.map(str::to_owned));
    let mut server = Server::spawn(&site, &mut with_default_configuration(&site));
    server.wait_until_ready();
    let found = server.until_incidents(TITLES.len());
    assert_eq!(titles(&found), expected);
    assert_eq!(server.get("/health").status, 200);
    server.stop();

    let mut server = Server::spawn(&site, &mut with_default_configuration(&site));
    server.wait_until_ready();
    assert_eq!(titles(&server.incidents()), expected);
    assert_eq!(server.incidents().len(), found.len());
    server.stop();
}

#[test]
fn the_default_configuration_is_fine() {
    let ended = Ended::run(&root(), &["check"]);
    assert_eq!(
        (ended.code(), ended.stderr.as_str()),
        (0, ""),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("is fine"), "{}", ended.stdout);
}

#[test]
fn init_writes_what_a_start_needs_and_replaces_nothing_unasked() {
    let site = Site::new();
    assert_eq!(Ended::run(site.folder(), &["init"]).code(), 0);
    assert_eq!(Ended::run(site.folder(), &["check"]).code(), 0);
    site.write("config/default.yaml", "mine");
    let again = Ended::run(site.folder(), &["init"]);
    assert_eq!(again.code(), 2);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
    assert_eq!(site.read("config/default.yaml"), "mine");
    assert_eq!(Ended::run(site.folder(), &["init", "--force"]).code(), 0);
    assert_ne!(site.read("config/default.yaml"), "mine");
}

#[test]
fn a_server_without_a_configuration_is_set_up_over_its_api() {
    let site = Site::new();
    let log = site.write("app.log", "an old line\n");
    let server = Server::unconfigured(&site);
    let found = server.get("/setup").json();
    assert_eq!(found["file"]["digest"], Value::Null, "{found:#}");
    assert_eq!(found["readiness"]["ready"], false);
    let wish = serde_json::json!({
        "sources": { "connector.fileTail": { "paths": [log] } },
        "channels": [{ "id": "console", "type": "console", "events": ["incident.created"] }],
        "expected": null,
    });
    let saved = server.post("/setup/save", &wish.to_string());
    assert_eq!(saved.status, 200, "{saved:?}");
    site.append("app.log", "2026-02-20T12:00:00Z ERROR broken\n");
    let incidents = server.until_incidents(1);
    assert_eq!(incidents[0]["title"], "Errors in a log");
    assert_eq!(server.get("/setup").json()["readiness"]["ready"], true);
    server.stop();
    let checked = Ended::run(site.folder(), &["check"]);
    assert_eq!(checked.code(), 0, "{}", checked.stderr);
    assert!(!checked.stderr.contains("warning"), "{}", checked.stderr);
    // A file that was named and is not there is no fresh start.
    let missing = Ended::run(site.folder(), &["--config", "typo.yaml"]);
    assert_eq!(missing.code(), 2);
    assert!(
        missing.stderr.contains("no such configuration file"),
        "{}",
        missing.stderr
    );
}
