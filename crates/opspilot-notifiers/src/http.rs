//! The one place that makes HTTP clients, and what they may reach.
//!
//! A web hook inside the house is the normal case, and its address comes from the operator's own file, so private and
//! loopback addresses are allowed. Link-local and metadata addresses are never somebody's web hook, but what an attacker
//! wants reached (a cloud's credentials): they are refused in every spelling, also when a name leads there. The address
//! that was checked is the one that is connected to, and redirects are not followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;

/// A client whose requests end after `timeout`.
///
/// # Errors
/// When the system's certificates cannot be read.
pub(crate) fn client(timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    // It fails when a provider is installed already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout)
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("opspilot/", env!("CARGO_PKG_VERSION")))
        .pool_max_idle_per_host(1)
        .dns_resolver(Arc::new(Guarded))
        .build()
}

/// Why an address is refused; `None` if it is not.
pub(crate) fn refusal(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => refusal_v4(address),
        IpAddr::V6(address) => refusal_v6(address),
    }
}

fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [169, 254, ..] => Some("a link-local address, where clouds keep their metadata"),
        // Alibaba Cloud and Oracle Cloud keep theirs elsewhere.
        [100, 100, 100, 200] | [192, 0, 0, 192] => Some("the metadata address of a cloud"),
        [0, ..] => Some("no address of a host"),
        [224..=255, ..] => Some("a multicast or reserved address"),
        _ => None,
    }
}

fn refusal_v6(address: Ipv6Addr) -> Option<&'static str> {
    if let Some(inner) = embedded(address) {
        return refusal_v4(inner);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("no address of a host"),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => Some("the metadata address of a cloud"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        _ => None,
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped and compatible (RFC 4291, section 2.5.5), through NAT64
/// (RFC 6052, section 2.1), or through 6to4 (RFC 3056, section 2).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// The system's resolver without the addresses that are refused.
struct Guarded;

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(allowed(found)?.into_iter()) as Addrs)
        })
    }
}

/// The addresses that may be connected to; an error when a name leads nowhere else than where it must not.
pub(crate) fn allowed(found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, String> {
    let (mut allowed, mut reason) = (Vec::new(), None);
    for address in found {
        match refusal(address.ip()) {
            None => allowed.push(address),
            refused => reason = refused,
        }
    }
    match reason.filter(|_| allowed.is_empty()) {
        Some(reason) => Err(format!("the name leads to {reason}")),
        None => Ok(allowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_out_of_reach_in_every_spelling() {
        let hosts = [
            "169.254.169.254",
            "[::ffff:169.254.169.254]",
            "[::169.254.169.254]",
            "[64:ff9b::169.254.169.254]",
            "[2002:a9fe:a9fe::1]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "169.254.43518",
            "100.100.100.200",
            "0.0.0.0",
            "[::]",
            "255.255.255.255",
            "224.0.0.1",
        ];
        for host in hosts {
            let url = reqwest::Url::parse(&format!("http://{host}/")).unwrap();
            let address = url
                .host_str()
                .unwrap()
                .trim_matches(['[', ']'])
                .parse()
                .unwrap();
            assert!(refusal(address).is_some(), "{host}");
        }
        for host in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "::1",
            "fd00::1",
            "1.1.1.1",
        ] {
            assert_eq!(refusal(host.parse().unwrap()), None, "{host}");
        }
    }

    #[test]
    fn a_name_that_leads_to_metadata_is_not_connected_to() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (good, bad) = (parse("10.0.0.1:80"), parse("169.254.169.254:80"));
        assert_eq!(allowed([bad, good].into_iter()), Ok(vec![good]));
        assert!(
            allowed([bad].into_iter())
                .unwrap_err()
                .contains("link-local")
        );
    }
}
