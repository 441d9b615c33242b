//! A listener for connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::module::{Context, RunError, Tasks};
use opspilot_net::peers::Place;
use opspilot_net::tls::RenewingTls;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::config::Endpoint;
use super::connection::{Connection, Wire};
use super::meters::Refusal;
use super::shared::Shared;
use crate::listen::{bind, renewal};

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
            Some(files) => Some(renewal::open(cx, files, &[]).await?),
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
        let place = match shared.connections.admit(peer.ip()) {
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
                let tls = Arc::clone(tls);
                tasks.spawn("connection", async move {
                    let shaken = tokio::select! {
                        () = shared.cancel.cancelled() => return,
                        shaken = tls.accept(stream) => shaken,
                    };
                    match shaken {
                        Ok(stream) => {
                            serve(shared, Wire::Tls(Box::new(stream)), peer, place).await;
                        }
                        Err(reason) => refuse(&shared, peer, &reason),
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
