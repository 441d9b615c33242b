//! `check --online`: everything that is configured is tried once, and nothing is changed.

use std::net::{TcpListener, UdpSocket};

use serde_json::{Value, json};

use crate::common::files::Site;
use crate::common::server::{Ended, Server};
use crate::common::settings::{settings, with};

fn check(site: &Site, settings: &Value, more: &[&str]) -> Ended {
    site.configure(settings);
    let arguments = [&["check", "--online", "--config", "config.yaml"], more].concat();
    Ended::run(site.folder(), &arguments)
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

#[test]
fn a_good_configuration_passes_and_nothing_is_changed() {
    let site = Site::new();
    site.write("app.log", "fine\n");
    let ended = check(&site, &settings(&site), &[]);
    assert_eq!(ended.code(), 0, "{}{}", ended.stdout, ended.stderr);
    let rows = [
        "ok     storage ",
        "ok     connector.fileTail ",
        "ok     notifier.channels file (",
        "ok     ui.api http://127.0.0.1:0/api",
        "5 of 5 trials went well",
    ];
    for row in rows {
        assert!(ended.stdout.contains(row), "no `{row}`\n{}", ended.stdout);
    }
    assert!(!site.path("data").exists() && !site.path("notifications.jsonl").exists());
}

#[test]
fn what_does_not_work_is_named_with_the_way_out_and_without_secrets() {
    let site = Site::new();
    site.write("app.log", "fine\n");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it has an address").port();
    let datagrams = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let syslog = datagrams.local_addr().expect("it has an address").port();
    let settings = with(settings(&site), "/modules/ui.api/port", json!(port));
    let settings = with(
        settings,
        "/modules/connector.fileTail/paths",
        json!([
            site.path("app.log"),
            site.folder(),
            site.path("gone.log"),
            site.path("*.txt")
        ]),
    );
    let hook = json!({
        "id": "hook", "type": "webhook", "events": ["incident.created"],
        "webhookUrl": format!("http://127.0.0.1:{}/t0ken", free_port()),
        "webhookHeaders": { "authorization": "s3cret" },
    });
    let settings = with(
        settings,
        "/modules/notifier.channels/channels",
        json!([hook]),
    );
    let settings = with(
        settings,
        "/modules/connector.syslog",
        json!({ "enabled": true, "host": "127.0.0.1", "port": syslog, "protocol": "udp" }),
    );
    let auth = json!({
        "enabled": true,
        "oidc": {
            "issuer": format!("http://127.0.0.1:{}/realm", free_port()),
            "clientId": "opspilot", "clientSecret": "s3cret", "defaultRole": "viewer",
        },
    });
    let settings = with(settings, "/auth", auth);
    let ended = check(&site, &settings, &[]);
    assert_eq!(ended.code(), 1, "{}{}", ended.stdout, ended.stderr);
    let rows = [
        (
            "auth.oidc http://127.0.0.1:",
            "which `auth.oidc.issuer` leads to",
        ),
        ("connector.fileTail", "is a folder: write `"),
        ("gone.log", "there is no such file"),
        (
            "notifier.channels hook",
            "connection refused: start the receiver",
        ),
        ("connector.syslog udp://", "choose another port"),
        ("ui.api", "`modules.ui.api.port`"),
    ];
    let failed = |line: &&str| line.starts_with("failed ");
    assert_eq!(
        ended.stderr.lines().filter(failed).count(),
        rows.len(),
        "{}",
        ended.stderr
    );
    for (what, words) in rows {
        let line = ended
            .stderr
            .lines()
            .find(|line| line.contains(what) && line.contains(words));
        assert!(line.is_some(), "no `{words}` of {what}\n{}", ended.stderr);
    }
    assert!(
        ended.stdout.contains("no file matches now"),
        "{}",
        ended.stdout
    );
    for secret in ["t0ken", "s3cret"] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret));
    }
}

#[test]
fn programs_get_every_trial() {
    let site = Site::new();
    let ended = check(&site, &settings(&site), &["--json"]);
    assert_eq!(ended.code(), 1, "{}", ended.stderr);
    let value: Value = serde_json::from_str(&ended.stdout).expect("one JSON document");
    assert_eq!(value["ok"], false);
    let trials = value["trials"].as_array().expect("trials");
    let of = |module: &str| {
        let found = trials.iter().find(|trial| trial["module"] == module);
        found.unwrap_or_else(|| panic!("no trial of {module}\n{value:#}"))
    };
    let tail = of("connector.fileTail");
    assert_eq!(tail["ok"], false);
    let fault = tail["fault"].as_str().expect("a fault");
    assert!(fault.contains("there is no such file"), "{fault}");
    assert_eq!(
        *of("ui.api"),
        json!({ "module": "ui.api", "name": "http://127.0.0.1:0/api", "ok": true, "fault": null, "note": null })
    );
    assert_eq!(of("storage")["ok"], true);
}

#[test]
fn a_server_that_runs_is_told_of_and_is_no_fault() {
    let site = Site::new();
    site.write("app.log", "fine\n");
    let mut settings = with(settings(&site), "/modules/ui.api/port", json!(free_port()));
    let modules = [
        (
            "connector.syslog",
            json!({ "enabled": true, "protocol": "tcp", "port": free_port() }),
        ),
        (
            "connector.webhook",
            json!({ "enabled": true, "port": free_port() }),
        ),
        (
            "connector.otlp",
            json!({ "enabled": true, "httpPort": free_port(), "grpcPort": free_port() }),
        ),
    ];
    for (module, options) in modules {
        settings = with(settings, &format!("/modules/{module}"), options);
    }
    site.configure(&settings);
    let server = Server::start(&site);
    let ended = check(&site, &settings, &[]);
    assert_eq!(ended.code(), 0, "{}{}", ended.stdout, ended.stderr);
    let rows = [
        "in use by process ",
        "an OpsPilot that is running listens there",
        "the OpsPilot that runs with this configuration listens there",
    ];
    let own = ended.stdout.matches(rows[2]).count();
    assert_eq!(own, 4, "{}", ended.stdout);
    for row in rows {
        assert!(ended.stdout.contains(row), "no `{row}`\n{}", ended.stdout);
    }
    let messages = server.messages();
    for (module, words) in [
        ("connector.otlp", "telemetry is taken"),
        ("connector.webhook", "webhooks are taken"),
    ] {
        let line = messages.lines().find(|line| line.contains(words));
        let is_named =
            line.is_some_and(|line| line.contains(&format!("module{{id=\"{module}\"}}")));
        assert!(is_named, "{messages}");
    }
}

#[test]
fn a_wrong_configuration_is_told_before_anything_is_tried() {
    let site = Site::new();
    let ended = check(
        &site,
        &json!({ "modules": { "ui.api": { "prot": 1 } } }),
        &[],
    );
    assert_eq!(ended.code(), 2, "{}", ended.stderr);
    assert!(!ended.stdout.contains("trials"), "{}", ended.stdout);
}
