//! Which addresses are probed (SECURITY.md, section 6).
//!
//! A probe inside the house is the normal case and its address comes from the operator's own file, so private and
//! loopback addresses are allowed. Link-local and metadata addresses are what an attacker wants reached: they are refused
//! in every spelling unless their network is listed. A redirect comes from the peer: it leads no further inside than the
//! peer itself is. The address that was checked is the one that is connected to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use opspilot_core::address::{refused, unwrapped};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::failure::Failure;

/// How far inside an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    /// Reached by everybody.
    Public,
    /// Reached in a house.
    Private,
    /// Reached on this machine.
    Loopback,
}

/// What may be connected to.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    networks: Arc<[IpNet]>,
    deepest: Depth,
}

/// An address that is not probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused(&'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: leads to {} (`allowedNetworks`)", self.0)
    }
}

impl std::error::Error for Refused {}

impl Reach {
    /// Everything but link-local and metadata addresses, and those too if they are in `networks`.
    pub(super) fn new(networks: &[IpNet]) -> Self {
        Self {
            networks: networks.into(),
            deepest: Depth::Loopback,
        }
    }

    /// The reach of a redirect that comes from `peer`.
    pub(super) fn behind(&self, peer: Option<IpAddr>) -> Self {
        Self {
            networks: Arc::clone(&self.networks),
            deepest: peer.map_or(Depth::Public, depth),
        }
    }

    /// Looks whether `address` may be connected to.
    ///
    /// # Errors
    /// When it may not.
    pub(super) fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let plain = unwrapped(address);
        let is_listed = self
            .networks
            .iter()
            .any(|network| network.contains(&plain) || network.contains(&address));
        if is_listed {
            return Ok(());
        }
        if let Some(reason) = refused(plain) {
            return Err(Refused(reason));
        }
        if depth(plain) > self.deepest {
            return Err(Refused("an inner address, by a redirect from outside"));
        }
        Ok(())
    }

    /// The addresses of a host, all of which may be connected to: a name that leads to a good and a bad address is
    /// somebody's trick.
    ///
    /// # Errors
    /// When there are none, or one is refused.
    pub(super) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
        let found = tokio::net::lookup_host((host, port)).await;
        let found: Vec<_> = found
            .map_err(|error| Failure::resolver(host, &error))?
            .collect();
        for address in &found {
            self.check(address.ip())
                .map_err(|refused| Failure::new(format!("`{host}` {refused}")))?;
        }
        if found.is_empty() {
            return Err(Failure::new(format!("DNS: `{host}` has no address")));
        }
        Ok(found)
    }
}

impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.clone();
        Box::pin(async move {
            let found = Self::resolve(&reach, name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn depth(address: IpAddr) -> Depth {
    match unwrapped(address) {
        IpAddr::V4(address) => match address.octets() {
            [127, ..] => Depth::Loopback,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Depth::Private,
            _ => Depth::Public,
        },
        IpAddr::V6(address) => match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Depth::Loopback,
            [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Depth::Private,
            _ => Depth::Public,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reach: &Reach, address: &str) -> bool {
        reach.check(address.parse().unwrap()).is_ok()
    }

    const METADATA: [&str; 12] = [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "2001:0:1:2:3:4:5601:5601",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "0.0.0.0",
        "::",
        "224.0.0.1",
    ];

    #[test]
    fn metadata_is_out_of_reach_in_every_spelling_unless_listed() {
        let reach = Reach::new(&[]);
        for address in METADATA {
            assert!(!check(&reach, address), "{address}");
        }
        for address in ["127.0.0.1", "10.1.2.3", "::1", "fd00::1", "1.1.1.1"] {
            assert!(check(&reach, address), "{address}");
        }
        let reach = Reach::new(&["169.254.0.0/16".parse().unwrap()]);
        assert!(check(&reach, "169.254.169.254"));
        assert!(!check(&reach, "fe80::1"));
    }

    #[test]
    fn a_redirect_leads_no_further_inside() {
        let reach = Reach::new(&["10.9.0.0/16".parse().unwrap()]);
        let from = |peer: &str| reach.behind(Some(peer.parse().unwrap()));
        let rows = [
            ("1.1.1.1", "8.8.8.8", true),
            ("1.1.1.1", "10.0.0.1", false),
            ("1.1.1.1", "10.9.0.1", true),
            ("1.1.1.1", "127.0.0.1", false),
            ("10.0.0.1", "192.168.0.1", true),
            ("10.0.0.1", "::ffff:127.0.0.1", false),
            ("127.0.0.1", "10.0.0.1", true),
            ("127.0.0.1", "169.254.169.254", false),
        ];
        for (peer, address, expected) in rows {
            assert_eq!(check(&from(peer), address), expected, "{peer} to {address}");
        }
        assert!(!check(&reach.behind(None), "10.0.0.1"));
    }

    #[tokio::test]
    async fn a_name_is_checked_in_every_spelling() {
        for host in [
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "169.254.43518",
        ] {
            let failure = Reach::new(&[]).resolve(host, 80).await.unwrap_err();
            assert!(failure.to_string().contains("link-local"), "{failure}");
        }
    }
}
