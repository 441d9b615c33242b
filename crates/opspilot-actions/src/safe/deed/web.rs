//! The one place of this crate that makes HTTP clients, and what they may reach (SECURITY.md, section 6).
//!
//! An action is meant for the hosts that its entry names. Every address that a host's name leads to is checked, and the
//! address that was checked is the one that is connected to. Redirects are not followed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::address::{refused, unwrapped};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

/// How much of an answer is kept, in bytes. The rest is not read.
pub(crate) const ANSWER_LIMIT: usize = 64 * 1024;

/// Which networks the names of hosts may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The public ones.
    Public,
    /// Private and loopback networks too.
    Private,
}

/// The beginning of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: reqwest::StatusCode,
    pub(crate) text: String,
    pub(crate) is_cut: bool,
}

/// A client whose requests end after `timeout`.
///
/// # Errors
/// When the system's certificates cannot be read.
pub(crate) fn client(reach: Reach, timeout: Duration) -> Result<Client, reqwest::Error> {
    // It fails when a provider is installed already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout)
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("opspilot/", env!("CARGO_PKG_VERSION")))
        .pool_max_idle_per_host(0)
        .dns_resolver(Arc::new(Guarded(reach)))
        .build()
}

/// The beginning of `response`.
///
/// # Errors
/// When the connection fails.
pub(crate) async fn read(mut response: Response) -> Result<Answer, reqwest::Error> {
    let status = response.status();
    let (mut body, mut is_cut) = (Vec::new(), false);
    while let Some(chunk) = response.chunk().await? {
        let room = ANSWER_LIMIT - body.len();
        body.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
        if chunk.len() > room {
            is_cut = true;
            break;
        }
    }
    Ok(Answer {
        status,
        text: String::from_utf8_lossy(&body).into_owned(),
        is_cut,
    })
}

/// Reads an address that requests are sent to.
///
/// # Errors
/// When it is not one, holds a name or password, or leads where no request must go. The message does not repeat it.
pub(crate) fn parse_url(text: &str) -> Result<Url, String> {
    if text
        .chars()
        .any(|c| c.is_control() || c == '\\' || c.is_whitespace())
    {
        return Err(
            "a URL has no spaces, backslashes, line breaks or other control characters".to_owned(),
        );
    }
    let url = Url::parse(text)
        .map_err(|fault| format!("not a URL ({fault}): write one that starts with `https://`"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("only `http` and `https` URLs can be asked".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a name or password in a URL ends up in logs: use `headers`".to_owned());
    }
    match address(&url).and_then(refused) {
        Some(reason) => Err(format!("the host is {reason}: it is never asked")),
        None => Ok(url),
    }
}

/// The host of `url`, if it is an address.
pub(crate) fn address(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

/// Why an address is asked only where the configuration allows private ones; `None` if it is public.
pub(crate) fn private(address: IpAddr) -> Option<&'static str> {
    match unwrapped(address) {
        IpAddr::V4(address) => match address.octets() {
            [127, ..] => Some("a loopback address"),
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("a private address"),
            [100, 64..=127, ..] => Some("a carrier's private address"),
            [192, 0, 0, _]
            | [192, 0, 2, _]
            | [198, 18..=19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _] => Some("an address of no public host"),
            _ => None,
        },
        IpAddr::V6(address) => match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback address"),
            [0xfc00..=0xfdff, ..] => Some("a private address"),
            [0xfec0..=0xfeff, ..] | [0x2001, 0xdb8, ..] | [0x100, 0, 0, 0, ..] => {
                Some("an address of no public host")
            }
            _ => None,
        },
    }
}

/// The system's resolver without the addresses that are refused.
struct Guarded(Reach);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(allowed(found, reach)?.into_iter()) as Addrs)
        })
    }
}

/// The addresses that a name leads to.
///
/// # Errors
/// When any of them is refused: a name that leads to a good and a bad address is somebody's trick.
fn allowed(
    found: impl Iterator<Item = SocketAddr>,
    reach: Reach,
) -> Result<Vec<SocketAddr>, String> {
    let found: Vec<_> = found.collect();
    let refused = found.iter().find_map(|address| {
        let is_closed = reach == Reach::Public;
        refused(address.ip()).or_else(|| private(address.ip()).filter(|_| is_closed))
    });
    match refused {
        Some(reason) => Err(format!("the name leads to {reason}")),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests;
