//! Where connections come from, and what those hear that are not served.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Protocol;
use super::wire::Wire;
use crate::peers::Refused;
use crate::tls::RenewingTls;

/// What a client of HTTP/1.1 is told when its machine has too many connections, and when all have.
const BUSY_PEER: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\n\
    Connection: close\r\nContent-Length: 0\r\n\r\n";
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
    Connection: close\r\nContent-Length: 0\r\n\r\n";

/// The same in HTTP/2: empty settings, and a farewell with the code ENHANCE_YOUR_CALM (RFC 9113, sections 6.5, 6.8 and 7),
/// which clients of gRPC take for RESOURCE_EXHAUSTED or UNAVAILABLE.
const GO_AWAY: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b";

/// How many clients are told at a time that they are too many; others are closed without a word.
const FAREWELLS: usize = 64;

/// How long that may take, and how much of what such a client sends is read.
const PATIENCE: Duration = Duration::from_secs(1);
const UNREAD: u64 = 64 << 10;

/// Why a connection is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unserved {
    /// There are as many as there may be.
    #[error(transparent)]
    Limit(#[from] Refused),
    /// Client and server did not agree on encryption.
    #[error("{0}")]
    Handshake(String),
}

/// Hears of each connection that is not served.
type Watch = dyn Fn(SocketAddr, &Unserved) + Send + Sync;

/// A bound socket, and how its connections are encrypted.
pub struct Listener {
    pub(super) socket: TcpListener,
    tls: Option<Arc<RenewingTls>>,
    watch: Option<Arc<Watch>>,
}

/// What is done before a connection is served.
#[derive(Clone)]
pub(super) struct Entrance {
    tls: Option<Arc<RenewingTls>>,
    watch: Option<Arc<Watch>>,
    farewells: Arc<Semaphore>,
}

/// The last words to a client.
pub(super) struct Farewell {
    words: &'static [u8],
    _permit: OwnedSemaphorePermit,
}

impl Farewell {
    /// Says them, and waits a moment for the client to close: what it sent unread would have the system reset the
    /// connection, and the words with it.
    pub(super) async fn say(self, mut stream: TcpStream) {
        let said = async {
            stream.write_all(self.words).await?;
            stream.shutdown().await?;
            let (mut rest, mut sink) = (stream.take(UNREAD), tokio::io::sink());
            tokio::io::copy(&mut rest, &mut sink).await
        };
        // A client that is gone already needs no answer.
        drop(timeout(PATIENCE, said).await);
    }
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self {
            socket,
            tls: None,
            watch: None,
        }
    }
}

impl Listener {
    /// The same, with encryption where some is given. Its protocols (ALPN) should be [`Protocol::names`].
    #[must_use]
    pub fn with_tls(self, tls: Option<Arc<RenewingTls>>) -> Self {
        Self { tls, ..self }
    }

    /// The same; `watch` hears of each connection that is not served.
    #[must_use]
    pub fn with_watch(self, watch: impl Fn(SocketAddr, &Unserved) + Send + Sync + 'static) -> Self {
        let watch: Arc<Watch> = Arc::new(watch);
        Self {
            watch: Some(watch),
            ..self
        }
    }

    pub(super) fn entrance(&self) -> Entrance {
        Entrance {
            tls: self.tls.clone(),
            watch: self.watch.clone(),
            farewells: Arc::new(Semaphore::new(FAREWELLS)),
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("socket", &self.socket)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Entrance {
    /// Agrees on encryption, where there is to be some.
    pub(super) async fn open(&self, stream: TcpStream, peer: SocketAddr) -> Option<Wire> {
        let Some(tls) = &self.tls else {
            return Some(Wire::Plain(stream));
        };
        match tls.accept(stream).await {
            Ok(stream) => Some(Wire::Tls(Box::new(stream))),
            Err(reason) => {
                self.tell(peer, &Unserved::Handshake(reason));
                None
            }
        }
    }

    /// Says why a connection is not served, and what its client should hear, if somebody may tell it.
    pub(super) fn refuse(
        &self,
        peer: SocketAddr,
        refused: Refused,
        protocol: Protocol,
    ) -> Option<Farewell> {
        self.tell(peer, &refused.into());
        let words = match (protocol, refused) {
            (Protocol::Http1, Refused::PeerFull(_)) => BUSY_PEER,
            (Protocol::Http1, Refused::Full(_)) => BUSY,
            (Protocol::Http2, _) => GO_AWAY,
        };
        // To agree on encryption first would cost what the limit saves.
        let permit = Arc::clone(&self.farewells).try_acquire_owned().ok();
        let permit = permit.filter(|_| self.tls.is_none())?;
        Some(Farewell {
            words,
            _permit: permit,
        })
    }

    fn tell(&self, peer: SocketAddr, unserved: &Unserved) {
        if let Some(watch) = &self.watch {
            watch(peer, unserved);
        }
    }
}
