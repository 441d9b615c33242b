//! The socket of one client: messages in, shared frames out.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::{SinkExt as _, StreamExt as _};
use opspilot_net::Upgraded;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::meter::Metered;

/// The largest message of a client, and the largest frame, in bytes.
const LARGEST: usize = 16 * 1024;

/// How much is read at once. Clients send little, and the buffer is there for every one of them.
const READ: usize = 1_024;

/// How much of pings, pongs and closes may wait.
const OWN_FRAMES: usize = 4 * 1_024;

/// How many frames are given to the system at once.
const SLICES: usize = 64;

/// How long a client may take to hear that its connection ends.
const LINGER: Duration = Duration::from_secs(1);

/// The socket of one client.
#[derive(Debug)]
pub(super) struct Pipe {
    codec: WebSocketStream<Metered>,
    /// Whole frames that wait to be written; of the first one a part may be.
    queue: VecDeque<Bytes>,
    is_torn: bool,
}

/// Why a conversation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The client left, or its connection broke.
    Gone,
    /// The client gives no sign of life.
    Silent,
    /// The client does not read.
    Stalled,
    /// The server, or the module, stops.
    Stopping,
    /// The credential does not let anybody in any more.
    Unwelcome,
    /// The client says more than it may.
    Talkative,
    /// A message or frame is larger than allowed.
    TooLarge,
    /// A frame breaks the protocol.
    Malformed,
    /// A text is not UTF-8.
    NotText,
    /// A binary message.
    Binary,
}

impl Pipe {
    /// The server's end of `stream`.
    pub(super) async fn new(stream: Upgraded) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(0)
            .max_write_buffer_size(OWN_FRAMES)
            .max_message_size(Some(LARGEST))
            .max_frame_size(Some(LARGEST));
        Self {
            codec: WebSocketStream::from_raw_socket(
                Metered::new(stream),
                Role::Server,
                Some(config),
            )
            .await,
            queue: VecDeque::new(),
            is_torn: false,
        }
    }

    /// The next message. A ping is answered by the time of the next call.
    ///
    /// # Errors
    /// Why there is none.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Message, Ending> {
        match self.codec.next().await {
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) => Err(Ending::of(&error)),
            None => Err(Ending::Gone),
        }
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(super) async fn ping(&mut self) -> Result<(), Ending> {
        let sent = self.codec.send(Message::Ping(Bytes::new())).await;
        sent.map_err(|error| Ending::of(&error))
    }

    /// Puts a whole frame at the end of the queue.
    pub(super) fn push(&mut self, frame: Bytes) {
        self.queue.push_back(frame);
    }

    /// How many frames wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Writes the frames that wait past the codec, as they are, so that all clients share their bytes.
    ///
    /// # Errors
    /// When the connection is broken, or its client does not read.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing; what was not written still waits.
    pub(super) async fn write(&mut self) -> Result<(), Ending> {
        // Invariant: between two whole frames anybody may write. The codec's own frames are out after this.
        let flushed = self.codec.flush().await;
        flushed.map_err(|error| Ending::of(&error))?;
        while !self.queue.is_empty() {
            let written = self.write_some().await;
            let written = written.map_err(|error| Ending::of_broken(&error))?;
            if written == 0 {
                return Err(Ending::Gone);
            }
            self.advance(written);
        }
        Ok(())
    }

    async fn write_some(&mut self) -> std::io::Result<usize> {
        let Self { codec, queue, .. } = self;
        poll_fn(|cx| {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = slices.iter_mut().zip(&*queue);
            let count = filled
                .map(|(slice, frame)| *slice = IoSlice::new(frame))
                .count();
            let slices = slices.get(..count).unwrap_or_default();
            Pin::new(codec.get_mut()).poll_write_vectored(cx, slices)
        })
        .await
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.queue.front_mut().filter(|_| written > 0) {
            let part = written.min(first.len());
            first.advance(part);
            written -= part;
            self.is_torn = !first.is_empty();
            if !self.is_torn {
                self.queue.pop_front();
            }
        }
    }

    /// Ends the connection, and says why where somebody is there to hear it.
    pub(super) async fn close(mut self, ending: Ending) {
        let Some((code, reason)) = ending.code() else {
            return;
        };
        let farewell = async {
            self.queue.truncate(usize::from(self.is_torn));
            self.write().await.ok();
            let reason = Utf8Bytes::from_static(reason);
            let close = Message::Close(Some(CloseFrame { code, reason }));
            self.codec.send(close).await.ok();
            let stream = self.codec.get_mut().unmetered();
            stream.shutdown().await.ok();
            // What the client sent meanwhile is read: unread bytes would reset the connection before it has heard.
            let mut rest = [0; 256];
            while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
        };
        tokio::time::timeout(LINGER, farewell).await.ok();
    }
}

impl Ending {
    fn of(error: &Error) -> Self {
        match error {
            Error::Io(error) => Self::of_broken(error),
            Error::Capacity(_) => Self::TooLarge,
            Error::Utf8(_) => Self::NotText,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Gone,
            Error::Protocol(_) => Self::Malformed,
            _ => Self::Gone,
        }
    }

    /// A connection times out when nothing of what is written is read, and has a quota for what the client sends.
    fn of_broken(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::QuotaExceeded => Self::Talkative,
            std::io::ErrorKind::TimedOut => Self::Stalled,
            _ => Self::Gone,
        }
    }

    /// The code and the words of the close frame (RFC 6455, section 7.4.1); `None` where nobody hears them.
    const fn code(self) -> Option<(CloseCode, &'static str)> {
        Some(match self {
            Self::Gone | Self::Silent | Self::Stalled => return None,
            Self::Stopping => (
                CloseCode::Away,
                "the server stops; come back with the last `id`",
            ),
            Self::Unwelcome => (CloseCode::Policy, "the credential is not valid any more"),
            Self::Talkative => (CloseCode::Policy, "too much is sent"),
            Self::TooLarge => (CloseCode::Size, "a message is larger than 16 KiB"),
            Self::Malformed => (CloseCode::Protocol, "a frame breaks the protocol"),
            Self::NotText => (CloseCode::Invalid, "a text is not UTF-8"),
            Self::Binary => (CloseCode::Unsupported, "messages are text"),
        })
    }

    /// The reason as it is counted.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Silent => "silent",
            Self::Stalled => "stalled",
            Self::Stopping => "stopping",
            Self::Unwelcome => "credential",
            Self::Talkative => "rate",
            Self::TooLarge => "size",
            Self::Malformed | Self::NotText | Self::Binary => "malformed",
        }
    }
}
