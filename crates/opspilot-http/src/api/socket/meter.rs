//! A connection on which a client may send only so much.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use opspilot_net::Upgraded;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// How many bytes a client may send in a span. Parts of messages that never end count as well.
const BYTES: usize = 256 * 1_024;
const SPAN: Duration = Duration::from_secs(10);

/// Passes everything through; reading more than is allowed fails with [`io::ErrorKind::QuotaExceeded`].
#[derive(Debug)]
pub(super) struct Metered {
    stream: Upgraded,
    since: Instant,
    read: usize,
}

impl Metered {
    /// Nothing was read of `stream` yet.
    pub(super) fn new(stream: Upgraded) -> Self {
        Self {
            stream,
            since: Instant::now(),
            read: 0,
        }
    }

    /// The connection without the limit.
    pub(super) const fn unmetered(&mut self) -> &mut Upgraded {
        &mut self.stream
    }

    fn count(&mut self, bytes: usize) -> io::Result<()> {
        if self.since.elapsed() >= SPAN {
            (self.since, self.read) = (Instant::now(), 0);
        }
        self.read += bytes;
        match self.read > BYTES {
            true => Err(io::ErrorKind::QuotaExceeded.into()),
            false => Ok(()),
        }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let read = buffer.filled().len() - before;
        Poll::Ready(self.count(read))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
