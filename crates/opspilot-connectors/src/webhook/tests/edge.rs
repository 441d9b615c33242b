//! Encryption, and senders that are too many or too fast.

use std::io;
use std::net::SocketAddr;

use opspilot_core::error::chain;
use opspilot_core::module::{HealthStatus, Manifest, Module as _};
use opspilot_core::testing::Bench;
use opspilot_net::testing::{Client, Reply, ask, request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::Webhook;
use super::harness::{Running, config};
use crate::listen::papers::Papers;

static MANIFEST: Manifest = Webhook::MANIFEST;

const ROUTE: &str =
    "routes: [{ id: any, path: /any, format: generic, map: [{ as: log, line: '{/text}' }] }]";

fn yaml(more: &str) -> String {
    format!("port: 0\n{more}\n{ROUTE}")
}

/// Delivers over TLS and gives the status line.
async fn deliver(papers: &Papers, address: SocketAddr, name: Option<&str>) -> io::Result<String> {
    let mut stream = papers.connect(address, name, &["h2", "http/1.1"]).await?;
    let sent = request(
        &[
            "POST /any",
            "Content-Type: application/json",
            "Connection: close",
        ],
        br#"{"text": "a line"}"#,
    );
    stream.write_all(&sent).await?;
    let mut answer = Vec::new();
    // Some close without saying so.
    let read = stream.read_to_end(&mut answer).await;
    if answer.is_empty() {
        read?;
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

async fn is_delivered(papers: &Papers, address: SocketAddr, name: Option<&str>) {
    let answer = deliver(papers, address, name).await.unwrap();
    assert_eq!(answer, "HTTP/1.1 204 No Content");
}

#[tokio::test]
async fn deliveries_are_taken_over_tls() {
    let Some(papers) = Papers::new() else { return };
    let mut running = Running::new(&yaml(&format!("tls: {}", papers.tls(false)))).await;
    let address = running.address;
    let ((), line) = tokio::join!(is_delivered(&papers, address, None), async {
        let batch = running.logs.recv().await.unwrap();
        batch.get(0).unwrap().text().into_owned()
    });
    assert_eq!(line, "a line");
}

#[tokio::test]
async fn only_clients_of_the_authority_are_served_and_the_others_are_told_of_and_counted() {
    let Some(papers) = Papers::new() else { return };
    let mut running = Running::new(&yaml(&format!("tls: {}", papers.tls(true)))).await;
    let address = running.address;
    let mut plain = Client::connect(running.address).await;
    plain.send(request(&["POST /any"], b"{}")).await;
    assert!(!plain.rest().await.contains("HTTP/1.1"));
    for name in [None, Some("foreign")] {
        assert!(deliver(&papers, address, name).await.is_err(), "{name:?}");
    }
    let refused =
        "opspilot_webhook_refused_total{module=\"connector.webhook\",reason=\"handshake\"}";
    assert_eq!(running.count(refused), "3");
    let health = running.cx.health.current();
    assert_eq!(health.status, HealthStatus::Degraded);
    let message = health.message.unwrap();
    assert!(message.contains("no TLS with 127.0.0.1:"), "{message}");
    let ((), ()) = tokio::join!(is_delivered(&papers, address, Some("client")), async {
        drop(running.logs.recv().await);
    });
}

#[tokio::test]
async fn certificates_that_cannot_be_read_end_the_start_and_a_wide_host_asks_for_some() {
    let wide = |more: &str| Webhook::new(config(&format!("host: '::'\n{}", yaml(more))));
    let error = wide("").unwrap_err().to_string();
    assert!(error.contains("`tls.clientCaFile`"), "{error}");
    assert!(wide("tls: { certFile: a, keyFile: b }").is_err());
    let files = "tls: { certFile: /none/a, keyFile: /none/b, clientCaFile: /none/c }";
    let mut module = wide(files).unwrap();
    let bench = Bench::new().await;
    let cx = bench.context(&MANIFEST);
    let error = chain(&module.init(&cx).await.unwrap_err());
    assert!(
        error.contains("cannot read the certificate `/none/a`"),
        "{error}"
    );
}

#[tokio::test]
async fn who_sends_too_fast_is_sent_back_and_counted() {
    let running = Running::new(&yaml("maxRequestsPerSecondPerPeer: 3")).await;
    let mut replies = Vec::new();
    for _ in 0..30 {
        replies.push(ask(running.address, &["GET /none"], b"").await);
    }
    let refused: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 429).collect();
    assert!(
        replies[..3].iter().all(|reply| reply.status == 404),
        "a second's worth at once"
    );
    assert!(!refused.is_empty(), "{replies:?}");
    let busy = refused[0];
    assert_eq!(
        (busy.header("retry-after"), &busy.json()["code"]),
        ("1", &"too-many-requests".into())
    );
    let counted = "opspilot_webhook_refused_total{module=\"connector.webhook\",reason=\"rate\"}";
    assert_eq!(running.count(counted), refused.len().to_string());
    let message = running.cx.health.current().message.unwrap();
    assert!(
        message.contains("`maxRequestsPerSecondPerPeer`"),
        "{message}"
    );
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_counted() {
    let running = Running::new(&yaml("maxConnectionsPerPeer: 2")).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(running.address).await;
        client.send(request(&["GET /none"], b"")).await;
        assert_eq!(client.reply(false).await.unwrap().status, 404);
        held.push(client);
    }
    let mut third = Client::connect(running.address).await;
    let reply = third.reply(false).await.unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (429, "5"));
    let counted =
        "opspilot_webhook_refused_total{module=\"connector.webhook\",reason=\"connections\"}";
    assert_eq!(running.count(counted), "1");
    let message = running.cx.health.current().message.unwrap();
    assert!(
        message.contains("2 connections open, which is its limit"),
        "{message}"
    );
    drop(held);
}
