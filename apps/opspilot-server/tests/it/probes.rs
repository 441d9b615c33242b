//! What a load balancer and a metrics scraper ask.

use crate::common::files::Site;
use crate::common::server::Server;
use crate::common::settings::settings;

#[test]
fn probes_and_metrics_tell_of_a_running_server() {
    let site = Site::new();
    site.configure(&settings(&site));
    site.write("app.log", "2026-02-20T12:00:00Z ERROR MARK-1\n");
    let server = Server::start(&site);
    server.until_incidents(1);
    assert_eq!(server.get("/livez").json()["status"], "alive");
    assert_eq!(server.get("/readyz").json()["status"], "ready");
    let health = server.get("/health").json();
    assert_eq!(health["status"], "healthy", "{health:#}");
    for id in [
        "connector.fileTail",
        "detector.regex",
        "enricher.incidentStore",
        "notifier.channels",
        "ui.api",
    ] {
        assert_eq!(health["modules"][id]["state"], "running", "{health:#}");
    }
    let page = server.get("/metrics").text;
    for name in [
        "opspilot_incidents",
        "opspilot_process_rss_bytes",
        "opspilot_storage_duration_seconds_bucket",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
        "opspilot_events_stored_total",
    ] {
        assert!(
            page.contains(&format!("\n{name}")),
            "{name} is missing in {page}"
        );
    }
    server.until("the incident is in the metrics", || {
        server
            .client()
            .metric("opspilot_incidents")
            .ok()
            .filter(|count| *count == 1)
    });
    assert_eq!(server.get("/nothing").status, 404);
    assert_eq!(server.get("/dead-letters").json()["count"], 0);
    server.stop();
}
