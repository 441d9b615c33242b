//! The health service of gRPC, played by a server of the test.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use bytes::Bytes;
use http::{HeaderMap, Response};

use super::world::command;
use super::*;

/// Answers by the service that is asked for: a status of the health service, or one of gRPC.
async fn serve(listener: tokio::net::TcpListener) {
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            Ok((socket, _)) = listener.accept() => connections.push(Box::pin(answer(socket))),
            Some(()) = connections.next(), if !connections.is_empty() => {}
        }
    }
}

async fn answer(socket: tokio::net::TcpStream) {
    let Ok(mut connection) = h2::server::handshake(socket).await else {
        return;
    };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
        assert_eq!(request.headers()["content-type"], "application/grpc");
        let mut body = request.into_body();
        let mut frame = Vec::new();
        // The connection must go on for the body to come.
        loop {
            tokio::select! {
                chunk = body.data() => match chunk {
                    Some(chunk) => frame.extend_from_slice(&chunk.unwrap()),
                    None => break,
                },
                _ = connection.accept() => return,
            }
        }
        let service = String::from_utf8_lossy(frame.get(7..).unwrap_or_default()).into_owned();
        let (message, status): (Option<u8>, &str) = match service.as_str() {
            "" | "up" => (Some(1), "0"),
            "down" => (Some(2), "0"),
            "unknown" => (None, "5"),
            "late" => (None, "14"),
            _ => (Some(1), "16"),
        };
        let response = Response::builder().header("content-type", "application/grpc");
        if service == "unknown" {
            let response = response.header("grpc-status", status).body(()).unwrap();
            respond.send_response(response, true).unwrap();
            continue;
        }
        let mut stream = respond
            .send_response(response.body(()).unwrap(), false)
            .unwrap();
        if let Some(status) = message {
            stream
                .send_data(Bytes::from(vec![0, 0, 0, 0, 2, 8, status]), false)
                .unwrap();
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", status.parse().unwrap());
        trailers.insert("grpc-message", "so it is".parse().unwrap());
        stream.send_trailers(trailers).unwrap();
    }
}

#[tokio::test]
async fn a_service_is_asked_for_its_health() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let rows = [
        ("", None),
        ("up", None),
        ("down", Some("the service says NOT_SERVING")),
        (
            "unknown",
            Some("gRPC status NOT_FOUND: the server does not know the service"),
        ),
        ("late", Some("gRPC status UNAVAILABLE: so it is")),
        ("secret", Some("gRPC status UNAUTHENTICATED: so it is")),
    ];
    let mut yaml = "timeoutMs: 2000\nendpoints:\n".to_owned();
    for (index, (service, _)) in rows.iter().enumerate() {
        writeln!(
            yaml,
            "- {{id: e{index}, name: E, url: 'grpc://127.0.0.1:{port}/{service}'}}"
        )
        .unwrap();
    }
    let trials = tokio::select! {
        trials = tried(&yaml) => trials,
        () = serve(listener) => panic!("the server ended"),
    };
    for ((service, expected), trial) in rows.iter().zip(trials) {
        assert_eq!(message_of(&trial).as_deref(), *expected, "{service}");
    }
}

/// The health service that the makers of gRPC wrote.
const REAL: &str = r#"
import concurrent.futures, grpc, time
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
service = health.HealthServicer()
service.set("", health_pb2.HealthCheckResponse.SERVING)
service.set("shop.Orders", health_pb2.HealthCheckResponse.SERVING)
service.set("shop.Stock", health_pb2.HealthCheckResponse.NOT_SERVING)
health_pb2_grpc.add_HealthServicer_to_server(service, server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
time.sleep(20)
"#;

#[tokio::test]
async fn a_real_service_is_asked_for_its_health() {
    let started = command("python3")
        .args(["-c", REAL])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = started else {
        eprintln!("skipped: install python3");
        return;
    };
    let mut port = String::new();
    let output = child.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut port).unwrap();
    let port = port.trim();
    if port.is_empty() {
        child.wait().unwrap();
        eprintln!("skipped: pip install grpcio grpcio-health-checking");
        return;
    }
    let url = |service: &str| format!("url: 'grpc://127.0.0.1:{port}/{service}'");
    let yaml = format!(
        "endpoints:\n- {{id: a, name: A, {}}}\n- {{id: b, name: B, {}}}\n- {{id: c, name: C, {}}}\n- {{id: d, name: D, {}}}",
        url(""),
        url("shop.Orders"),
        url("shop.Stock"),
        url("shop.None")
    );
    let trials = tried(&yaml).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let messages: Vec<_> = trials.iter().map(message_of).collect();
    assert_eq!(messages[..2], [None, None]);
    let message = |index: usize| messages[index].clone().unwrap();
    assert_eq!(message(2), "the service says NOT_SERVING");
    assert!(
        message(3).starts_with("gRPC status NOT_FOUND"),
        "{}",
        message(3)
    );
}
