//! Whom a proxy speaks for.
//!
//! The server speaks plain HTTP, so whoever is not on this machine comes through a proxy that speaks TLS. To the kernel
//! all of them have its address: one of them could use up the attempts of the others, and the audit log would name the
//! proxy. So a proxy that the configuration names is believed when it says whom it speaks for, and nobody else is.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName};
use opspilot_core::address::IpNet;
use opspilot_core::config::Auth;
use opspilot_net::Peer;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies of `auth.trustedProxies`.
#[derive(Debug)]
pub(super) struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Those that `auth` names, if credentials are asked for.
    pub(super) fn new(auth: Option<&Auth>) -> Self {
        let auth = auth.filter(|auth| auth.enabled);
        Self(auth.map(Auth::proxies).unwrap_or_default())
    }

    /// Gives a request that a proxy handed on to the client that it came from.
    pub(super) fn see_through(&self, request: &mut Request) {
        let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() else {
            return;
        };
        let client = self.client(peer.ip(), request.headers());
        if client != peer.ip().to_canonical() {
            // The client's port is not told.
            let peer = Peer(SocketAddr::new(client, 0));
            request.extensions_mut().insert(peer);
        }
    }

    /// The last one on the way here that is no proxy of ours. Each proxy appends whom it hears; what stands before the
    /// first that is not believed may be made up.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        while self.0.iter().any(|network| network.contains(&client)) {
            let Some(address) = hops.next().and_then(address) else {
                break;
            };
            client = address;
        }
        client
    }
}

/// An address as proxies write it, with a port or without.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop.trim_ascii()).ok()?;
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    let address = text.parse().ok().or_else(with_port)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, lines: &[&str]) -> String {
        let auth = Auth {
            enabled: true,
            trusted_proxies: vec!["10.0.0.0/8".into(), "127.0.0.1".into()],
            ..Auth::default()
        };
        let lines = lines
            .iter()
            .map(|line| (FORWARDED_FOR, line.parse().unwrap()));
        let headers: HeaderMap = lines.collect();
        let found = Proxies::new(Some(&auth)).client(peer.parse().unwrap(), &headers);
        found.to_string()
    }

    #[test]
    fn only_proxies_of_ours_are_believed_and_only_what_they_say_themselves() {
        let rows: &[(&str, &[&str], &str)] = &[
            ("10.0.0.1", &["192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("192.0.2.1", &["192.0.2.7"], "192.0.2.1"),
            // Made up by the client, and appended to by the proxy.
            ("10.0.0.1", &["198.51.100.9, 192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["198.51.100.9", "192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["10.9.9.9, 192.0.2.7"], "192.0.2.7"),
            // Through two proxies.
            (
                "127.0.0.1",
                &["198.51.100.9, 192.0.2.7, 10.0.0.1"],
                "192.0.2.7",
            ),
            ("127.0.0.1", &["192.0.2.7", "10.0.0.1"], "192.0.2.7"),
            ("127.0.0.1", &["10.0.0.2, 10.0.0.1"], "10.0.0.2"),
            // What cannot be read ends the way.
            ("10.0.0.1", &["192.0.2.7, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.7,"], "10.0.0.1"),
            ("127.0.0.1", &["192.0.2.7, , 10.0.0.1"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.7:4711"], "192.0.2.7"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("::ffff:10.0.0.1", &["::ffff:192.0.2.7"], "192.0.2.7"),
        ];
        for (peer, lines, expected) in rows {
            assert_eq!(client(peer, lines), *expected, "{peer} {lines:?}");
        }
    }
}
