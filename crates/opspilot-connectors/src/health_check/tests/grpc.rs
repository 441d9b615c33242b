//! The health service of gRPC, played by a server of the test.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, Response};
use opspilot_core::clock::SystemClock;

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
    let config = config(&yaml);
    let trials = tokio::select! {
        trials = try_all(&config, SystemClock::shared()) => trials.unwrap(),
        () = serve(listener) => panic!("the server ended"),
    };
    for ((service, expected), trial) in rows.iter().zip(trials) {
        assert_eq!(trial.message.as_deref(), *expected, "{service}");
    }
}
