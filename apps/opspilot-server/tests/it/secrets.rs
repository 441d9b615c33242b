//! Secrets stay secret.

use serde_json::json;

use crate::common::files::Site;
use crate::common::server::{Ended, Server, command};
use crate::common::settings::{settings, with};

const SECRET: &str = "hunter2-correct-horse";

/// A webhook whose address contains a secret and that nobody answers.
fn with_secret(site: &Site) {
    let webhook = json!({
        "id": "hook", "type": "webhook", "webhookUrl": "http://127.0.0.1:9/${HOOK_TOKEN}", "events": ["incident.created"],
    });
    let settings = with(
        settings(site),
        "/modules/notifier.channels/channels",
        json!([webhook]),
    );
    site.configure(&with(settings, "/logging", json!({ "level": "debug" })));
}

#[test]
fn secrets_are_in_no_message_and_no_answer() {
    let site = Site::new();
    with_secret(&site);
    site.write("app.log", "2026-02-20T12:00:00Z ERROR MARK-0\n");
    let config = site.path("config.yaml");
    let mut run = command(&["--config", config.to_str().expect("a plain path")]);
    let mut server = Server::spawn(
        &site,
        run.current_dir(site.folder()).env("HOOK_TOKEN", SECRET),
    );
    server.wait_until_ready();
    let health = server.until("the webhook is known to fail", || {
        Some(server.get("/health")).filter(|health| health.json()["status"] == "degraded")
    });
    for text in [
        health.text,
        server.get("/modules").text,
        server.get("/metrics").text,
        server.get("/incidents").text,
    ] {
        assert!(!text.contains(SECRET), "{text}");
    }
    server.stop();
    assert!(
        !site.read("stderr.log").contains(SECRET),
        "{}",
        site.read("stderr.log")
    );
    assert!(!site.read("stdout.log").contains(SECRET));
}

#[test]
fn check_shows_no_secret_even_where_it_is_wrong() {
    let site = Site::new();
    let webhook =
        json!({ "id": "hook", "type": "webhook", "webhookUrl": "${HOOK_TOKEN}", "evnts": [] });
    site.configure(&with(
        settings(&site),
        "/modules/notifier.channels/channels",
        json!([webhook]),
    ));
    for json in [&[][..], &["--json"]] {
        let arguments = [&["check", "--config", "config.yaml"], json].concat();
        let ended = Ended::of(
            command(&arguments)
                .current_dir(site.folder())
                .env("HOOK_TOKEN", SECRET),
        );
        assert_eq!(ended.code(), 2, "{}", ended.stderr);
        assert!(
            !ended.stdout.contains(SECRET) && !ended.stderr.contains(SECRET),
            "{ended:?}"
        );
    }
}
