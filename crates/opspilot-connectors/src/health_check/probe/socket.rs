//! Connections and handshakes.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::super::config::CheckedEndpoint;
use super::super::failure::Failure;
use super::super::target::Place;
use super::super::tls;
use super::{Answer, Network};

pub(super) async fn tcp(network: &Network, place: &Place) -> Result<Answer, Failure> {
    connect(network, place).await.map(|_| Answer::default())
}

pub(super) async fn tls(
    network: &Network,
    endpoint: &CheckedEndpoint,
    place: &Place,
) -> Result<Answer, Failure> {
    let name = ServerName::try_from(place.host.clone()).map_err(|_| {
        Failure::new(format!(
            "`{}` cannot be the name in a certificate",
            place.host
        ))
    })?;
    let config = network.tls(endpoint, &[]).await?;
    let stream = connect(network, place).await?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| Failure::of(&error))?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    Ok(Answer {
        status: None,
        certificate_end: chain
            .first()
            .and_then(|certificate| tls::end_of(certificate)),
    })
}

/// Connects to the first address that answers, of those that were checked.
async fn connect(network: &Network, place: &Place) -> Result<TcpStream, Failure> {
    let mut failure = None;
    for address in network.reach.resolve(&place.host, place.port).await? {
        match TcpStream::connect::<SocketAddr>(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Some(Failure::of(&error)),
        }
    }
    Err(failure.unwrap_or_else(|| Failure::new("no address to connect to")))
}
