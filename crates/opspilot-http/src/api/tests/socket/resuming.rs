//! Clients that come back.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::access::auth;
use super::super::streaming::clear;
use super::{Client, Running, config, incidents};

fn cleared() -> super::Config {
    super::Config {
        subscribable_events: vec!["incident.created".into(), "incident.cleared".into()],
        ..config()
    }
}

/// Comes back behind the event `after`.
async fn back(server: &Running, after: u64) -> Client {
    let mut client = server.client(&[]).await.unwrap();
    client.welcome().await;
    let asked = json!({ "events": ["incident.created"], "after": after });
    let subscribed = client.subscribe(&asked).await;
    assert_eq!(subscribed["id"], after);
    client
}

#[tokio::test]
async fn a_client_that_breaks_off_again_and_again_hears_everything_once() {
    let server = Running::new().await;
    let total = 400;
    let publish = async {
        for number in 0..total {
            server.incident(&format!("i{number}")).await;
        }
    };
    let listen = async {
        let mut heard: Vec<Value> = Vec::new();
        let mut after = 0;
        while heard.len() < total {
            let mut client = back(&server, after).await;
            // Each connection breaks after another number of events, in the middle of the next ones.
            let count = (heard.len() * 7 % 31 + 1).min(total - heard.len());
            heard.extend(client.events(count).await);
            after = heard.last().unwrap()["id"].as_u64().unwrap();
        }
        heard
    };
    let ((), heard) = tokio::join!(publish, listen);
    let expected: Vec<_> = (0..total).map(|number| format!("i{number}")).collect();
    assert_eq!(incidents(&heard), expected);
}

#[tokio::test]
async fn a_new_server_goes_on_where_the_old_one_stopped() {
    let server = Running::new().await;
    let mut client = server.subscribed(&["incident.created"]).await;
    for id in ["one", "two"] {
        server.incident(id).await;
    }
    let last = client.events(2).await.pop().unwrap();
    server.incident("three").await;
    server.cx.cancel.cancel();
    server.api.cx.cancel.cancel();
    client.closed().await;
    server.incident("four").await;

    let off = opspilot_core::config::Auth {
        enabled: false,
        ..auth()
    };
    let again = Running::on(server.api.again(off).await, config()).await;
    let mut client = back(&again, last["id"].as_u64().unwrap()).await;
    again.incident("five").await;
    assert_eq!(
        incidents(&client.events(3).await),
        ["three", "four", "five"]
    );
}

#[tokio::test]
async fn who_was_away_for_too_long_or_elsewhere_is_told() {
    let server = Running::with(super::Setup::default(), cleared()).await;
    clear(&server.api, &["a"; 4_200]).await;
    let head = server.api.bench.bus.journal().head();
    let mut client = server.client(&[]).await.unwrap();
    client.welcome().await;
    let rows = [(1, head - 1), (head + 5, 0)];
    for (after, count) in rows {
        let asked = json!({ "events": ["incident.created"], "after": after });
        client.subscribe(&asked).await;
        let missed = client.told().await;
        let expected = json!({ "type": "missed", "count": count, "after": after, "id": head });
        assert_eq!(missed, expected);
    }
    server.incident("now").await;
    assert_eq!(incidents(&client.events(1).await), ["now"]);
}

#[tokio::test]
async fn a_client_asks_again_for_what_it_has() {
    let server = Running::new().await;
    let mut client = server.subscribed(&["incident.created"]).await;
    for number in 0..200 {
        server.incident(&format!("i{number}")).await;
    }
    let first = client.events(200).await;
    let after = first[99]["id"].clone();
    client
        .subscribe(&json!({ "events": [], "after": after }))
        .await;
    server.incident("new").await;
    let again = client.events(101).await;
    assert_eq!(incidents(&again[..100]), incidents(&first[100..]));
    assert_eq!(incidents(&again[100..]), ["new"]);
    let ids: BTreeSet<_> = again.iter().map(|event| event["id"].as_u64()).collect();
    assert_eq!(ids.len(), 101);
}
