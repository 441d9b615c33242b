//! The module on a real bus, against the mock of AWS and a small server of ours.

use opspilot_core::module::HealthStatus;
use opspilot_core::testing::Bench;

use super::*;

mod fake;
mod live;
mod moto;

use fake::{Failure, Fake, TEXT};

type Running = crate::testing::Running<CloudWatch>;

/// Options for tests: asked often, with keys.
fn config(url: &str, more: &str) -> Config {
    let yaml = format!(
        "{{endpointUrl: '{url}', accessKeyId: AKIATEST, secretAccessKey: hidden, maxEventsPerPoll: 10, {more}}}"
    );
    let mut config: Config = serde_saphyr::from_str(&yaml).unwrap();
    config.check().unwrap();
    config.poll_interval_ms = 50;
    config
}

async fn start(bench: &Bench, config: Config) -> Running {
    Running::of(bench, CloudWatch { config }).await
}

/// The next `count` records: position and text.
async fn told(running: &mut Running, count: usize) -> Vec<(u64, String)> {
    let records = running.records(count).await.into_iter();
    records.map(|sent| (sent.position, sent.line)).collect()
}

/// Waits until the group was read to its end `more` times.
async fn polls(running: &Running, more: u64) {
    let details = running.cx.health.current().details;
    let polls = details.get("pollCycles");
    let polls = polls.and_then(serde_json::Value::as_u64);
    running
        .figure("pollCycles", polls.unwrap_or_default() + more)
        .await;
}

fn numbered(from: u64, lines: &[&str]) -> Vec<(u64, String)> {
    let lines = lines.iter().map(|line| (*line).to_owned());
    (from..).zip(lines).collect()
}

#[tokio::test]
async fn all_pages_come_in_order_and_latecomers_after_them() {
    let fake = Fake::start().await;
    let bench = Bench::new().await;
    let now = bench.clock.now().as_millis();
    let names: Vec<String> = (0..25).map(|number| format!("e{number:02}")).collect();
    for (age, name) in (0..25).rev().zip(&names) {
        fake.event("/shop", now - 1000 - age, name);
    }
    let mut running = start(
        &bench,
        config(&fake.url, "logGroups: [/shop], filterPattern: ERROR"),
    )
    .await;
    let mut records = Vec::new();
    for _ in 0..3 {
        records.extend(running.records(1).await);
    }
    let expected = serde_json::json!({
        "collector": "connector.cloudwatch", "logGroup": "/shop", "region": "us-east-1", "logStream": "web-1",
        "eventId": "id-e00", "originalTimestamp": opspilot_core::clock::Timestamp::from_millis(now - 1024).to_string(),
        "ingestionTime": opspilot_core::clock::Timestamp::from_millis(now - 24).to_string(),
    });
    assert_eq!(
        serde_json::Value::Object(records[0].attributes.clone()),
        expected
    );
    let lines: Vec<_> = records
        .into_iter()
        .map(|sent| (sent.position, sent.line))
        .collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(lines, numbered(0, &all));
    polls(&running, 2).await;
    fake.event("/shop", now - 1010, "late");
    assert_eq!(told(&mut running, 1).await, numbered(25, &["late"]));
    polls(&running, 2).await;
    assert!(running.logs.try_recv().is_none(), "nothing comes twice");
    running.stop().await;
    let first = fake.requests().remove(0);
    assert_eq!(first["filterPattern"], "ERROR");
    let heads = fake.heads();
    assert!(heads.contains("Credential=AKIATEST/"), "{heads}");
    assert!(!heads.contains("hidden"), "{heads}");
}

#[tokio::test]
async fn a_kill_loses_nothing_and_repeats_nothing() {
    let fake = Fake::start().await;
    let bench = Bench::new().await;
    let now = bench.clock.now().as_millis();
    for (age, name) in [(30, "a"), (20, "b"), (10, "c")] {
        fake.event("/shop", now - 1000 - age, name);
    }
    let options = || config(&fake.url, "logGroups: [/shop]");
    let mut running = start(&bench, options()).await;
    let held = running.batch().await;
    assert_eq!(held.len(), 3);
    running.kill().await;
    held.ack().fail();
    drop(held);
    // What becomes visible meanwhile, and is older, comes behind.
    fake.event("/shop", now - 1025, "late");
    let mut running = start(&bench, options()).await;
    assert_eq!(told(&mut running, 3).await, numbered(0, &["a", "b", "c"]));
    assert_eq!(told(&mut running, 1).await, numbered(3, &["late"]));
    polls(&running, 1).await;
    running.kill().await;
    let mut running = start(&bench, options()).await;
    polls(&running, 2).await;
    assert!(running.logs.try_recv().is_none(), "nothing comes twice");
    fake.event("/shop", now - 900, "d");
    assert_eq!(told(&mut running, 1).await, numbered(4, &["d"]));
    running.stop().await;
}

#[tokio::test]
async fn what_was_not_stored_is_sent_again_under_the_same_positions() {
    let fake = Fake::start().await;
    let bench = Bench::new().await;
    let now = bench.clock.now().as_millis();
    fake.event("/shop", now - 1000, "a");
    let mut running = start(&bench, config(&fake.url, "logGroups: [/shop]")).await;
    let batch = running.batch().await;
    batch.ack().fail();
    drop(batch);
    assert_eq!(told(&mut running, 1).await, numbered(0, &["a"]));
    running.stop().await;
}

#[tokio::test]
async fn a_throttled_group_waits_as_long_as_asked_and_delays_nobody() {
    let fake = Fake::start().await;
    let bench = Bench::new().await;
    let now = bench.clock.now().as_millis();
    fake.event("/slow", now - 1000, "slow");
    fake.event("/shop", now - 1000, "a");
    let failure = |header| Failure {
        status: 400,
        code: "ThrottlingException",
        header,
    };
    fake.fail("/slow", Some(failure("")));
    let mut running = start(&bench, config(&fake.url, "logGroups: [/slow, /shop]")).await;
    assert_eq!(told(&mut running, 1).await, numbered(0, &["a"]));
    let wanted = "log group `/slow`: is throttled: too many requests of this account and region; next attempt in";
    running.says(HealthStatus::Degraded, wanted).await;
    polls(&running, 3).await;
    fake.fail("/slow", None);
    assert_eq!(told(&mut running, 1).await, numbered(0, &["slow"]));
    running.says(HealthStatus::Healthy, "").await;
    fake.fail("/slow", Some(failure("x-amz-retry-after: 250000\r\n")));
    running
        .says(HealthStatus::Degraded, "next attempt in 250000 ms")
        .await;
    let asked = || {
        let requests = fake.requests().into_iter();
        requests
            .filter(|request| request["logGroupName"] == "/slow")
            .count()
    };
    let before = asked();
    polls(&running, 3).await;
    assert_eq!(asked(), before, "the wish is honoured");
    running.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let fake = Fake::start().await;
    let bench = Bench::new().await;
    for (code, status, expected) in [
        (
            "AccessDeniedException",
            400,
            "log group `/x`: access denied: allow the action logs:FilterLogEvents on `/x` to the access key AKIATEST: because",
        ),
        (
            "UnrecognizedClientException",
            400,
            "the credentials (the access key AKIATEST) are refused by CloudWatch Logs at `http://127.0.0.1:",
        ),
        (
            "InternalFailure",
            500,
            "fails (500 InternalFailure): because",
        ),
        (
            "ResourceNotFoundException",
            400,
            "log group `/x`: does not exist in region us-east-1: because",
        ),
    ] {
        let (header, status) = ("", status);
        fake.fail(
            "/x",
            Some(Failure {
                status,
                code,
                header,
            }),
        );
        let running = start(&bench, config(&fake.url, "logGroups: [/x]")).await;
        let message = running.says(HealthStatus::Unhealthy, expected).await;
        assert!(
            message.contains("none of the log groups can be read"),
            "{message}"
        );
        running.stop().await;
    }
    let running = start(&bench, config("http://127.0.0.1:1", "logGroups: [/x]")).await;
    let message = running
        .says(
            HealthStatus::Unhealthy,
            "cannot reach CloudWatch Logs at `http://127.0.0.1:1`",
        )
        .await;
    assert!(
        message.contains("are `region` and `endpointUrl` right?"),
        "{message}"
    );
    running.stop().await;
}
