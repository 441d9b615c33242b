//! The store behind the bus, and its upkeep on a paused clock.

use std::time::Duration;

use opspilot_core::clock::Clock as _;
use opspilot_core::event::IncidentCreated;
use opspilot_core::incident::{Change, IncidentId, Severity, Status, Transition};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::retention::Retention;
use super::{Config, IncidentStore};
use crate::testing::{Process, count, created};

async fn started(config: Config) -> Process {
    let process = Process::new().await;
    process.start::<IncidentStore>(config).await;
    process
}

/// Lets both clocks pass by `millis`, in steps.
async fn pass(process: &Process, millis: u64) {
    for _ in 0..millis / 100 {
        process.advance(100);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn change(process: &Process, id: &str, transition: Transition) {
    let (id, change) = (IncidentId::from(id), Change::Transition(transition));
    process
        .bench
        .incidents
        .change(&id, change, "ada", None)
        .await
        .unwrap();
}

fn ids(mut stored: Vec<opspilot_core::incident::Incident>) -> Vec<String> {
    stored.sort_by_key(|incident| (incident.created_at, incident.id.clone()));
    stored
        .into_iter()
        .map(|incident| incident.id.to_string())
        .collect()
}

#[tokio::test]
async fn nobody_hears_of_an_incident_twice() {
    let process = started(Config::default()).await;
    for _ in 0..2 {
        process.publish(created("a", "Disk full")).await.unwrap();
    }
    assert_eq!(count(&process.journaled().await, "incident.created"), 1);
    assert_eq!(process.stored().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_incident_resolves_when_its_quiet_period_ends() {
    let process = started(Config::default()).await;
    let event = IncidentCreated {
        auto_resolve_ms: Some(60_000),
        detected_at: process.clock.now(),
        ..created("a", "Disk full")
    };
    process.publish(event).await.unwrap();
    pass(&process, 59_000).await;
    assert_eq!(process.incident("a").await.status, Status::Open);
    pass(&process, 1_500).await;
    let incident = process.incident("a").await;
    assert_eq!(incident.status, Status::Resolved);
    let last = incident.timeline.last().unwrap();
    assert_eq!(last.actor, "enricher.incidentStore");
    assert_eq!(
        last.reason.as_deref(),
        Some("no signal repeated it for its quiet period")
    );
}

#[tokio::test(start_paused = true)]
async fn age_removes_what_is_done_and_keeps_what_is_active() {
    let process = started(Config {
        retention_ms: 5_000,
        ..Config::default()
    })
    .await;
    for id in ["done", "open"] {
        process.publish(created(id, id)).await.unwrap();
    }
    change(&process, "done", Transition::Close).await;
    pass(&process, 4_900).await;
    assert_eq!(process.stored().await.len(), 2);
    pass(&process, 600).await;
    assert_eq!(ids(process.stored().await), ["open"]);
}

#[tokio::test(start_paused = true)]
async fn the_store_shrinks_to_its_limit_while_it_is_filled() {
    let process = started(Config {
        max_incidents: 1_000,
        ..Config::default()
    })
    .await;
    for group in 0..20 {
        let events = (0..500).map(|index| created(&format!("{group}-{index}"), "Disk full"));
        process.publish_all(events).await;
    }
    pass(&process, 1_000).await;
    assert_eq!(process.bench.incidents.count().await.unwrap(), 1_000);
}

/// What is kept of incidents that are given as age in milliseconds, status and severity, oldest first.
fn model(config: Config, incidents: &[(u64, Status, Severity)]) -> Vec<String> {
    let name = |index: usize| format!("i{index:03}");
    let mut kept: Vec<(String, u64, Status, Severity)> = incidents
        .iter()
        .enumerate()
        .map(|(index, (age, status, severity))| (name(index), *age, *status, *severity))
        .collect();
    kept.retain(|(_, age, status, _)| {
        status.is_active() || config.retention_ms == 0 || *age < config.retention_ms
    });
    let max = usize::try_from(config.max_incidents).unwrap();
    while kept.len() > max {
        let done = kept
            .iter()
            .position(|(_, _, status, _)| !status.is_active());
        let mildest = kept.iter().map(|(.., severity)| *severity).min();
        let mild = kept
            .iter()
            .position(|(.., severity)| Some(*severity) == mildest);
        kept.remove(done.or(mild).unwrap_or(0));
    }
    kept.into_iter().map(|(id, ..)| id).collect()
}

async fn check_retention(config: Config, gaps: Vec<(u64, Status, Severity)>) {
    let process = Process::new().await;
    let cx = process.bench.context(Box::leak(Box::new(
        <IncidentStore as opspilot_core::module::Module>::MANIFEST,
    )));
    let stages = super::Stages::new(&cx);
    cx.bus
        .stage::<IncidentCreated>(opspilot_core::bus::StageOrder::STORE, stages)
        .await
        .unwrap();
    let end: u64 = gaps.iter().map(|(gap, ..)| gap).sum();
    let mut at = 0;
    let mut ages = Vec::new();
    for (index, (gap, status, severity)) in gaps.into_iter().enumerate() {
        process.advance(gap);
        at += gap;
        let id = format!("i{index:03}");
        let event = IncidentCreated {
            severity,
            ..created(&id, &id)
        };
        process.publish(event).await.unwrap();
        let path: &[Transition] = match status {
            Status::Open => &[],
            Status::Acknowledged => &[Transition::Acknowledge],
            Status::Resolved => &[Transition::Resolve],
            Status::Closed => &[Transition::Close],
        };
        for transition in path {
            change(&process, &id, *transition).await;
        }
        ages.push((end - at, status, severity));
    }
    let retention = Retention::new(config, &cx);
    let cancel = CancellationToken::new();
    let next = retention.apply(process.clock.now(), &cancel).await.unwrap();
    let kept = ids(process.stored().await);
    assert_eq!(kept, model(config, &ages));
    let expects_next = config.retention_ms > 0
        && process
            .stored()
            .await
            .iter()
            .any(|incident| !incident.status.is_active());
    assert_eq!(next.is_some(), expects_next);
    assert!(next.is_none_or(|next| next > process.clock.now()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn retention_agrees_with_a_list(
        gaps in prop::collection::vec(
            (0..100u64, prop::sample::select(&Status::ALL[..]), prop::sample::select(&Severity::ALL[..])),
            0..40,
        ),
        max_incidents in 1..30u64,
        retention_ms in 0..2_000u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(check_retention(Config { max_incidents, retention_ms }, gaps));
    }
}
