//! Addresses that nothing of OpsPilot asks unless a configuration lists them, whoever asks. And networks of addresses.

use std::net::{IpAddr, Ipv4Addr};

pub use ipnet::IpNet;

/// A text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither an address nor a network such as `10.0.0.0/8`")]
pub struct NetworkError;

/// Reads a network such as `10.0.0.0/8`, or a single address. What would hold every address is no network.
///
/// # Errors
/// When `text` is none.
pub fn network(text: &str) -> Result<IpNet, NetworkError> {
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    let network = text.parse().or_else(|_| single());
    let network = network.map_err(|_| NetworkError)?;
    match network.prefix_len() {
        0 => Err(NetworkError),
        _ => Ok(network),
    }
}

/// Why `address` is never asked: link-local and metadata addresses of clouds, and what is no address of a host, in
/// whatever spelling. `None` if it may be asked.
#[must_use]
pub fn refused(address: IpAddr) -> Option<&'static str> {
    match unwrapped(address) {
        IpAddr::V4(address) => match address.octets() {
            [169, 254, ..] => Some("a link-local address, where clouds keep their metadata"),
            // Alibaba Cloud and Oracle Cloud keep theirs elsewhere.
            [100, 100, 100, 200] | [192, 0, 0, 192] => Some("the metadata address of a cloud"),
            [0, ..] => Some("no address of a host"),
            [224..=255, ..] => Some("a multicast or reserved address"),
            _ => None,
        },
        IpAddr::V6(address) => match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0] => Some("no address of a host"),
            [0xfe80..=0xfebf, ..] => Some("a link-local address"),
            [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => Some("the metadata address of a cloud"),
            [0xff00..=0xffff, ..] => Some("a multicast address"),
            _ => None,
        },
    }
}

/// The address that `address` leads to: mapped and compatible ones (RFC 4291, section 2.5.5), NAT64 (RFC 6052, section
/// 2.1; RFC 8215), 6to4 (RFC 3056, section 2) and Teredo (RFC 4380, section 4) lead to IPv4.
#[must_use]
pub fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let join =
        |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)).into();
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => join(high, low),
        // Teredo hides an IPv4 address, inverted, at the end.
        [0x2001, 0, _, _, _, _, high, low] => join(!high, !low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_a_metadata_address_passes() {
        for spelling in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "2001:0:1:2:3:4:5601:5601",
            "100.100.100.200",
            "fd00:ec2::254",
            "fe80::1",
            "0.0.0.0",
            "::",
        ] {
            assert!(refused(spelling.parse().unwrap()).is_some(), "{spelling}");
        }
        for host in ["127.0.0.1", "::1", "10.0.0.7", "192.0.2.1", "2001:db8::1"] {
            assert_eq!(refused(host.parse().unwrap()), None, "{host}");
        }
    }

    #[test]
    fn a_network_is_read_and_what_is_none_is_refused() {
        for (text, address, expected) in [
            ("10.1.2.3/8", "10.9.9.9", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("::1", "::1", true),
            ("128.0.0.0/1", "2001:db8::1", false),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(
                network(text).unwrap().contains(&address),
                expected,
                "{text}"
            );
        }
        for text in [
            "",
            "proxy",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0/8",
            "0.0.0.0/0",
            "::/0",
            "::/129",
            "10.0.0.1:80",
            "[::1]",
            " ::1",
        ] {
            assert_eq!(network(text), Err(NetworkError), "{text:?}");
        }
    }
}
