//! Connections that wait, stay silent or come in crowds.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use opspilot_core::metrics::{Counter, Gauge};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{Limits, ServerMetrics, serve};
use crate::testing::{Client, request};

/// Longer than anything here takes, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(10);

struct Running {
    address: SocketAddr,
    cancel: CancellationToken,
    metrics: ServerMetrics,
    task: JoinSet<()>,
}

impl Running {
    /// Serves `/` at once and `/never` never.
    async fn new(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route("/large", get(async || "x".repeat(64 << 20)))
            .route(
                "/later",
                get(async || tokio::time::sleep(Duration::from_millis(100)).await),
            )
            .route("/never", get(async || std::future::pending::<()>().await));
        let cancel = CancellationToken::new();
        let metrics = ServerMetrics {
            open: Gauge::default(),
            refused: Counter::default(),
        };
        let mut task = JoinSet::new();
        task.spawn(serve(
            listener,
            router,
            limits,
            metrics.clone(),
            cancel.clone(),
        ));
        Self {
            address,
            cancel,
            metrics,
            task,
        }
    }

    async fn stopped(mut self) -> Duration {
        let started = Instant::now();
        self.cancel.cancel();
        timeout(PATIENCE, self.task.join_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert_eq!(self.metrics.open.get(), 0);
        started.elapsed()
    }

    async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    async fn is_served(&self) -> bool {
        let mut client = self.connect().await;
        client.send(request(&["GET /"], b"")).await;
        client
            .reply(false)
            .await
            .is_some_and(|reply| reply.status == 200)
    }
}

fn short() -> Limits {
    Limits {
        header: Duration::from_millis(100),
        stall: Duration::from_millis(100),
        drain: Duration::from_millis(200),
        ..Limits::default()
    }
}

#[tokio::test]
async fn silent_and_slow_clients_are_closed() {
    let server = Running::new(short()).await;
    let starts = ["", "GET / HT", "GET / HTTP/1.1\r\nHost: localhost\r\nX: "];
    for start in starts {
        let mut client = server.connect().await;
        client.send(start).await;
        let answer = timeout(PATIENCE, client.rest())
            .await
            .expect("the connection is closed");
        assert_eq!(answer, "", "{start:?}");
    }
    assert!(server.is_served().await);
}

#[tokio::test]
async fn a_trickle_of_headers_does_not_hold_a_connection() {
    let server = Running::new(short()).await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\n").await;
    let trickle = async {
        for n in 0.. {
            client.send(format!("X-{n}: y\r\n")).await;
            if timeout(Duration::from_millis(20), client.rest())
                .await
                .is_ok()
            {
                return n;
            }
        }
        0
    };
    let sent = timeout(PATIENCE, trickle)
        .await
        .expect("the connection is closed");
    assert!(sent < 50, "{sent}");
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let server = Running::new(short()).await;
    let mut client = server.connect().await;
    client.send(request(&["GET /"], b"")).await;
    assert_eq!(client.reply(false).await.unwrap().body, "hello");
    client.send(request(&["GET /"], b"")).await;
    assert_eq!(
        client.reply(false).await.unwrap().body,
        "hello",
        "kept alive"
    );
    assert_eq!(timeout(PATIENCE, client.rest()).await.unwrap(), "");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let server = Running::new(short()).await;
    let mut client = server.connect().await;
    client.send(request(&["GET /large"], b"")).await;
    let closed = async {
        while server.metrics.open.get() != 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::sleep(Duration::from_millis(20)).await;
    timeout(PATIENCE, closed)
        .await
        .expect("the connection is closed");
}

#[tokio::test]
async fn crowds_are_refused_beyond_the_limit_and_served_again_later() {
    let server = Running::new(Limits {
        per_loopback: 20,
        ..short()
    })
    .await;
    let mut crowd = Vec::new();
    for _ in 0..60 {
        crowd.push(server.connect().await);
    }
    let mut refused = 0;
    for client in &mut crowd[20..] {
        let said = timeout(PATIENCE, client.rest()).await.unwrap();
        refused += u32::from(said.starts_with("HTTP/1.1 429 ") && said.contains("Retry-After: "));
    }
    assert_eq!(refused, 40);
    assert_eq!(server.metrics.refused.get(), 40);
    drop(crowd);
    let again = async { while !server.is_served().await {} };
    timeout(PATIENCE, again).await.expect("served again");
}

#[tokio::test]
async fn a_stop_lets_open_requests_end() {
    let server = Running::new(Limits {
        drain: PATIENCE,
        ..Limits::default()
    })
    .await;
    let mut client = server.connect().await;
    client.send(request(&["GET /later"], b"")).await;
    let mut idle = server.connect().await;
    assert!(server.is_served().await);
    let address = server.address;
    let (took, reply) = tokio::join!(server.stopped(), client.reply(false));
    assert_eq!(reply.unwrap().status, 200);
    assert_eq!(idle.rest().await, "");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_half_sent_or_endless_request() {
    let server = Running::new(short()).await;
    let mut half = server.connect().await;
    half.send("GET / HTTP/1.1\r\nHost: loc").await;
    let mut body = server.connect().await;
    body.send("GET /never HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx")
        .await;
    assert!(server.is_served().await);
    let took = server.stopped().await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(
        (half.rest().await, body.rest().await),
        (String::new(), String::new())
    );
}

/// Speaks HTTP/2 just far enough to be a connection: the preface and empty settings (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn multiplexed() -> Limits {
    Limits {
        protocol: super::Protocol::Http2,
        idle: Duration::from_millis(300),
        ..short()
    }
}

#[tokio::test]
async fn connections_without_a_request_are_closed_over_http2_too() {
    let server = Running::new(multiplexed()).await;
    for start in [&b""[..], &PREFACE[..9], PREFACE] {
        let mut client = server.connect().await;
        client.send(start).await;
        timeout(PATIENCE, client.rest())
            .await
            .expect("the connection is closed");
    }
    server.stopped().await;
}

#[tokio::test]
async fn requests_are_answered_over_http2_and_an_idle_connection_is_closed_later() {
    let server = Running::new(multiplexed()).await;
    let stream = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = super::Owned::default();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    let mut task = JoinSet::new();
    task.spawn(connection);
    for _ in 0..3 {
        let request = hyper::Request::get(format!("http://{}/", server.address))
            .body(http_body_util::Empty::<bytes::Bytes>::new())
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let ended = timeout(PATIENCE, task.join_next()).await;
    assert!(ended.is_ok(), "an idle connection is closed");
    server.stopped().await;
}
