//! The stream over real connections.

use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::bus::{Tx, Work};
use opspilot_core::clock::Timestamp;
use opspilot_core::event::IncidentCleared;
use opspilot_core::safety::identity::{Kind, Role};
use opspilot_net::Limits;
use opspilot_net::testing::request;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::access::{auth, root};
use super::{Fixture, Setup};

/// A message of a stream.
#[derive(Debug)]
struct Message {
    id: u64,
    kind: String,
    data: Value,
}

/// One who listens.
struct Listener(BufReader<TcpStream>);

impl Listener {
    async fn new(api: &Fixture, query: &str, headers: &[&str]) -> Self {
        let mut stream = TcpStream::connect(api.address).await.unwrap();
        let line = format!("GET /api/stream{query}");
        let head = [&[line.as_str()], headers].concat();
        stream.write_all(&request(&head, b"")).await.unwrap();
        let mut listener = Self(BufReader::new(stream));
        while !listener.line().await.expect("headers").is_empty() {}
        listener
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        // A stream that says nothing and does not end is a fault, not something to wait for.
        let read = tokio::time::timeout(Duration::from_secs(10), self.0.read_line(&mut line));
        let count = read.await.expect("a line or the end").unwrap_or(0);
        (count > 0).then(|| line.trim_end().to_owned())
    }

    /// The next message; `None` at the end. Lines that frame the pieces are passed over.
    async fn next(&mut self) -> Option<Message> {
        let (mut id, mut kind) = (0, String::new());
        loop {
            let line = self.line().await?;
            match line.split_once(": ") {
                Some(("id", text)) => id = text.parse().unwrap(),
                Some(("event", text)) => text.clone_into(&mut kind),
                Some(("data", text)) => {
                    let data = serde_json::from_str(text).unwrap();
                    return Some(Message { id, kind, data });
                }
                _ => {}
            }
        }
    }

    /// The next messages up to one of type `kind`.
    async fn until(&mut self, kind: &str) -> Vec<Message> {
        let mut found = Vec::new();
        while found.last().is_none_or(|last: &Message| last.kind != kind) {
            found.push(self.next().await.expect("another message"));
        }
        found
    }
}

/// Tells that incidents are over, in one transaction.
struct Clear(Vec<String>);

#[async_trait]
impl Work for Clear {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        for id in self.0 {
            tx.emit(IncidentCleared {
                incident_id: id.into(),
                cleared_by: "detector.test".into(),
                reason: "a line\nid: 1\nevent: forged".into(),
                cleared_at: Timestamp::UNIX_EPOCH,
            });
        }
    }
}

pub(super) async fn clear(api: &Fixture, ids: &[&str]) {
    let ids = ids.iter().map(|id| (*id).to_owned()).collect();
    api.bench.bus.transact("test", Clear(ids)).await.unwrap();
}

fn incidents(messages: &[Message]) -> Vec<&str> {
    let cleared = messages
        .iter()
        .filter(|message| message.kind == "incident.cleared");
    cleared
        .map(|message| message.data["payload"]["incidentId"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_listener_is_told_what_happens_and_goes_on_where_it_left() {
    let api = Fixture::new().await;
    clear(&api, &["before"]).await;
    let mut listener = Listener::new(&api, "?types=incident.cleared", &[]).await;
    let hello = listener.next().await.unwrap();
    assert_eq!(
        (hello.kind.as_str(), hello.id),
        ("hello", api.bench.bus.journal().head())
    );
    clear(&api, &["one"]).await;
    clear(&api, &["two"]).await;
    let one = listener.next().await.unwrap();
    let two = listener.next().await.unwrap();
    assert_eq!(incidents(&[one, two]), ["one", "two"]);
    drop(listener);

    clear(&api, &["three"]).await;
    let header = format!("Last-Event-ID: {}", hello.id);
    for (query, headers) in [
        ("?types=incident.cleared".to_owned(), vec![header.as_str()]),
        (
            format!("?types=incident.cleared&after={}", hello.id),
            vec![],
        ),
    ] {
        let mut again = Listener::new(&api, &query, &headers).await;
        let mut told = vec![again.next().await.unwrap()];
        assert_eq!(told[0].id, hello.id);
        while told.len() < 4 {
            told.push(again.next().await.unwrap());
        }
        assert_eq!(incidents(&told), ["one", "two", "three"]);
        assert!(told.windows(2).all(|pair| pair[0].id <= pair[1].id));
    }
}

#[tokio::test]
async fn who_was_away_for_too_long_or_elsewhere_is_told_to_read_again() {
    let api = Fixture::new().await;
    clear(&api, &["one"]).await;
    let mut listener = Listener::new(&api, "?after=1000000", &[]).await;
    let told = listener.until("missed").await;
    assert_eq!(told[0].kind, "hello");
    clear(&api, &["many"; 4_200]).await;
    let mut late = Listener::new(&api, "?after=1", &[]).await;
    let told = late.until("missed").await;
    let head = api.bench.bus.journal().head();
    assert_eq!(told.last().unwrap().data["count"], head - 1);
    assert_eq!(told.last().unwrap().id, head);
}

#[tokio::test]
async fn wrong_questions_are_answered_with_what_is_wrong() {
    let api = Fixture::new().await;
    assert_eq!(api.get("/stream?types=log.ingested").await.problem().0, 400);
    assert_eq!(api.get("/stream?after=x").await.problem().0, 400);
    assert_eq!(api.get("/stream?since=1").await.problem().0, 400);
    let reply = api
        .ask(&["GET /api/stream", "Last-Event-ID: -1"], b"")
        .await;
    assert_eq!(reply.problem().0, 400);
}

#[tokio::test]
async fn a_stream_beats_and_ends_when_its_credential_does() {
    let setup = Setup {
        auth: auth(),
        beat: Duration::from_millis(20),
        ..Setup::default()
    };
    let api = Fixture::with(setup).await;
    let (header, key) = api.key(Role::Viewer, Kind::Human).await;
    let headers = [header.as_str(), "Connection: close"];
    let mut listener = Listener::new(&api, "", &headers).await;
    listener.until("beat").await;
    let credentials = &api.bench.access.credentials;
    credentials.revoke_key(&root(), key.id()).await.unwrap();
    while listener.next().await.is_some() {}
}

#[tokio::test]
async fn streams_end_when_the_api_stops() {
    let setup = Setup {
        limits: Limits {
            drain: Duration::from_secs(600),
            ..Limits::default()
        },
        ..Setup::default()
    };
    let api = Fixture::with(setup).await;
    let mut listener = Listener::new(&api, "", &[]).await;
    listener.until("hello").await;
    api.cx.cancel.cancel();
    while listener.next().await.is_some() {}
}

#[tokio::test]
async fn places_are_given_back_and_are_not_without_end() {
    let api = Fixture::new().await;
    let mut listeners = Vec::new();
    let refused = loop {
        let mut listener = Listener::new(&api, "", &[]).await;
        match tokio::time::timeout(Duration::from_secs(5), listener.next()).await {
            Ok(Some(_)) => listeners.push(listener),
            _ => break listeners.len(),
        }
        if listeners.len() == 240 {
            break 0;
        }
    };
    assert_eq!(refused, 0, "240 may listen at once");
    drop(listeners);
    Listener::new(&api, "", &[]).await.until("hello").await;
}
