//! OTLP over gRPC: every way to fail, with the code that tells an exporter whether to send again.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opspilot_net::HeaderMap;
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::grpc::Status;
use super::requests::gzip;
use super::{Running, TOKEN, logs, record};
use crate::listen::papers::Papers;

const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// What came back of a call.
#[derive(Debug)]
struct Outcome {
    code: String,
    message: String,
    /// After how many seconds to send again, as `google.rpc.RetryInfo` says.
    retry: Option<u8>,
    body: Vec<u8>,
}

/// One message in its frame.
fn framed(is_compressed: bool, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[u8::from(is_compressed)], &length[..], message].concat()
}

async fn call_on<S>(stream: S, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Outcome
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "the test is the runtime here")]
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let mut request = http::Request::post(format!("http://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (answer, mut sending) = client
        .send_request(request.body(()).unwrap(), false)
        .unwrap();
    // A server that answers early resets the rest.
    sending.send_data(Bytes::from(body), true).ok();
    let answer = answer.await.unwrap();
    let (head, mut rest) = answer.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = rest.data().await {
        let Ok(piece) = piece else { break };
        rest.flow_control().release_capacity(piece.len()).unwrap();
        body.extend_from_slice(&piece);
    }
    let trailers = rest.trailers().await.ok().flatten().unwrap_or_default();
    connection.abort();
    outcome(&head.headers, &trailers, body)
}

fn outcome(headers: &HeaderMap, trailers: &HeaderMap, body: Vec<u8>) -> Outcome {
    assert_eq!(headers["content-type"], "application/grpc");
    let text = |name: &str| {
        let value = trailers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default().to_owned()
    };
    use base64::Engine as _;
    let details = base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(text("grpc-status-details-bin"))
        .unwrap();
    let status = Status::decode(&details[..]).unwrap();
    // `RetryInfo` holds a `Duration` in its field 1, which holds seconds in its field 1.
    let retry = status.details.first().map(|detail| {
        assert_eq!(detail.type_url, "type.googleapis.com/google.rpc.RetryInfo");
        let [0x0a, 2, 0x08, seconds] = detail.value[..] else {
            panic!("{detail:?}")
        };
        seconds
    });
    Outcome {
        code: text("grpc-status"),
        message: text("grpc-message"),
        retry,
        body,
    }
}

async fn call(running: &Running, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Outcome {
    let stream = TcpStream::connect(running.grpc).await.unwrap();
    let authorization = format!("Bearer {TOKEN}");
    let mut all = vec![("authorization", authorization.as_str())];
    all.extend(headers);
    call_on(stream, path, &all, body).await
}

/// Calls, and checks that the call fails with `code`, says `part`, and is not to be sent again.
async fn check(headers: &[(&str, &str)], body: Vec<u8>, (code, part): (&str, &str)) {
    let running = Running::new("maxBodyBytes: 4096\nmaxDecodedBytes: 8192").await;
    let outcome = call(&running, LOGS, headers, body).await;
    let found = (outcome.code.as_str(), outcome.retry);
    assert_eq!(found, (code, None), "{outcome:?}");
    assert!(outcome.message.contains(part), "{outcome:?}");
}

fn good() -> Vec<u8> {
    framed(false, &logs(vec![record("a line")]).encode_to_vec())
}

#[tokio::test]
async fn bodies_that_are_not_one_message_are_not_retried() {
    let good = good();
    let cut = good[..good.len() - 1].to_vec();
    let two = [good.clone(), good].concat();
    for body in [b"abc".to_vec(), cut, two] {
        check(&[], body, ("3", "one gRPC message")).await;
    }
    let nonsense = framed(false, b"\xff\xff\xff\xff");
    check(&[], nonsense, ("3", "Protobuf")).await;
    check(&[], framed(false, &[0; 5_000]), ("8", "4101 bytes")).await;
}

#[tokio::test]
async fn compression_that_cannot_be_undone_is_not_retried() {
    let bomb = gzip(&vec![0; 1 << 20]);
    assert!(bomb.len() < 4_096);
    let (bomb, gzipped) = (framed(true, &bomb), &[("grpc-encoding", "gzip")]);
    check(gzipped, bomb.clone(), ("8", "8192 bytes after")).await;
    check(gzipped, framed(true, b"no gzip"), ("3", "not gzip")).await;
    check(&[], bomb, ("13", "does not say how")).await;
    let unknown = &[("grpc-encoding", "br")];
    check(unknown, good(), ("12", "only gzip")).await;
}

#[tokio::test]
async fn callers_that_may_not_call_are_not_retried() {
    let origin = &[("origin", "http://evil")];
    check(origin, good(), ("7", "web pages")).await;
    let running = Running::new("").await;
    let wrong = call(&running, "/a.B/Export", &[], good()).await;
    let found = (wrong.code.as_str(), wrong.retry);
    assert_eq!(found, ("12", None), "{wrong:?}");
    let almost = [("authorization", "Bearer a-token-that-is-long-enougH")];
    for headers in [&[][..], &almost] {
        let stream = TcpStream::connect(running.grpc).await.unwrap();
        let outcome = call_on(stream, LOGS, headers, good()).await;
        let found = (outcome.code.as_str(), outcome.retry);
        assert_eq!(found, ("16", None), "{outcome:?}");
    }
    let refused = "opspilot_otlp_refused_total{module=\"connector.otlp\",reason=\"credential\"}";
    assert_eq!(running.count(refused), "2");
}

#[tokio::test]
async fn what_cannot_be_stored_now_is_asked_for_again() {
    let mut running = Running::new("timeoutMs: 300").await;
    let body = framed(false, &logs(vec![record("a line")]).encode_to_vec());
    // The storage refuses.
    let stream = TcpStream::connect(running.grpc).await.unwrap();
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str())];
    let refusing = async { running.logs.recv().await.unwrap().ack().fail() };
    let (outcome, ()) = tokio::join!(call_on(stream, LOGS, &headers, body.clone()), refusing);
    assert_eq!(
        (outcome.code.as_str(), outcome.retry),
        ("14", Some(5)),
        "{outcome:?}"
    );
    // Nobody answers.
    let outcome = call(&running, LOGS, &[], body.clone()).await;
    assert_eq!(
        (outcome.code.as_str(), outcome.retry),
        ("14", Some(5)),
        "{outcome:?}"
    );
    assert!(
        outcome.message.contains("not stored in time"),
        "{outcome:?}"
    );
    // It works again.
    drop(running.logs.recv().await.unwrap());
    let stream = TcpStream::connect(running.grpc).await.unwrap();
    let storing = async { drop(running.logs.recv().await.unwrap()) };
    let (outcome, ()) = tokio::join!(call_on(stream, LOGS, &headers, body), storing);
    assert_eq!(
        (outcome.code.as_str(), outcome.retry),
        ("0", None),
        "{outcome:?}"
    );
    let response = ExportLogsServiceResponse::decode(&outcome.body[5..]).unwrap();
    assert_eq!(response.partial_success, None);
}

#[tokio::test]
async fn who_sends_too_fast_is_asked_to_wait() {
    let running = Running::new("maxRequestsPerSecondPerPeer: 3").await;
    let mut outcomes = Vec::new();
    for _ in 0..20 {
        outcomes.push(call(&running, "/a.B/Export", &[], Vec::new()).await);
    }
    let busy: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.code == "8")
        .collect();
    assert!(
        !busy.is_empty() && busy.iter().all(|outcome| outcome.retry == Some(1)),
        "{outcomes:?}"
    );
    assert!(
        outcomes[..3].iter().all(|outcome| outcome.code == "12"),
        "{outcomes:?}"
    );
    let counted = "opspilot_otlp_refused_total{module=\"connector.otlp\",reason=\"rate\"}";
    assert_eq!(running.count(counted), busy.len().to_string());
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_in_http2() {
    let running = Running::new("maxConnectionsPerPeer: 1").await;
    let mut first = TcpStream::connect(running.grpc).await.unwrap();
    first
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    first.read_u8().await.unwrap();
    let second = TcpStream::connect(running.grpc).await.unwrap();
    let (_client, connection) = h2::client::handshake(second).await.unwrap();
    let farewell = connection.await.unwrap_err();
    assert_eq!(
        farewell.reason(),
        Some(h2::Reason::ENHANCE_YOUR_CALM),
        "{farewell}"
    );
    let counted = "opspilot_otlp_refused_total{module=\"connector.otlp\",reason=\"connections\"}";
    assert_eq!(running.count(counted), "1");
}

#[tokio::test]
async fn both_protocols_are_spoken_over_tls() {
    let Some(papers) = Papers::new() else { return };
    let running = Running::new(&format!("tls: {}", papers.tls(true))).await;
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str())];
    let stream = papers
        .connect(running.grpc, Some("client"), &["h2"])
        .await
        .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let outcome = call_on(stream, LOGS, &headers, framed(false, b"")).await;
    assert_eq!(outcome.code, "0", "{outcome:?}");
    let mut stream = papers
        .connect(running.http, Some("client"), &["http/1.1"])
        .await
        .unwrap();
    let head = [
        "POST /v1/logs",
        &format!("Authorization: {authorization}"),
        "Content-Type: application/json",
        "Connection: close",
    ];
    stream
        .write_all(&opspilot_net::testing::request(&head, b"{}"))
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    assert!(
        answer.starts_with(b"HTTP/1.1 200 OK"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    // A client without a certificate learns of it when it reads.
    if let Ok(mut stream) = papers.connect(running.grpc, None, &["h2"]).await {
        assert!(stream.read_to_end(&mut Vec::new()).await.is_err());
    }
    let counted = "opspilot_otlp_refused_total{module=\"connector.otlp\",reason=\"handshake\"}";
    assert_eq!(running.count(counted), "1");
}
