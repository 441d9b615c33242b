//! Networks: addresses that begin with the same bits (RFC 4632, section 3.1; RFC 4291, section 2.3).

use std::net::IpAddr;
use std::str::FromStr;

/// The bits of an IPv6 address, which every IPv4 address is mapped into (RFC 4291, section 2.5.5.2).
const BITS: u32 = 128;

/// The addresses that begin with the same bits, such as `10.0.0.0/8`, or a single one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: u128,
    mask: u128,
}

/// A text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither an address nor a network such as `10.0.0.0/8`")]
pub struct NetworkError;

impl Network {
    /// True if `address`, or the IPv4 address that is mapped into it, is one of these.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        bits(address) & self.mask == self.first
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Reads an address, or an address and the number of bits that count, of which there is at least one.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let own = if address.is_ipv4() { 32 } else { BITS };
        let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        let length = match length {
            None => own,
            Some(text) => Some(text)
                .filter(is_number)
                .and_then(|text| text.parse().ok())
                .filter(|length| (1..=own).contains(length))
                .ok_or(NetworkError)?,
        };
        let mask = u128::MAX << (own - length);
        Ok(Self {
            first: bits(address) & mask,
            mask,
        })
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_what_begins_like_it() {
        let rows = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/8", "10.9.9.9", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("192.0.2.6/31", "192.0.2.7", true),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::1", "::1", true),
            ("::1", "127.0.0.1", false),
            ("128.0.0.0/1", "200.0.0.1", true),
            ("128.0.0.0/1", "2001:db8::1", false),
        ];
        for (network, address, expected) in rows {
            let network: Network = network.parse().unwrap();
            let held = network.holds(address.parse().unwrap());
            assert_eq!(held, expected, "{network:?} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
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
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text:?}");
        }
    }
}
