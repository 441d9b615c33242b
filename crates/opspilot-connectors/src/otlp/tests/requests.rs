//! OTLP over HTTP, good and bad.

use std::io::Write as _;

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opspilot_net::testing::{Client, Reply, ask};
use prost::Message as _;

use super::super::grpc::Status;
use super::{Running, TOKEN, logs, record};

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn post(running: &Running, path: &str, headers: &[&str], body: &[u8]) -> Reply {
    let (line, token) = (
        format!("POST {path}"),
        format!("Authorization: Bearer {TOKEN}"),
    );
    let mut head = vec![line.as_str(), token.as_str()];
    head.extend(headers);
    ask(running.http, &head, body).await
}

const PROTOBUF: &str = "Content-Type: application/x-protobuf";
const JSON: &str = "Content-Type: application/json";
const GZIP: &str = "Content-Encoding: gzip";

#[tokio::test]
async fn a_request_is_answered_when_its_batch_is_settled() {
    let mut running = Running::new("timeoutMs: 300").await;
    let body = logs(vec![record("a line")]).encode_to_vec();
    let late = post(&running, "/v1/logs", &[PROTOBUF], &body).await;
    assert_eq!((late.status, late.header("retry-after")), (503, "5"));
    let batch = running.logs.recv().await.unwrap();
    assert_eq!(&*batch.source().name, "otlp:shop");
    assert_eq!(batch.get(0).unwrap().text(), "a line");
    assert_eq!(batch.attributes(0)["service"], "shop");
    let end = batch.end();
    batch.ack().fail();
    drop(batch);
    let packed = gzip(&body);
    let address = running.http;
    let token = format!("Authorization: Bearer {TOKEN}");
    let head = ["POST /v1/logs", token.as_str(), PROTOBUF, GZIP];
    let (reply, position) = tokio::join!(ask(address, &head, &packed), async {
        let batch = running.logs.recv().await.unwrap();
        batch.get(0).unwrap().position
    });
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    assert_eq!(reply.header("content-type"), "application/x-protobuf");
    assert!(position >= end);
    assert_eq!(
        running.count("opspilot_otlp_items_total{module=\"connector.otlp\",kind=\"record\"}"),
        "1"
    );
}

#[tokio::test]
async fn a_failure_to_store_is_told() {
    let mut running = Running::new("").await;
    let body = logs(vec![record("a line")]).encode_to_vec();
    let address = running.http;
    let token = format!("Authorization: Bearer {TOKEN}");
    let head = ["POST /v1/logs", token.as_str(), PROTOBUF];
    let (reply, ()) = tokio::join!(ask(address, &head, &body), async {
        running.logs.recv().await.unwrap().ack().fail();
    });
    assert_eq!(reply.status, 503);
}

#[tokio::test]
async fn what_is_taken_in_part_is_said() {
    let mut running = Running::new("").await;
    let body = logs(vec![LogRecord::default(); 50_003]).encode_to_vec();
    let head = [
        "POST /v1/logs",
        &format!("Authorization: Bearer {TOKEN}"),
        PROTOBUF,
    ];
    let address = running.http;
    let (reply, ()) = tokio::join!(ask(address, &head, &body), async {
        drop(running.logs.recv().await);
    });
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains("smaller batches"), "{reply:?}");
}

/// Path, headers, body; status and part of the answer.
type Row<'a> = (&'a str, &'a [&'a str], &'a [u8], u16, &'a str);

#[tokio::test]
async fn bad_requests_are_refused() {
    let running = Running::new("maxBodyBytes: 4096\nmaxDecodedBytes: 8192").await;
    let bomb = gzip(&vec![0; 1 << 20]);
    assert!(bomb.len() < 4_096);
    let rows: &[Row<'_>] = &[
        (
            "/v1/logs",
            &[PROTOBUF],
            b"\xff\xff\xff\xff",
            400,
            "Protobuf",
        ),
        ("/v1/logs", &[JSON], b"{\"resourceLogs\": 1}", 400, "JSON"),
        ("/v1/metrics", &[PROTOBUF, GZIP], b"no gzip", 400, "gzip"),
        ("/v1/traces", &[PROTOBUF, GZIP], &bomb, 413, "8192"),
        ("/v1/logs", &[PROTOBUF], &[0; 5_000], 413, "4096"),
        (
            "/v1/logs",
            &["Content-Type: text/plain"],
            b"x",
            415,
            "send application",
        ),
        (
            "/v1/logs",
            &[PROTOBUF, "Content-Encoding: br"],
            b"x",
            415,
            "gzip",
        ),
        (
            "/v1/logs",
            &[PROTOBUF, "Origin: http://evil"],
            b"x",
            403,
            "web pages",
        ),
        ("/v2/logs", &[PROTOBUF], b"x", 404, "/v1/logs"),
    ];
    for (path, headers, body, status, part) in rows {
        let reply = post(&running, path, headers, body).await;
        assert_eq!(reply.status, *status, "{path} {headers:?}");
        assert!(reply.body.contains(part), "{reply:?}");
        if headers[0] == PROTOBUF {
            let message = Status::decode(reply.body.as_bytes()).unwrap().message;
            assert!(message.contains(part), "{message}");
        }
    }
    for token in ["X: y", "Authorization: Bearer a-token-that-is-long-enougH"] {
        let reply = ask(running.http, &["POST /v1/logs", token, JSON], b"{}").await;
        assert_eq!(reply.status, 401, "{token}");
    }
    assert_eq!(
        running
            .count("opspilot_otlp_refused_total{module=\"connector.otlp\",reason=\"credential\"}"),
        "2"
    );
}

#[tokio::test]
async fn slow_clients_delay_nobody() {
    let running = Running::new("").await;
    let mut slow = Vec::new();
    for _ in 0..12 {
        let mut client = Client::connect(running.http).await;
        client
            .send(format!("POST /v1/logs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n{JSON}\r\nContent-Length: 4000000\r\n\r\n{{"))
            .await;
        slow.push(client);
    }
    let reply = post(&running, "/v1/logs", &[JSON], b"{}").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "{}"));
    drop(slow);
}
