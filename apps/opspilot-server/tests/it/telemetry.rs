//! What the server tells of itself: a log file, and OTLP to a collector.

mod collector;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use serde_json::{Value, json};

use self::collector::Sent;
use crate::common::files::Site;
use crate::common::server::Server;
use crate::common::settings::{settings, with};

const KEY: &str = "a-key-that-nobody-may-see";

/// What a server says that is told to load a broken configuration.
const COMPLAINT: &str = "configuration not reloaded";

fn exporting(site: &Site, endpoint: &str) -> Value {
    let options = json!({
        "enabled": true,
        "endpoint": endpoint,
        "intervalMs": 200,
        "headers": { "x-key": KEY },
    });
    with(settings(site), "/modules/telemetry.otlp", options)
}

/// Makes the server complain, which is a message of a known text.
fn provoke(site: &Site, server: &Server<'_>) {
    site.write("config.yaml", "modules: [");
    server.signal(Signal::HUP);
}

#[test]
fn a_server_sends_to_another_one() {
    let receiving_site = Site::new();
    let taking = json!({ "enabled": true, "protocols": ["http"], "httpPort": 0 });
    let receiving = with(settings(&receiving_site), "/modules/connector.otlp", taking);
    let rule = "/modules/detector.regex/rules/0/pattern";
    receiving_site.configure(&with(receiving, rule, json!(COMPLAINT)));
    let receiver = Server::start(&receiving_site);
    let health = receiver.get("/health").json();
    let port = &health["modules"]["connector.otlp"]["details"]["httpPort"];

    let site = Site::new();
    site.configure(&exporting(&site, &format!("http://127.0.0.1:{port}")));
    let server = Server::start(&site);
    provoke(&site, &server);
    receiver.until_incidents(1);
    receiver.until("metrics and spans arrived too", || {
        assert_eq!(server.get("/livez").status, 200);
        let page = receiver.get("/metrics").text;
        ["sample", "span"]
            .iter()
            .all(|kind| page.contains(&format!("kind=\"{kind}\"")))
            .then_some(())
    });
    server.until("what was sent is counted", || {
        let sent = server.client().metric("opspilot_telemetry_sent_total").ok();
        sent.filter(|sent| *sent > 0)
    });
    server.stop();
    receiver.stop();
}

#[test]
fn a_collector_that_is_away_degrades_the_health_and_delays_nobody() {
    let site = Site::new();
    // The port of discard: nobody listens.
    site.configure(&exporting(&site, "http://127.0.0.1:9"));
    site.write("app.log", "MARK-1\n");
    let server = Server::start(&site);
    server.until_incidents(1);
    let health = server.until("the failure shows", || {
        let health = server.get("/health").json();
        let own = &health["modules"]["telemetry.otlp"];
        (own["status"] == "degraded").then(|| health.clone())
    });
    let own = &health["modules"]["telemetry.otlp"];
    assert_eq!(health["status"], "degraded", "{health:#}");
    assert_eq!(own["state"], "running", "{health:#}");
    assert!(
        own["message"]
            .as_str()
            .is_some_and(|text| text.contains("does not take")),
        "{own:#}"
    );
    assert_eq!(server.get("/readyz").status, 200);
    let failures = server.client().metric("opspilot_telemetry_failures_total");
    assert!(failures.expect("the page is there") > 0);
    assert!(!server.messages().contains(KEY), "{}", server.messages());
    server.stop();
}

/// What the official messages of OpenTelemetry make of `files`; `None` where they are not installed.
fn decode(files: &[std::path::PathBuf]) -> Option<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    #[expect(clippy::disallowed_methods, reason = "the test needs the real program")]
    let output = Command::new(folder.join("../../target/otel/bin/python"))
        .arg(folder.join("tests/it/telemetry/decode.py"))
        .args(files)
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        eprintln!(
            "SKIPPED: the messages of OpenTelemetry are missing: python3 -m venv target/otel && target/otel/bin/pip \
             install opentelemetry-proto"
        );
        return None;
    };
    let complaint = String::from_utf8_lossy(&output.stderr);
    Some(
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {complaint}")),
    )
}

fn holds(list: &Value, expected: &Value) -> bool {
    list.as_array().is_some_and(|list| list.contains(expected))
}

#[test]
fn the_official_messages_read_what_is_sent() {
    let (address, requests) = collector::listen(collector::content);
    let site = Site::new();
    site.configure(&exporting(&site, &format!("http://{address}/")));
    let server = Server::start(&site);
    provoke(&site, &server);
    let mut files = Vec::new();
    let wanted = ["metrics", "traces", "logs"];
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < wanted.len() || files.len() < 6 {
        assert_eq!(server.get("/livez").status, 200);
        assert_eq!(server.get("/incidents").status, 200);
        let sent = requests.recv().expect("the listener lives on");
        assert!(
            sent.head.to_lowercase().contains(&format!("x-key: {KEY}")),
            "{}",
            sent.head
        );
        assert!(
            sent.head.contains("application/x-protobuf"),
            "{}",
            sent.head
        );
        seen.insert(sent.signal().to_owned());
        files.push(site.write(&format!("{}-{}", sent.signal(), files.len()), sent.body));
    }
    server.stop();
    files.extend(requests.try_iter().map(|sent| {
        site.write(
            &format!("{}-last-{}", sent.signal(), sent.body.len()),
            &sent.body,
        )
    }));
    let Some(found) = decode(&files) else {
        return;
    };
    let services = found["services"].as_array().expect("a list");
    assert!(services.iter().all(|name| name == "opspilot"), "{found:#}");
    for metric in [
        json!(["opspilot_http_requests_total", "sum"]),
        json!(["process_resident_memory_bytes", "gauge"]),
        json!(["opspilot_storage_duration_seconds", "histogram"]),
    ] {
        assert!(holds(&found["metrics"], &metric), "{metric} in {found:#}");
    }
    let traces = &found["traces"];
    let request = json!(["GET /api/incidents", 2, 16, 8]);
    assert!(holds(traces, &request), "{found:#}");
    let probe = json!(["GET /api/livez", 2, 16, 8]);
    assert!(!holds(traces, &probe), "{found:#}");
    let logs = found["logs"].as_array().expect("a list");
    let is_complaint = |log: &&Value| log[0].as_str().is_some_and(|text| text.contains(COMPLAINT));
    let complaint = logs
        .iter()
        .find(is_complaint)
        .expect("the complaint was sent");
    assert_eq!(complaint[1], "ERROR", "{found:#}");
}

/// The trace, the span and the parent of each span called `name`.
fn places<'a>(found: &'a Value, name: &str) -> Vec<[&'a str; 3]> {
    let all = found["places"].as_array().expect("a list").iter();
    let text = |value: &'a Value| value.as_str().expect("a text");
    all.filter(|span| span[0] == name)
        .map(|span| [text(&span[1]), text(&span[2]), text(&span[3])])
        .collect()
}

#[test]
fn an_incident_is_one_trace_from_its_line_to_its_notification() {
    let (address, requests) = collector::listen(collector::content);
    let site = Site::new();
    site.configure(&exporting(&site, &format!("http://{address}")));
    site.write("app.log", "MARK-7\n");
    let server = Server::start(&site);
    let incidents = server.until_incidents(1);
    let id = incidents[0]["id"].as_str().expect("an incident has an id");
    let path = format!("/incidents/{id}/acknowledge");
    assert_eq!(server.post(&path, "{}").status, 200);
    server.until("the incident was told", || {
        let sent = server
            .client()
            .metric("opspilot_notifications_sent_total")
            .ok();
        sent.filter(|sent| *sent > 0)
    });
    server.stop();
    let traces = requests.try_iter().filter(|sent| sent.signal() == "traces");
    let files: Vec<_> = traces
        .enumerate()
        .map(|(number, sent)| site.write(&format!("traces-{number}"), sent.body))
        .collect();
    let Some(found) = decode(&files) else {
        return;
    };
    let trace = id.replace('-', "");
    let root = trace.split_at(16).1;
    assert_eq!(places(&found, "incident.created"), [[&trace, root, ""]]);
    for follower in ["incident.updated", "deliver incident.created"] {
        let places = places(&found, follower);
        let [[its_trace, _, parent]] = places.as_slice() else {
            panic!("{follower}: {found:#}");
        };
        assert_eq!((*its_trace, *parent), (trace.as_str(), root), "{follower}");
    }
}

/// Puts the first messages off, never takes spans, and rejects one data point of each request.
fn moody(sent: &Sent) -> Option<Vec<u8>> {
    static PUT_OFF: AtomicBool = AtomicBool::new(false);
    match sent.signal() {
        "logs" if !PUT_OFF.swap(true, Ordering::Relaxed) => collector::answer("503 Busy", b""),
        "logs" => collector::content(sent),
        "traces" => collector::answer("400 No", b""),
        // A partial success (field 1) with one rejected data point (field 1).
        _ => collector::answer("200 OK", &[0x0a, 0x02, 0x08, 0x01]),
    }
}

#[test]
fn what_is_put_off_is_sent_again_and_what_is_refused_is_counted() {
    let (address, requests) = collector::listen(moody);
    let site = Site::new();
    site.configure(&exporting(&site, &format!("http://{address}")));
    let server = Server::start(&site);
    provoke(&site, &server);
    let mut logs = requests.iter().filter(|sent| sent.signal() == "logs");
    let (first, second) = (logs.next(), logs.next());
    let bodies = [first, second].map(|sent| sent.expect("the listener lives on").body);
    assert_eq!(bodies[0], bodies[1], "the same again");
    for labels in [
        r#"signal="traces",reason="refused""#,
        r#"signal="metrics",reason="rejected""#,
    ] {
        server.until(labels, || {
            assert_eq!(server.get("/livez").status, 200);
            let page = server.get("/metrics").text;
            let mut lines = page.lines().filter(|line| line.contains(labels));
            lines.any(|line| !line.ends_with(" 0")).then_some(())
        });
    }
    server.stop();
}

#[test]
fn a_collector_that_never_answers_delays_neither_work_nor_the_end() {
    let (address, requests) = collector::listen(|_| None);
    let site = Site::new();
    let settings = exporting(&site, &format!("http://{address}"));
    site.configure(&with(
        settings,
        "/modules/telemetry.otlp/timeoutMs",
        json!(60_000),
    ));
    let server = Server::start(&site);
    requests.recv().expect("something was sent");
    site.append("app.log", "MARK-1\n");
    server.until_incidents(1);
    server.stop();
}

#[test]
fn a_log_file_that_was_moved_is_begun_anew_and_ends_whole() {
    let site = Site::new();
    let logging = json!({
        "output": "file",
        "format": "json",
        "file": site.path("logs/server.log"),
        "filter": "opspilot=info",
    });
    site.configure(&with(settings(&site), "/logging", logging));
    let server = Server::start(&site);
    let log = || site.read("logs/server.log");
    server.until("something is logged", || (!log().is_empty()).then_some(()));
    let moved = site.path("logs/server.log.moved");
    std::fs::rename(site.path("logs/server.log"), moved).expect("a file can be moved");
    provoke(&site, &server);
    server.until("the complaint is in a new file", || {
        log().contains(COMPLAINT).then_some(())
    });
    server.stop();
    let lines: Vec<Value> = log()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let last = lines.last().expect("there are lines");
    assert_eq!(
        last["fields"]["message"], "stopped",
        "what waited at the end was written"
    );
}
