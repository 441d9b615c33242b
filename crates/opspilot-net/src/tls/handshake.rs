//! Handshakes, and what a failed one means.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::RenewingTls;

/// How long a peer may take to agree on encryption.
const PATIENCE: Duration = Duration::from_secs(10);

impl RenewingTls {
    /// Agrees on encryption with a peer, with the certificate that is present now.
    ///
    /// # Errors
    /// Why not, for people.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn accept(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let shaken = timeout(PATIENCE, self.acceptor().accept(stream)).await;
        match shaken {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(explain(&error)),
            Err(_) => Err("it did not begin in time".to_owned()),
        }
    }
}

fn explain(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidMessage(_)) => {
            "it sends plain text: have it use TLS, or send to a listener without".to_owned()
        }
        Some(rustls::Error::NoCertificatesPresented) => {
            "it shows no certificate, and `clientCaFile` asks for one".to_owned()
        }
        Some(rustls::Error::InvalidCertificate(reason)) => {
            format!("its certificate is refused: {reason}")
        }
        Some(rustls::Error::NoApplicationProtocol) => {
            "it speaks another protocol than the one that is served here".to_owned()
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            format!(
                "it refuses our certificate or offer ({alert:?}): does it trust the authority behind `certFile`?"
            )
        }
        _ => error.to_string(),
    }
}
