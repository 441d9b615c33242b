//! The names that the server answers to.

use std::net::{IpAddr, SocketAddr};

use axum::http::uri::Authority;
use opspilot_core::config::Auth;

/// The names that the server answers to: this machine's own, and with authentication also the address it is bound to and
/// the names of `auth.allowedHosts`.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The address of another machine's view, if the server is bound to one.
    bound: Option<IpAddr>,
    allowed: Vec<String>,
}

impl Names {
    /// The names of a server that is bound to `bound`.
    pub(super) fn new(bound: SocketAddr, auth: &Auth) -> Self {
        if !auth.enabled {
            return Self::default();
        }
        let address = bound.ip().to_canonical();
        Self {
            bound: (!address.is_loopback()).then_some(address),
            allowed: auth
                .allowed_hosts
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
        }
    }

    /// True if `authority` is one of the names, with any port.
    pub(super) fn hold(&self, authority: &Authority) -> bool {
        if authority.as_str().contains('@') {
            return false;
        }
        is_local(authority) || self.is_bound(authority) || self.is_allowed(authority)
    }

    /// A name of DNS can be pointed here by whoever owns it; an address cannot. So where every address of the machine
    /// is bound, every address is answered.
    fn is_bound(&self, authority: &Authority) -> bool {
        let (Some(bound), Some(asked)) = (self.bound, address(authority)) else {
            return false;
        };
        bound.is_unspecified() || bound == asked.to_canonical()
    }

    fn is_allowed(&self, authority: &Authority) -> bool {
        let whole = authority.as_str().to_ascii_lowercase();
        let host = authority.host().to_ascii_lowercase();
        self.allowed
            .iter()
            .any(|name| *name == whole || *name == host)
    }
}

/// True for `localhost` and loopback addresses, with any port: nobody else can point these names elsewhere.
pub(super) fn is_local(authority: &Authority) -> bool {
    match address(authority) {
        Some(address) => address.is_loopback(),
        None => authority.host().eq_ignore_ascii_case("localhost"),
    }
}

fn address(authority: &Authority) -> Option<IpAddr> {
    let host = authority.host();
    let plain = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    plain.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held<'n>(bound: &str, enabled: bool, names: &[&'n str]) -> Vec<&'n str> {
        let auth = Auth {
            enabled,
            allowed_hosts: vec!["Ops.example.org".into(), "other:8443".into()],
            ..Auth::default()
        };
        let known = Names::new(bound.parse().unwrap(), &auth);
        let is_held = |name: &&&str| known.hold(&name.parse().unwrap());
        names.iter().filter(is_held).copied().collect()
    }

    #[test]
    fn names_depend_on_what_is_bound_and_allowed() {
        let names = [
            "localhost:3000",
            "127.0.0.1",
            "10.0.0.5:3000",
            "10.0.0.6",
            "ops.example.org",
            "OPS.example.org:443",
            "other:8443",
            "other",
            "evil.example",
            "user@ops.example.org",
            "ops.example.org.evil.example",
        ];
        let local = ["localhost:3000", "127.0.0.1"];
        let allowed = ["ops.example.org", "OPS.example.org:443", "other:8443"];
        assert_eq!(held("10.0.0.5:3000", false, &names), local);
        assert_eq!(
            held("127.0.0.1:3000", true, &names),
            [&local[..], &allowed].concat()
        );
        let bound = [&local[..], &["10.0.0.5:3000"], &allowed].concat();
        assert_eq!(held("10.0.0.5:3000", true, &names), bound);
        let all = [&local[..], &["10.0.0.5:3000", "10.0.0.6"], &allowed].concat();
        assert_eq!(held("0.0.0.0:3000", true, &names), all);
        assert_eq!(held("[::]:3000", true, &names), all);
    }
}
