//! Channels that fail, each for itself.

mod peer;

use serde_json::{Value, json};

use self::peer::Peer;
use crate::common::files::Site;
use crate::common::server::Server;
use crate::common::settings::{settings, with};

/// A webhook and a file.
fn channels(site: &Site, url: &str) -> Value {
    let webhook = json!({ "id": "hook", "type": "webhook", "webhookUrl": url, "events": ["incident.created"] });
    let settings = settings(site);
    let file = settings["modules"]["notifier.channels"]["channels"][0].clone();
    with(
        settings,
        "/modules/notifier.channels/channels",
        json!([webhook, file]),
    )
}

#[test]
fn a_webhook_that_fails_degrades_delays_nobody_and_is_caught_up() {
    let peer = Peer::start();
    peer.answer(500);
    let site = Site::new();
    site.configure(&channels(&site, &peer.url()));
    let lines: String = (0..5)
        .map(|n| format!("2026-02-20T12:00:00Z ERROR MARK-{n}\n"))
        .collect();
    site.write("app.log", lines);
    let server = Server::start(&site);
    server.until_incidents(5);
    server.until("the other channel is told", || {
        Some(()).filter(|()| site.notifications().len() == 5)
    });
    let health = server.until("health tells of it", || {
        Some(server.get("/health")).filter(|health| health.json()["status"] == "degraded")
    });
    assert_eq!(
        health.status, 200,
        "a restart would not mend it: {}",
        health.text
    );
    assert_eq!(server.get("/readyz").status, 200);
    peer.answer(200);
    server.until("everything is delivered", || {
        Some(()).filter(|()| peer.accepted().len() >= 5)
    });
    server.until("health is back", || {
        Some(()).filter(|()| server.get("/health").json()["status"] == "healthy")
    });
    server.stop();
    assert_eq!(
        peer.accepted().len(),
        5,
        "delivered once: {:?}",
        peer.accepted()
    );
    assert_eq!(site.notifications().len(), 5);
}

#[test]
fn what_a_webhook_missed_before_a_kill_is_delivered_after_the_restart() {
    let peer = Peer::start();
    peer.answer(503);
    let site = Site::new();
    site.configure(&channels(&site, &peer.url()));
    site.write("app.log", "2026-02-20T12:00:00Z ERROR MARK-1\n");
    let server = Server::start(&site);
    server.until("the webhook was tried", || {
        Some(()).filter(|()| peer.refused() > 0)
    });
    server.kill();
    peer.answer(200);
    let server = Server::start(&site);
    server.until("it is delivered", || {
        Some(()).filter(|()| !peer.accepted().is_empty())
    });
    server.stop();
}

#[test]
fn a_notification_shows_the_incident_and_its_line() {
    let site = Site::new();
    site.configure(&settings(&site));
    let line = "2026-02-20T12:00:00Z ERROR MARK-1 evidence";
    site.write("app.log", format!("{line}\n"));
    let server = Server::start(&site);
    let incident = server.until_incidents(1).remove(0);
    let told = server.until("it is notified", || site.notifications().into_iter().next());
    assert_eq!(told["payload"]["incidentId"], incident["id"], "{told:#}");
    assert!(told.to_string().contains(line), "{told:#}");
    server.stop();
}
