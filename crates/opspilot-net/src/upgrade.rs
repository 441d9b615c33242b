//! Connections that go on in another protocol (RFC 9110, section 7.8).

use std::io;

use hyper::Request;
use hyper_util::rt::TokioIo;

/// A connection behind a request that was upgraded: a stream of bytes that still fails when its reader stalls and still
/// counts among the open connections.
pub type Upgraded = TokioIo<hyper::upgrade::Upgraded>;

/// The connection of `request`, once the answer `101 Switching Protocols` is sent. The future is to be awaited
/// elsewhere than in the service that answers.
///
/// # Errors
/// When the request asks for no upgrade, or the connection ends before.
pub fn upgrade<B>(
    request: &mut Request<B>,
) -> impl Future<Output = io::Result<Upgraded>> + Send + use<B> {
    let upgrading = hyper::upgrade::on(request);
    async { upgrading.await.map(TokioIo::new).map_err(io::Error::other) }
}
