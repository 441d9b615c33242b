//! Encryption, with certificates made by openssl.

use std::path::Path;

use tokio_rustls::client::TlsStream;

use super::peers::relay;
use super::*;
use crate::listen::papers::Papers;

fn yaml(papers: &Papers, with_clients: bool) -> String {
    let tls = papers.tls(with_clients);
    format!("{{protocol: tls, port: 0, tls: {tls}}}")
}

#[tokio::test]
async fn a_client_with_a_certificate_is_served_and_named() {
    let Some(papers) = Papers::new() else { return };
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &yaml(&papers, true)).await;
    let mut peer = papers
        .connect(running.addresses[0], Some("client"), &[])
        .await
        .unwrap();
    let long = "z".repeat(6000);
    peer.write_all(format!("<13>1 - h a - - - one\n6022 <13>1 - h a - - - {long}").as_bytes())
        .await
        .unwrap();
    peer.flush().await.unwrap();
    let first = running.records(1).await;
    assert_eq!(first[0].text, "one");
    assert_eq!(first[0].attributes["protocol"], "tls");
    let fingerprint = first[0].attributes["clientCertificateSha256"]
        .as_str()
        .unwrap();
    assert_eq!(fingerprint.len(), 64);
    // The peer leaves without saying so, as many do.
    let (stream, _) = peer.into_inner();
    drop(stream);
    if first.len() < 2 {
        assert_eq!(running.texts(1).await, [long]);
    }
    running.stop().await;
}

#[tokio::test]
async fn every_refusal_says_why_once_and_others_are_served() {
    let Some(papers) = Papers::new() else { return };
    for (kind, expected) in [
        (
            "none",
            "it shows no certificate, and `clientCaFile` asks for one",
        ),
        ("foreign", "its certificate is refused"),
        ("plain", "it sends plain text"),
    ] {
        let bench = Bench::new().await;
        let mut running = Running::start(&bench, &yaml(&papers, true)).await;
        for _ in 0..3 {
            if kind == "plain" {
                let mut peer = running.connect().await;
                peer.write_all(b"<13>Oct 11 22:14:15 host app: plain text\n")
                    .await
                    .unwrap();
                let mut rest = Vec::new();
                drop(tokio::io::AsyncReadExt::read_to_end(&mut peer, &mut rest).await);
            } else {
                let name = (kind == "foreign").then_some("foreign");
                // With TLS 1.3 a client learns of a refusal only when it reads.
                if let Ok(mut peer) = papers.connect(running.addresses[0], name, &[]).await {
                    let mut rest = Vec::new();
                    drop(tokio::io::AsyncReadExt::read_to_end(&mut peer, &mut rest).await);
                }
            }
        }
        waits_until(|| counted(&bench, "opspilot_syslog_refused_total") == 3).await;
        let message = running.health(HealthStatus::Degraded).await;
        assert!(message.contains(expected), "{kind}: {message}");
        let mut peer = papers
            .connect(running.addresses[0], Some("client"), &[])
            .await
            .unwrap();
        peer.write_all(b"<13>served\n").await.unwrap();
        peer.flush().await.unwrap();
        assert_eq!(running.texts(1).await, ["served"]);
        running.stop().await;
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let Some(papers) = Papers::new() else { return };
    let bench = Bench::new().await;
    std::fs::write(papers.path("empty.pem"), "nothing").unwrap();
    let place = papers.folder().display();
    for (cert, key, client, expected) in [
        (
            "missing.pem",
            "server.key",
            "ca.pem",
            "cannot read the certificate",
        ),
        (
            "empty.pem",
            "server.key",
            "ca.pem",
            "holds no certificate in the PEM form",
        ),
        (
            "server.pem",
            "empty.pem",
            "ca.pem",
            "holds no private key in the PEM form",
        ),
        (
            "server.pem",
            "client.key",
            "ca.pem",
            "cannot be used with the key",
        ),
        (
            "server.pem",
            "server.key",
            "empty.pem",
            "holds no client authority",
        ),
    ] {
        let yaml = format!(
            "{{protocol: tls, port: 0, tls: {{certFile: {place}/{cert}, keyFile: {place}/{key}, clientCaFile: {place}/{client}}}}}"
        );
        let mut module = Syslog::new(serde_saphyr::from_str(&yaml).unwrap()).unwrap();
        let error = module.init(&bench.context(&MANIFEST)).await.unwrap_err();
        let message = opspilot_core::error::chain(&error);
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart() {
    let Some(papers) = Papers::new() else { return };
    let bench = Bench::new().await;
    let running = Running::start(&bench, &yaml(&papers, false)).await;
    let shown =
        |peer: &TlsStream<TcpStream>| peer.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    let before = shown(
        &papers
            .connect(running.addresses[0], None, &[])
            .await
            .unwrap(),
    );
    papers.signed("server", "ca").unwrap();
    for _ in 0..500 {
        if let Ok(peer) = papers.connect(running.addresses[0], None, &[]).await
            && shown(&peer) != before
        {
            return running.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!(
        "the old certificate stays: {:?}",
        running.cx.health.current()
    );
}

#[tokio::test]
async fn rsyslogd_is_understood_over_tls_with_a_client_certificate() {
    let Some(papers) = Papers::new() else { return };
    if !Path::new("/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so").exists() {
        eprintln!("SKIPPED: rsyslog has no TLS: install rsyslog-gnutls");
        return;
    }
    let bench = Bench::new().await;
    let mut running = Running::start(&bench, &yaml(&papers, true)).await;
    let port = running.addresses[0].port();
    let place = papers.folder().display();
    let globals = format!(
        r#"defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{place}/ca.pem" defaultNetstreamDriverCertFile="{place}/client.pem" defaultNetstreamDriverKeyFile="{place}/client.key""#
    );
    let action = format!(
        r#"action(type="omfwd" Target="localhost" Port="{port}" Protocol="tcp" TCP_Framing="octet-counted" Template="RSYSLOG_SyslogProtocol23Format" StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost")"#
    );
    let Some(records) = relay(&mut running, &globals, &action).await else {
        return;
    };
    assert!(
        records[0]
            .attributes
            .contains_key("clientCertificateSha256")
    );
    running.stop().await;
}
