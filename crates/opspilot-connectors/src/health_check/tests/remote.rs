//! Trials for somebody who asks over the network.

use opspilot_core::module::Trial;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

async fn trials(yaml: &str, is_remote: bool) -> Vec<Trial> {
    let mut module = HealthCheck::new(config(yaml)).unwrap();
    let mut cx = TrialContext::new(MANIFEST.id, SystemClock::shared());
    cx.is_remote = is_remote;
    Module::trial(&mut module, &cx).await
}

/// A server that gives everybody the same answer.
async fn server() -> u16 {
    let body = "{\"password\": \"s3cret\"}";
    let length = body.len();
    answering(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
    .await
}

async fn answering(answer: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends with the runtime of the test"
    )]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _read = stream.read(&mut [0; 4096]).await;
            let _written = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

#[tokio::test]
async fn metadata_is_not_asked_whatever_the_options_allow() {
    let mut yaml = "timeoutMs: 1000\nallowedNetworks: [0.0.0.0/0, '::/0']\nendpoints:\n".to_owned();
    for (index, url) in [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
        "tcp://169.254.1.1:80",
        "tcp://[fe80::1]:80",
        "grpc://[fd00:ec2::254]:50051",
        "dns://example.org?type=TXT&server=169.254.169.253",
    ]
    .iter()
    .enumerate()
    {
        writeln!(yaml, "- {{id: e{index}, name: E, url: '{url}'}}").unwrap();
    }
    for trial in trials(&yaml, true).await {
        let fault = trial.fault.unwrap_or_default();
        assert!(
            fault.contains("refused: leads to"),
            "{}: {fault}",
            trial.name
        );
    }
}

#[tokio::test]
async fn nothing_that_an_answer_said_is_told() {
    let url = format!("url: 'http://127.0.0.1:{}/'", server().await);
    let rows = [
        "expectedBodyContains: other",
        "expectedBodyMatches: '^other'",
        "expectedJson: [{ pointer: /password, equals: guess }]",
        "expectedJson: [{ pointer: /user }]",
    ];
    let mut yaml = "endpoints:\n".to_owned();
    for (index, expectation) in rows.iter().enumerate() {
        writeln!(yaml, "- {{id: e{index}, name: E, {url}, {expectation}}}").unwrap();
    }
    let fault = |trial: Trial| trial.fault.unwrap();
    let near: Vec<_> = trials(&yaml, false).await.into_iter().map(fault).collect();
    assert!(near[2].contains("guess"), "{near:?}");
    let far: Vec<_> = trials(&yaml, true).await.into_iter().map(fault).collect();
    assert_eq!(far, ["the body is not as expected"; 4]);
    let status = format!("endpoints: [{{id: e, name: E, {url}, expectedStatus: 404}}]");
    let told = trials(&status, true).await.remove(0);
    assert_eq!(told.fault.unwrap(), "answered 200 OK, expected 404");
}

#[tokio::test]
async fn where_a_redirect_leads_is_not_told() {
    for place in [
        "http://s3cret.invalid/",
        "http://169.254.169.254/s3cret",
        "http://127.0.0.1:1/s3cret",
    ] {
        let head = format!(
            "HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let yaml = format!(
            "endpoints: [{{id: e, name: E, url: 'http://127.0.0.1:{}/'}}]",
            answering(head).await
        );
        let told = trials(&yaml, true).await.remove(0);
        let expected = "the redirect leads to where no answer comes from";
        assert_eq!(told.fault.unwrap(), expected, "{place}");
    }
}
