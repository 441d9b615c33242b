//! Any bytes as deliveries.

use std::sync::{Arc, LazyLock};

use opspilot_core::clock::Timestamp;
use opspilot_core::testing::fuzz::Target;
use opspilot_net::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::Config;
use super::route::{Route, compile};
use super::signal::Signal;

/// Bodies of every format: what is read names its incidents, or is refused with a fault that can be shown. The first
/// byte says which route is delivered on, and which event is GitHub's.
pub(crate) const BODIES: Target = Target {
    name: "webhook_bodies",
    seeds: &[
        b"\x00{\"version\":\"4\",\"truncatedAlerts\":2,\"alerts\":[{\"status\":\"firing\",\"fingerprint\":\"f1\",\"startsAt\":\"2026-02-20T12:00:00Z\",\"labels\":{\"alertname\":\"Down\",\"severity\":\"page\"},\"annotations\":{\"summary\":\"no\"}},{\"status\":\"resolved\",\"labels\":{\"a\":\"b\"}}]}",
        b"\x02{\"action\":\"completed\",\"workflow_run\":{\"id\":1,\"name\":\"ci\",\"conclusion\":\"failure\",\"head_branch\":\"main\",\"workflow_id\":7},\"repository\":{\"full_name\":\"a/b\"}}",
        b"\x06{\"action\":\"created\",\"alert\":{\"number\":3,\"state\":\"open\",\"security_advisory\":{\"severity\":\"high\",\"summary\":\"x\"}},\"repository\":{\"full_name\":\"a/b\"}}",
        b"\x0a{\"deployment_status\":{\"state\":\"failure\"},\"deployment\":{\"environment\":\"prod\",\"id\":1},\"repository\":{\"full_name\":\"a/b\"}}",
        b"\x03{\"team\":\"t\",\"builds\":[{\"name\":\"web\",\"state\":\"failed\",\"priority\":\"P1\",\"at\":1771588800}],\"notes\":[{\"text\":\"hello\"}]}",
    ],
    run: bodies,
};

/// Signatures and bodies: nothing is taken for signed by chance. A zero byte parts signature, time and body.
pub(crate) const SIGNATURES: Target = Target {
    name: "webhook_signatures",
    seeds: &[
        b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17\x001771588800\x00{}",
        b"sha256=zz\x00-9223372036854775808\x00",
    ],
    run: signatures,
};

const SECRET: &str = "a-secret-that-is-long-enough";

static ROUTES: LazyLock<Vec<Arc<Route>>> = LazyLock::new(|| {
    let open = json!({ "type": "none" });
    let signed = json!({ "type": "hmac", "secret": SECRET });
    let clocked = json!({ "type": "hmac", "secret": SECRET, "timestampHeader": "x-time" });
    let map = json!([
        { "items": "/builds", "when": { "/state": ["failed", "passed"] }, "as": "incident", "identity": "{/name}",
          "startsAt": "/at", "resolvedWhen": { "/state": ["passed"] }, "title": "{/name} failed for {$/team}",
          "description": "{/log}", "severity": "/priority", "attributes": { "team": "$/team" } },
        { "items": "/notes", "as": "log", "line": "note: {/text}" },
    ]);
    let config = json!({ "routes": [
        { "id": "am", "path": "/am", "format": "alertmanager", "auth": open },
        { "id": "gf", "path": "/gf", "format": "grafana", "auth": signed },
        { "id": "gh", "path": "/gh", "format": "github", "auth": clocked },
        { "id": "any", "path": "/any", "format": "generic", "map": map },
    ] });
    let config = serde_json::from_value::<Config>(config).expect("the options have the right form");
    compile(&config).expect("the options are right")
});

const EVENTS: [&str; 6] = [
    "workflow_run",
    "dependabot_alert",
    "deployment_status",
    "code_scanning_alert",
    "secret_scanning_alert",
    "push",
];

fn bodies(bytes: &[u8]) {
    let Some((way, body)) = bytes.split_first() else {
        return;
    };
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    let route = ROUTES.get(usize::from(way & 3)).expect("there are four");
    let event = EVENTS.get(usize::from(way >> 2) % EVENTS.len()).copied();
    match route.read(event, &body) {
        Err(fault) => assert!(!fault.to_string().is_empty()),
        Ok(reading) => reading.signals.iter().for_each(well_formed),
    }
}

fn well_formed(signal: &Signal) {
    match signal {
        Signal::Firing { which, title, .. } => {
            assert!(
                !which.identity.is_empty() && !title.is_empty(),
                "{signal:?}"
            );
        }
        Signal::Resolved { which, .. } => assert!(!which.identity.is_empty(), "{signal:?}"),
        Signal::Line { .. } => {}
    }
}

fn signatures(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let mut headers = HeaderMap::new();
    for name in ["x-hub-signature-256", "x-time"] {
        if let Ok(value) = HeaderValue::from_bytes(parts.next().unwrap_or_default()) {
            headers.insert(name, value);
        }
    }
    let body = parts.next().unwrap_or_default();
    let now = Timestamp::from_millis(1_771_588_800_000);
    for route in ROUTES.iter().filter(|route| !route.guard.is_open()) {
        let is_signed = route.guard.check_head(&headers).is_ok()
            && route.guard.check_body(&headers, body, now).is_ok();
        assert!(!is_signed, "{headers:?}");
        drop(route.once(&headers));
    }
}
