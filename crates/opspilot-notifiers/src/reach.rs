//! Reaches the host of a web hook without a request: for `check --online`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use opspilot_core::error::chain;
use opspilot_core::module::Found;
use reqwest::Url;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::http;

/// Connects to the host of `url`, and agrees on encryption where it is `https`; sends no request. The messages never
/// name the path of the URL.
pub(crate) async fn reach(url: &Url) -> Found {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let bare = host.trim_matches(['[', ']']);
    let found = tokio::net::lookup_host((bare, port))
        .await
        .map_err(|error| format!("the name `{host}` is not found: correct it, or mend the DNS of this machine: {error}"))?;
    let allowed = http::allowed(found)?;
    let stream = connect(&allowed).await?;
    if url.scheme() == "https" {
        shake(stream, bare).await?;
    }
    let note =
        "connected, and nothing sent: whether the receiver accepts the credentials is not tried";
    Ok(Some(note.to_owned()))
}

/// Connects to the first address that answers.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut faults = Vec::new();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => faults.push(format!("cannot reach {address}: {}", unreached(&error))),
        }
    }
    faults.truncate(3);
    Err(faults.join("; "))
}

fn unreached(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "connection refused: start the receiver, or correct the port".to_owned()
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("{error}: correct the host, or mend the route to it")
        }
        _ => error.to_string(),
    }
}

async fn shake(stream: TcpStream, host: &str) -> Result<(), String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let no_trust = |error: &rustls::Error| {
        format!("this system trusts no certificates: install `ca-certificates`: {error}")
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier())
        .map_err(|error| no_trust(&error))?
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| format!("`{host}` is no name that a certificate could be for"))?;
    let connector = TlsConnector::from(Arc::new(config));
    match connector.connect(name, stream).await {
        Ok(_) => Ok(()),
        Err(error) => Err(unshaken(&error)),
    }
}

/// Why there is no encryption, by the cause that rustls names.
fn unshaken(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "its certificate has an issuer that this system does not trust: add that one to the certificates of the system \
             (`update-ca-certificates`)"
                .to_owned()
        }
        Some(rustls::Error::InvalidCertificate(fault)) => {
            format!("its certificate is not accepted: {fault}")
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            "it does not speak TLS: write `http://`, or correct the port".to_owned()
        }
        _ => format!("no TLS: {}", chain(error)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    async fn reached(url: &str) -> Found {
        reach(&url.parse().unwrap()).await
    }

    #[tokio::test]
    async fn a_host_is_connected_to_and_nothing_is_sent() {
        let (listener, port) = listener().await;
        let url = format!("http://127.0.0.1:{port}/t0ken");
        let taken = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut sent = Vec::new();
            stream.read_to_end(&mut sent).await.unwrap();
            sent
        };
        let (found, sent) = tokio::join!(reached(&url), taken);
        assert!(found.is_ok() && sent.is_empty(), "{found:?} {sent:?}");
    }

    #[tokio::test]
    async fn faults_say_the_way_out_and_never_the_path() {
        let (refusing, port) = listener().await;
        drop(refusing);
        let (plain, plain_port) = listener().await;
        let answer = async {
            let (mut stream, _) = plain.accept().await.unwrap();
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap();
            let _read = stream.read(&mut [0; 4096]).await;
        };
        let rows = [
            (
                format!("http://127.0.0.1:{port}/t0ken"),
                "start the receiver",
            ),
            (
                "http://nowhere.invalid/t0ken".to_owned(),
                "`nowhere.invalid` is not found",
            ),
            (
                format!("https://127.0.0.1:{plain_port}/t0ken"),
                "does not speak TLS",
            ),
        ];
        let all = async {
            for (url, words) in &rows {
                let fault = reached(url).await.unwrap_err();
                assert!(fault.contains(words) && !fault.contains("t0ken"), "{fault}");
            }
        };
        tokio::join!(all, answer);
    }
}
