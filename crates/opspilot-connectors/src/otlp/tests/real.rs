//! The exporters of the OpenTelemetry SDK for Python.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::{Running, TOKEN};

/// Pythons that may have the packages: the one for tests, and the machine's own.
const PYTHONS: &[&str] = &[
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/otel/bin/python"),
    "python3",
];

const NEEDS: &str = "import opentelemetry.sdk, opentelemetry.exporter.otlp.proto.grpc, \
                     opentelemetry.exporter.otlp.proto.http";

fn python() -> Option<&'static str> {
    let mut usable = PYTHONS.iter().filter(|python| {
        #[expect(clippy::disallowed_methods, reason = "the test needs the real program")]
        let tried = std::process::Command::new(python)
            .args(["-c", NEEDS])
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    });
    usable.next().copied()
}

async fn export(protocol: &str) {
    let Some(python) = python() else {
        eprintln!(
            "SKIPPED: the OpenTelemetry SDK is missing: python3 -m venv target/otel && target/otel/bin/pip install \
             opentelemetry-sdk opentelemetry-exporter-otlp"
        );
        return;
    };
    let mut running = Running::new("slowSpanMs: 60000").await;
    let address = match protocol {
        "grpc" => running.grpc,
        _ => running.http,
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/otlp/testdata/export.py");
    #[expect(clippy::disallowed_methods, reason = "the test needs the real program")]
    let mut exporting = std::process::Command::new(python)
        .arg(script)
        .args([protocol, &address.to_string(), TOKEN])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (mut lines, mut samples) = (Vec::new(), Vec::new());
    let mut facts = Vec::new();
    let seen = async {
        while lines.len() < 2 || samples.is_empty() {
            let batch = running.logs.recv().await.unwrap();
            lines.extend(batch.iter().map(|record| record.text().into_owned()));
            facts.extend((0..batch.len()).map(|index| batch.attributes(index)));
            samples.extend(batch.samples().map(|(_, sample)| sample.clone()));
        }
        while exporting.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            while running.logs.try_recv().is_some() {}
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), seen).await;
    exporting.kill().ok();
    exporting.wait().unwrap();
    in_time.expect("the exporters are done in time");
    assert_eq!(lines[0], "the cart 7 is lost");
    assert!(
        lines[1].starts_with("[SPAN] [ERROR] shop GET /cart: no such cart ("),
        "{lines:?}"
    );
    for (key, value) in [
        ("opsSeverity", "critical"),
        ("service", "shop"),
        ("host.name", "h1"),
        ("customer", "c1"),
        ("severity", "error"),
    ] {
        assert_eq!(facts[0][key], value, "{facts:?}");
    }
    let sample = |name: &str| samples.iter().find(|sample| &*sample.name == name);
    let orders = sample("orders").unwrap();
    assert_eq!(
        (orders.value, &orders.attributes["kind"]),
        (3.0, &"web".into())
    );
    assert_eq!(sample("latency_sum").unwrap().value, 40.0);
    assert!(
        running
            .count("opspilot_otlp_requests_total")
            .parse::<u64>()
            .unwrap()
            >= 1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_exporters_deliver_over_http() {
    export("http").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_exporters_deliver_over_grpc() {
    export("grpc").await;
}
