//! Many clients, some of which do not read.

use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::bus::{Tx, Work};
use opspilot_core::clock::Timestamp;
use opspilot_core::event::IncidentCleared;
use opspilot_net::Limits;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::super::Setup;
use super::{Client, Config, PATIENCE, Running, config};

const CLEARED: &str = "incident.cleared";

/// Tells with so many bytes, so many times, that an incident is over.
struct Loud(usize, usize);

#[async_trait]
impl Work for Loud {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        for _ in 0..self.1 {
            tx.emit(IncidentCleared {
                incident_id: "a".into(),
                cleared_by: "detector.test".into(),
                reason: "x".repeat(self.0),
                cleared_at: Timestamp::UNIX_EPOCH,
            });
        }
    }
}

async fn server(config: Config) -> Running {
    let config = Config {
        subscribable_events: vec![CLEARED.into()],
        ..config
    };
    Running::with(Setup::default(), config).await
}

async fn loud(server: &Running, count: usize) {
    let work = Loud(16 * 1_024, count);
    server.api.bench.bus.transact("test", work).await.unwrap();
}

fn ids(events: &[Value]) -> Vec<u64> {
    let ids = events.iter().map(|event| event["id"].as_u64());
    ids.map(Option::unwrap).collect()
}

#[tokio::test]
async fn who_does_not_keep_up_is_told_what_it_missed_and_others_hear_everything() {
    let server = server(config()).await;
    let mut quick = server.subscribed(&[CLEARED]).await;
    let mut slow = server.subscribed(&[CLEARED]).await;
    let start = server.api.bench.bus.journal().head();
    // More than waits for one client (1,024 events) and what the system keeps for a connection.
    let (rounds, round) = (20, 100);
    let mut heard = Vec::new();
    for _ in 0..rounds {
        loud(&server, round).await;
        heard.extend(quick.events(round).await);
    }
    let total = (rounds * round) as u64;
    assert_eq!(ids(&heard), (start + 1..=start + total).collect::<Vec<_>>());

    let mut told = slow.until("missed").await;
    let missed = told.pop().unwrap();
    let before = ids(&told);
    let last = start + before.len() as u64;
    assert_eq!(before, (start + 1..=last).collect::<Vec<_>>());
    let count = missed["count"].as_u64().unwrap();
    assert_eq!(missed["after"], last);
    assert_eq!(missed["id"], last + count);
    assert!(count > 0 && last + count < start + total, "{missed}");

    // What it missed is still there for the asking.
    let more = json!({ "events": [], "after": last });
    slow.subscribe(&more).await;
    let rest = usize::try_from(start + total - last).unwrap();
    let again = slow.events(rest).await;
    assert_eq!(ids(&again), (last + 1..=start + total).collect::<Vec<_>>());
}

#[tokio::test]
async fn clients_that_never_read_delay_nobody() {
    let server = server(Config {
        max_clients: 200,
        ..config()
    })
    .await;
    let (rounds, round) = (15, 20);
    let mut idle = Vec::new();
    let mut readers = JoinSet::new();
    for number in 0..100 {
        let mut client = server.subscribed(&[CLEARED]).await;
        if number % 10 == 0 {
            idle.push(client);
            continue;
        }
        readers.spawn(async move { client.events(rounds * round).await.len() });
    }
    for _ in 0..rounds {
        loud(&server, round).await;
    }
    while let Some(read) = readers.join_next().await {
        assert_eq!(read.unwrap(), rounds * round);
    }
    assert_eq!(idle.len(), 10);
}

#[tokio::test]
async fn places_are_limited_and_given_back() {
    let server = Running::with(
        Setup::default(),
        Config {
            max_clients: 2,
            ..config()
        },
    )
    .await;
    let mut first = server.subscribed(&[]).await;
    let _second = Client::connect(server.api.address, "/api/ws", &[])
        .await
        .ok()
        .unwrap();
    assert_eq!(server.client(&[]).await.err(), Some(503));
    let refused = Client::connect(server.api.address, "/api/ws", &[]).await;
    assert_eq!(refused.err(), Some(503));
    first.stream.close(None).await.unwrap();
    let again = async {
        while server.client(&[]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn connections_that_upgrade_still_count() {
    let limits = Limits {
        per_loopback: 3,
        ..Limits::default()
    };
    let setup = Setup {
        limits,
        ..Setup::default()
    };
    let server = Running::with(setup, config()).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(server.api.address, "/api/ws", &[])
            .await
            .ok()
            .unwrap();
        client.welcome().await;
        clients.push(client);
    }
    let refused = Client::connect(server.api.address, "/api/ws", &[]).await;
    assert_eq!(refused.err(), Some(429), "one too many is told so");
    drop(clients);
    let again = async {
        while Client::connect(server.api.address, "/api/ws", &[])
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}
