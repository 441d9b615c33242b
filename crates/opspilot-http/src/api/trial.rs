//! Listens once and lets go: for `check --online`.

use std::error::Error as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use opspilot_core::error::chain;
use opspilot_core::module::{Found, Trial, TrialContext};
use opspilot_net::bind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::config::Options;

/// How long whoever listens may take to say who it is, and how much of that is read.
const PATIENCE: Duration = Duration::from_secs(2);
const LONGEST: u64 = 64 << 10;

/// Listens where the API would.
pub(super) async fn try_address(options: &Options, cx: &TrialContext) -> Trial {
    cx.attempt(options.url(options.address), listen(options))
        .await
}

async fn listen(options: &Options) -> Found {
    let Err(error) = bind(options.address, "modules.ui.api") else {
        return Ok(None);
    };
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    let is_taken = cause.is_some_and(|cause| cause.kind() == io::ErrorKind::AddrInUse);
    let asked = async { is_taken && is_own(options).await };
    if tokio::time::timeout(PATIENCE, asked).await.unwrap_or(false) {
        let note = "an OpsPilot that is running listens there; a second one needs another `modules.ui.api.port`";
        return Ok(Some(note.to_owned()));
    }
    Err(chain(&error))
}

/// True if the API of an OpsPilot answers, whether or not it asks who is calling.
async fn is_own(options: &Options) -> bool {
    let host: IpAddr = match options.address.ip() {
        host if !host.is_unspecified() => host,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let address = SocketAddr::new(host, options.address.port());
    let request = format!(
        "GET {}/health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n",
        options.base_path
    );
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(LONGEST).read_to_end(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    let answer = ask.await.unwrap_or_default();
    let text = String::from_utf8_lossy(&answer);
    ["\"status\":", "\"uptime\":", "\"modules\":"]
        .iter()
        .all(|key| text.contains(key))
}
