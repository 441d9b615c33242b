//! A listener for connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::error::chain;
use opspilot_core::module::{Context, HealthStatus, RunError, Tasks};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::config::Endpoint;
use super::connection::{Connection, Wire};
use super::meters::Refusal;
use super::shared::Shared;
use crate::listen::bind;
use crate::listen::peers::Place;
use crate::listen::tls::RenewingTls;

/// How long a peer may take to agree on encryption.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The pause after a connection could not be accepted, for want of descriptors for example.
const PAUSE: Duration = Duration::from_millis(200);

/// A listener for connections.
#[derive(Debug)]
pub(super) struct Acceptor {
    shared: Arc<Shared>,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<RenewingTls>>,
}

impl Acceptor {
    /// Reads certificates, where there are any, and listens.
    pub(super) async fn open(
        cx: &Context,
        shared: Arc<Shared>,
        endpoint: &Endpoint,
    ) -> Result<Self, RunError> {
        let tls = match endpoint.tls.clone() {
            Some(files) => {
                let opened = cx.tasks.blocking(|| RenewingTls::open(files)).await?;
                let opened = opened.map_err(|error| RunError::new("cannot use TLS", error))?;
                Some(Arc::new(opened))
            }
            None => None,
        };
        let listener = bind::tcp(endpoint.address)
            .map_err(|error| RunError::new("cannot take connections", error))?;
        Ok(Self {
            address: listener.local_addr().unwrap_or(endpoint.address),
            shared,
            listener,
            tls,
        })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its certificates, which may be renewed.
    pub(super) fn tls(&self) -> Option<Arc<RenewingTls>> {
        self.tls.clone()
    }

    /// Takes connections until the module stops.
    pub(super) async fn run(self, tasks: Tasks) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shared.cancel.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.take(&tasks, stream, peer),
                Err(error) => self.pause(&error).await,
            }
        }
    }

    fn take(&self, tasks: &Tasks, stream: TcpStream, peer: SocketAddr) {
        let shared = Arc::clone(&self.shared);
        let place = match shared.connections.admit(peer.ip().to_canonical()) {
            Ok(place) => place,
            Err(refused) => {
                shared.meters.refused(Refusal::Limit);
                shared.troubles.note("connections", || {
                    format!("a connection from {peer} was refused: {refused} (`maxConnections`, `maxConnectionsPerPeer`)")
                });
                return;
            }
        };
        // A peer that is gone already shows when it is read.
        let _kept = bind::keep_alive(&stream);
        match &self.tls {
            None => tasks.spawn(
                "connection",
                serve(shared, Wire::Plain(stream), peer, place),
            ),
            Some(tls) => {
                let acceptor = tls.acceptor();
                tasks.spawn("connection", async move {
                    let shaking = timeout(HANDSHAKE, acceptor.accept(stream));
                    let shaken = tokio::select! {
                        () = shared.cancel.cancelled() => return,
                        shaken = shaking => shaken,
                    };
                    match shaken {
                        Ok(Ok(stream)) => {
                            serve(shared, Wire::Tls(Box::new(stream)), peer, place).await;
                        }
                        Ok(Err(error)) => refuse(&shared, peer, &explain(&error)),
                        Err(_) => refuse(&shared, peer, "it did not begin in time"),
                    }
                });
            }
        }
    }

    async fn pause(&self, error: &io::Error) {
        // The peer gave up before it was its turn.
        if error.kind() == io::ErrorKind::ConnectionAborted {
            return;
        }
        let address = self.address;
        self.shared.troubles.note("accept", || {
            format!("cannot take connections on {address}: {error}; if files are short, raise the limit (`ulimit -n`) or lower `maxConnections`")
        });
        tokio::select! {
            () = self.shared.cancel.cancelled() => {}
            () = sleep(PAUSE) => {}
        }
    }
}

async fn serve(shared: Arc<Shared>, wire: Wire, peer: SocketAddr, place: Place) {
    Connection::new(shared, wire, peer).run().await;
    drop(place);
}

fn refuse(shared: &Shared, peer: SocketAddr, reason: &str) {
    shared.meters.refused(Refusal::Handshake);
    shared
        .troubles
        .note("handshake", || format!("no TLS with {peer}: {reason}"));
}

/// Says what a failed handshake means.
fn explain(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidMessage(_)) => {
            "it sends plain text: have it use TLS, or send to a listener with the protocol `tcp`"
                .to_owned()
        }
        Some(rustls::Error::NoCertificatesPresented) => {
            "it shows no certificate, and `clientCaFile` asks for one".to_owned()
        }
        Some(rustls::Error::InvalidCertificate(reason)) => {
            format!("its certificate is refused: {reason}")
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            format!(
                "it refuses our certificate or offer ({alert:?}): does it trust the authority behind `certFile`?"
            )
        }
        _ => error.to_string(),
    }
}

/// Reads certificates again that were written since; where that fails the old ones stay in use.
pub(super) async fn renew(cx: &Context, renewing: &[Arc<RenewingTls>]) -> Result<(), RunError> {
    for (index, tls) in renewing.iter().enumerate() {
        let tls = Arc::clone(tls);
        let cause = format!("certificate{index}");
        match cx.tasks.blocking(move || tls.renew()).await? {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!(module = cx.id, "a renewed certificate is in use");
                cx.health.clear(&cause);
            }
            Err(error) => {
                let message = format!("the old certificate stays in use: {}", chain(&error));
                cx.health.raise(cause, HealthStatus::Degraded, message);
            }
        }
    }
    Ok(())
}
