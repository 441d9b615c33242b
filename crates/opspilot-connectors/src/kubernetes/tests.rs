//! The module on a real bus, against a small API server of the tests' own, and its parts on recorded answers.
//!
//! `recorded` holds answers of a real API server (1.36), shortened: managed fields, annotations and specs are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::clock::{SystemClock, Timestamp};
use opspilot_core::module::HealthStatus;
use opspilot_core::signal::Ack;
use opspilot_core::testing::Bench;

use super::*;

mod api;
mod interruptions;
mod logs;
mod recorded;
mod trials;

use api::Api;

use crate::testing::Sent;

type Running = crate::testing::Running<Kubernetes>;

#[tokio::test]
async fn what_goes_wrong_is_told_as_it_happens() {
    let api = Api::start().await;
    api.event("e1", 1);
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &api.yaml(", watchNodes: true")).await;
    assert_eq!(
        running.lines(1).await,
        ["[K8S_EVENT] [Warning] Pod/web: BackOff — e1 1"]
    );
    api.event("e1", 2);
    let sent = running.records(1).await.remove(0);
    let expected = serde_json::json!({
        "collector": "connector.kubernetes", "eventType": "Warning", "reason": "BackOff", "kind": "Pod", "name": "web",
        "namespace": "shop", "opsSeverity": "warning", "count": 2, "sourceComponent": "kubelet",
    });
    assert_eq!(serde_json::Value::Object(sent.attributes), expected);
    api.pod("web", "CrashLoopBackOff", 3);
    let sent = running.records(1).await.remove(0);
    assert_eq!(
        sent.line,
        "[K8S_POD] [CrashLoopBackOff] shop/web/main: back-off 5m0s (restarts: 3)"
    );
    let expected = serde_json::json!({
        "collector": "connector.kubernetes", "podName": "web", "namespace": "shop", "containerName": "main",
        "reason": "CrashLoopBackOff", "restartCount": 3, "opsSeverity": "critical",
    });
    assert_eq!(serde_json::Value::Object(sent.attributes), expected);
    // The same again is no news, the next restart is.
    api.pod("web", "CrashLoopBackOff", 3);
    api.pod("web", "CrashLoopBackOff", 4);
    assert_eq!(
        running.lines(1).await,
        ["[K8S_POD] [CrashLoopBackOff] shop/web/main: back-off 5m0s (restarts: 4)"]
    );
    api.node("n1", "False", "2026-01-01T00:00:00Z");
    assert_eq!(
        running.lines(1).await,
        ["[K8S_NODE] [NodeNotReady] n1: kubelet says False"]
    );
    api.node("n1", "False", "2026-01-01T00:00:00Z");
    api.node("n1", "True", "2026-01-01T00:01:00Z");
    api.node("n1", "Unknown", "2026-01-01T00:02:00Z");
    assert_eq!(
        running.lines(1).await,
        ["[K8S_NODE] [NodeNotReady] n1: kubelet says Unknown"]
    );
    api.deployment("shop", 2, true);
    assert_eq!(
        running.lines(2).await,
        [
            "[K8S_DEPLOYMENT] [UnavailableReplicas] shop/shop: 2 of 3 replicas are unavailable",
            "[K8S_DEPLOYMENT] [ProgressDeadlineExceeded] shop/shop: ReplicaSet \"shop-1\" has timed out progressing.",
        ]
    );
    assert_eq!(running.next(Duration::from_millis(300)).await, None);
    running.stop().await;
}

#[tokio::test]
async fn a_restart_tells_nothing_twice_and_what_was_missed() {
    let api = Api::start().await;
    api.event("e1", 1);
    api.pod("web", "CrashLoopBackOff", 3);
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &api.yaml("")).await;
    running.records(2).await;
    running.stop().await;
    for is_compacted in [false, true] {
        // A label changes: an old fact in a new version.
        api.pod("web", "CrashLoopBackOff", 3);
        api.event("meanwhile", u64::from(is_compacted) + 1);
        if is_compacted {
            api.compact();
        }
        let again = Bench::on(Arc::clone(&bench.storage), SystemClock::shared()).await;
        let mut running = Running::start(&again, &api.yaml("")).await;
        let line = format!(
            "[K8S_EVENT] [Warning] Pod/web: BackOff — meanwhile {}",
            u64::from(is_compacted) + 1
        );
        assert_eq!(running.lines(1).await, [line]);
        assert_eq!(running.next(Duration::from_millis(500)).await, None);
        running.stop().await;
    }
}

#[tokio::test]
async fn refusals_name_what_is_missing() {
    let api = Api::start().await;
    let bench = Bench::new().await;
    api.change(|state| state.forbidden = Some("nodes"));
    let running = Running::start(&bench, &api.yaml(", watchNodes: true")).await;
    let message = running.health(HealthStatus::Unhealthy).await;
    let expected = "may not list nodes in the cluster (403): grant the verbs `list` and `watch` on `nodes` in the API group ``, as \
                    docs/kubernetes-rbac.yaml does: nodes is forbidden";
    assert!(message.contains(expected), "{message}");
    api.change(|state| state.forbidden = None);
    running.health(HealthStatus::Healthy).await;
    running.stop().await;
}

#[tokio::test]
async fn a_token_that_is_replaced_is_read_again() {
    let api = Api::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "old").unwrap();
    let yaml = format!(
        "{{apiUrl: '{}', tokenPath: {}, pollIntervalMs: 1000}}",
        api.url(),
        file.display()
    );
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &yaml).await;
    let message = running.health(HealthStatus::Unhealthy).await;
    assert!(
        message.contains("does not accept the credentials (401): Unauthorized"),
        "{message}"
    );
    std::fs::write(&file, "t0ken").unwrap();
    running.health(HealthStatus::Healthy).await;
    api.event("e1", 1);
    assert_eq!(running.lines(1).await.len(), 1);
    running.stop().await;
    let lost = format!(
        "{{apiUrl: '{}', tokenPath: {}/none}}",
        api.url(),
        folder.path().display()
    );
    let running = Running::start(&bench, &lost).await;
    let message = running.health(HealthStatus::Unhealthy).await;
    assert!(message.contains("cannot read the token `"), "{message}");
    running.stop().await;
}

#[tokio::test]
async fn what_is_not_acknowledged_is_told_again() {
    let api = Api::start().await;
    let bench = Bench::new().await;
    let mut running = Running::start(
        &bench,
        &api.yaml(", watchPods: false, watchDeployments: false"),
    )
    .await;
    api.event("e1", 1);
    let first = running.records(1).await;
    running.figure("eventsProcessed", 1).await;
    api.event("e1", 2);
    let held = tokio::time::timeout(Duration::from_secs(10), running.logs.recv())
        .await
        .unwrap()
        .unwrap();
    let position = held.get(0).unwrap().position;
    held.ack().fail();
    drop(held);
    let again = running.records(1).await;
    assert_eq!(
        (again[0].position, first[0].position < position),
        (position, true)
    );
    running.stop().await;
}

#[tokio::test]
async fn a_cluster_that_was_restored_is_another_stream() {
    let api = Api::start().await;
    api.change(|state| state.version = 1000);
    api.event("e1", 1);
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &api.yaml("")).await;
    let before = running.records(1).await;
    running.stop().await;
    api.restore(100);
    api.event("e2", 1);
    let again = Bench::on(Arc::clone(&bench.storage), SystemClock::shared()).await;
    let mut running = Running::start(&again, &api.yaml("")).await;
    let after = running.records(1).await;
    assert!(
        before[0].stream.ends_with("#0") && after[0].stream.ends_with("#1"),
        "{before:?} {after:?}"
    );
    running.stop().await;
}

/// What 5,000 pods cost. The figure is printed; how large it is, is not judged here.
#[tokio::test]
async fn five_thousand_pods_are_watched_in_little_memory() {
    let api = Api::start().await;
    for number in 0..5000 {
        api.large_pod(&format!("pod-{number}"), number % 10 == 0);
    }
    let before = resident();
    let bench = Bench::new().await;
    let mut running = Running::start(
        &bench,
        &api.yaml(", watchEvents: false, watchDeployments: false"),
    )
    .await;
    let sent = running.records(500).await.len();
    eprintln!(
        "5,000 pods: {sent} facts, {} KiB more",
        resident().saturating_sub(before)
    );
    assert_eq!(sent, 500);
    running.stop().await;
}

/// Resident memory in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
