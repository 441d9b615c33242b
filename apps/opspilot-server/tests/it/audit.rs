//! The audit log, as whoever has to prove something meets it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use serde_json::{Value, json};

use crate::common::files::Site;
use crate::common::server::{Ended, Server};
use crate::common::settings::{settings, with};

const LINE: &str = "2026-02-20T12:00:00Z ERROR MARK-0\n";

/// The storage of a server that has stopped, after a person acknowledged and resolved an incident.
fn with_deeds(engine: &str) -> Site {
    let site = Site::new();
    site.configure(&with(settings(&site), "/storage/engine", json!(engine)));
    site.write("app.log", LINE);
    let server = Server::start(&site);
    let id = server.until_incidents(1)[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for verb in ["acknowledge", "resolve"] {
        let answer = server.post(&format!("/incidents/{id}/{verb}"), "{}");
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    server.stop();
    site
}

fn audit(site: &Site, arguments: &[&str]) -> Ended {
    let all = [&["--config", "config.yaml", "audit"], arguments].concat();
    Ended::run(site.folder(), &all)
}

/// The whole log of `site`, one line each.
fn export(site: &Site, name: &str) -> Vec<String> {
    let ended = audit(site, &["export", "--output", name]);
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    site.read(name).lines().map(str::to_owned).collect()
}

#[test]
fn what_happened_is_in_the_log_and_the_log_proves_itself() {
    for engine in ["sqlite", "file"] {
        let site = with_deeds(engine);
        let key = audit(&site, &["key"]);
        let key = key.stdout.trim();
        let lines = export(&site, "log.jsonl");
        let is_told = |action: &str| {
            let text = format!("\"action\":\"{action}\"");
            lines.iter().filter(|line| line.contains(&text)).count()
        };
        for action in [
            "system.started",
            "incident.acknowledged",
            "incident.resolved",
            "system.stopped",
        ] {
            assert_eq!(is_told(action), 1, "{action}: {lines:#?}");
        }
        for arguments in [
            &["verify"][..],
            &["verify", "log.jsonl"],
            &["verify", "log.jsonl", "--key", key],
        ] {
            let ended = audit(&site, arguments);
            assert_eq!(ended.code(), 0, "{}", ended.stderr);
            assert!(
                ended.stdout.contains("is whole: entries 1 to 4"),
                "{}",
                ended.stdout
            );
            assert!(ended.stdout.contains(key), "{}", ended.stdout);
        }
        let ended = audit(&site, &["verify", "--json"]);
        let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        assert_eq!(
            (&told["ok"], &told["summary"]["last"]),
            (&json!(true), &json!(4))
        );
    }
}

#[test]
fn a_forged_export_is_refused_with_the_entry_by_name() {
    let site = with_deeds("sqlite");
    let lines = export(&site, "log.jsonl");
    let forged = lines
        .join("\n")
        .replacen("incident.resolved", "incident.reopened", 1)
        + "\n";
    site.write("forged.jsonl", forged);
    let ended = audit(&site, &["verify", "forged.jsonl"]);
    assert_eq!(ended.code(), 1);
    assert!(
        ended.stderr.contains("entry 3 (line 4): it was changed"),
        "{}",
        ended.stderr
    );
    let ended = audit(&site, &["verify", "forged.jsonl", "--json"]);
    assert_eq!(ended.code(), 1);
    let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(told["ok"], json!(false));
    assert_eq!(
        (&told["entry"], &told["code"]),
        (&json!(3), &json!("changed"))
    );
    site.write("cut.jsonl", lines[..3].join("\n") + "\n");
    let ended = audit(&site, &["verify", "cut.jsonl"]);
    assert_eq!(ended.code(), 1);
    assert!(
        ended.stderr.contains("entry 3") && ended.stderr.contains("cut off"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_log_that_was_rolled_back_contradicts_a_checkpoint_that_was_kept() {
    let site = with_deeds("sqlite");
    fs::copy(site.path("data/opspilot.db"), site.path("older.db")).expect("a copy");
    Server::start(&site).stop();
    let lines = export(&site, "log.jsonl");
    let last: Value = serde_json::from_str(lines.last().expect("a last line")).expect("JSON");
    site.write("kept.note", last["checkpoint"].as_str().expect("a note"));
    site.write("kept.jsonl", lines.last().expect("a last line"));
    for kept in ["kept.note", "kept.jsonl", "log.jsonl"] {
        let ended = audit(&site, &["verify", "--checkpoint", kept]);
        assert_eq!(ended.code(), 0, "{kept}: {}", ended.stderr);
    }
    fs::copy(site.path("older.db"), site.path("data/opspilot.db")).expect("a copy");
    assert_eq!(audit(&site, &["verify"]).code(), 0);
    let ended = audit(&site, &["verify", "--checkpoint", "kept.note"]);
    assert_eq!(ended.code(), 1);
    assert!(
        ended.stderr.contains("entry 5") && ended.stderr.contains("rolled back"),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_storage_of_a_running_server_is_left_alone() {
    let site = with_deeds("sqlite");
    let server = Server::start(&site);
    for arguments in [&["verify"][..], &["export"]] {
        let ended = audit(&site, arguments);
        assert_eq!(ended.code(), 1);
        assert!(
            ended.stderr.contains("stop the server first"),
            "{}",
            ended.stderr
        );
    }
    server.stop();
}

#[test]
fn the_key_is_for_its_owner_and_belongs_to_its_database() {
    let site = with_deeds("sqlite");
    let path = site.path("data/audit-signing.key");
    let mode = || fs::metadata(&path).expect("a key").mode() & 0o777;
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let ended = Ended::run(site.folder(), &["--config", "config.yaml"]);
    assert_eq!(ended.code(), 1);
    assert!(ended.stderr.contains("chmod 600"), "{}", ended.stderr);
    fs::remove_file(&path).expect("it is ours");
    let ended = Ended::run(site.folder(), &["--config", "config.yaml"]);
    assert_eq!(ended.code(), 1);
    assert!(
        ended
            .stderr
            .contains("put back the file `audit-signing.key`"),
        "{}",
        ended.stderr
    );
}

#[test]
fn an_export_replaces_no_file_and_is_for_its_owner() {
    let site = with_deeds("sqlite");
    export(&site, "log.jsonl");
    let mode = fs::metadata(site.path("log.jsonl"))
        .expect("an export")
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let ended = audit(&site, &["export", "--output", "log.jsonl"]);
    assert_eq!(ended.code(), 1);
    assert!(
        ended.stderr.contains("name a file that does not exist"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_storage_that_is_not_there_is_not_made() {
    let site = Site::new();
    site.configure(&settings(&site));
    let ended = audit(&site, &["verify"]);
    assert_eq!(ended.code(), 2);
    assert!(
        ended.stderr.contains("there is no storage at"),
        "{}",
        ended.stderr
    );
    assert!(!site.path("data").exists());
}
