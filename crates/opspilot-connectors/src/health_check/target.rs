//! What a URL of an endpoint asks for.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use reqwest::Url;

/// What is probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// An HTTP request.
    Http(Url),
    /// A connection.
    Tcp(Place),
    /// A connection and a handshake.
    Tls(Place),
    /// A look-up of a name.
    Dns { name: String, family: Family },
    /// A look-up of records that are no addresses, at a name server of one's own choice or at the system's.
    Records {
        name: String,
        record: Record,
        server: Option<SocketAddr>,
    },
    /// A question to the health service of gRPC; the URL is that of the request.
    Grpc { url: Url, service: String },
}

/// A host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

/// Which addresses a name is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// A type of record that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    Txt,
    Mx,
    Cname,
    Srv,
    Ns,
}

impl Record {
    const ALL: [Self; 5] = [Self::Txt, Self::Mx, Self::Cname, Self::Srv, Self::Ns];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Txt => "TXT",
            Self::Mx => "MX",
            Self::Cname => "CNAME",
            Self::Srv => "SRV",
            Self::Ns => "NS",
        }
    }
}

impl Target {
    /// Reads the `url` of an endpoint.
    ///
    /// # Errors
    /// When it is none that can be probed. The message does not repeat it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text
            .chars()
            .any(|c| c.is_control() || c == '\\' || c.is_whitespace())
        {
            return Err(
                "a URL has no spaces, backslashes, line breaks or other control characters"
                    .to_owned(),
            );
        }
        let url = Url::parse(text).map_err(|fault| {
            format!("not a URL ({fault}): write one that starts with `https://`")
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a name or password in a URL ends up in logs: use `headers`".to_owned());
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("the URL names no host".to_owned());
        }
        match url.scheme() {
            "http" | "https" => Ok(Self::Http(url)),
            "tcp" => place(&url, Some(80)).map(Self::Tcp),
            "tls" => place(&url, Some(443)).map(Self::Tls),
            "dns" => dns(&url),
            "grpc" => grpc(&url, "http"),
            "grpcs" => grpc(&url, "https"),
            _ => Err(
                "cannot be probed: write `http://`, `https://`, `tcp://`, `tls://`, `dns://`, `grpc://` or `grpcs://`"
                    .to_owned(),
            ),
        }
    }

    /// True if the probe shows a certificate.
    pub(super) fn has_certificate(&self) -> bool {
        match self {
            Self::Http(url) | Self::Grpc { url, .. } => url.scheme() == "https",
            Self::Tls(_) => true,
            Self::Tcp(_) | Self::Dns { .. } | Self::Records { .. } => false,
        }
    }
}

fn place(url: &Url, default: Option<u16>) -> Result<Place, String> {
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err("only a host and a port can be probed: write `tcp://host:port`".to_owned());
    }
    let port = url.port().or(default).ok_or("the URL names no port")?;
    Ok(Place {
        host: host(url),
        port,
    })
}

/// The host of a URL without the brackets of an IPv6 address.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    host.trim_matches(['[', ']']).to_owned()
}

fn dns(url: &Url) -> Result<Target, String> {
    if url.port().is_some() || !matches!(url.path(), "" | "/") {
        return Err("only a name can be looked up: write `dns://name?type=A`".to_owned());
    }
    let (mut record, mut server) = (None, None);
    let mut family = Family::V4;
    for (key, value) in url.query_pairs() {
        let value = value.to_ascii_uppercase();
        match (&*key, &*value) {
            ("type", "A") => family = Family::V4,
            ("type", "AAAA") => family = Family::V6,
            ("type", name) => {
                let known = Record::ALL.into_iter().find(|record| record.name() == name);
                let faults = "only the types A, AAAA, TXT, MX, CNAME, SRV and NS can be looked up";
                record = Some(known.ok_or(faults)?);
            }
            ("server", address) => {
                let plain = address
                    .parse::<IpAddr>()
                    .map(|address| SocketAddr::new(address, 53));
                let address = plain.or_else(|_| address.parse());
                let fault = "`server` is an address, with a port or without: `192.0.2.53`, `[2001:db8::53]:53`";
                server = Some(address.map_err(|_| fault)?);
            }
            _ => return Err("only `type` and `server` may follow the `?`".to_owned()),
        }
    }
    let name = host(url);
    match (record, server) {
        (Some(record), server) => Ok(Target::Records {
            name,
            record,
            server,
        }),
        (None, None) => Ok(Target::Dns { name, family }),
        (None, Some(_)) => {
            Err("addresses are looked up by the system's resolver: leave `server` out".to_owned())
        }
    }
}

fn grpc(url: &Url, scheme: &str) -> Result<Target, String> {
    let service = url.path().trim_start_matches('/').to_owned();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if url.query().is_some() || !service.chars().all(is_name) || service.len() > 200 {
        return Err(
            "write `grpc://host:port/package.Service`, or leave the service out".to_owned(),
        );
    }
    let port = url.port().ok_or("a `grpc://` URL names its port")?;
    let host = url.host_str().unwrap_or_default();
    let request = format!("{scheme}://{host}:{port}/grpc.health.v1.Health/Check");
    Ok(Target::Grpc {
        url: Url::parse(&request).map_err(|fault| format!("not a URL ({fault})"))?,
        service,
    })
}

/// A URL as it is shown: without what follows a `?`, where people put keys.
pub(super) fn shown(url: &str) -> String {
    let (plain, query) = url.split_once('?').unwrap_or((url, ""));
    let plain = plain.split('#').next().unwrap_or_default();
    let mut text = plain.to_owned();
    if plain.starts_with("dns:") && !query.is_empty() {
        write!(text, "?{query}").ok();
    } else if !query.is_empty() {
        text.push_str("?…");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_is_read() {
        let tcp = |host: &str, port| {
            Target::Tcp(Place {
                host: host.to_owned(),
                port,
            })
        };
        assert_eq!(Target::parse("tcp://db:5432"), Ok(tcp("db", 5432)));
        assert_eq!(Target::parse("tcp://db"), Ok(tcp("db", 80)));
        assert_eq!(Target::parse("tcp://[::1]:9"), Ok(tcp("::1", 9)));
        let dns = Target::parse("dns://example.org?type=aaaa").unwrap();
        let family = Family::V6;
        let name = "example.org".to_owned();
        assert_eq!(dns, Target::Dns { name, family });
        let mx = Target::parse("dns://example.org?type=mx&server=[::1]:53").unwrap();
        let name = "example.org".to_owned();
        let server = Some("[::1]:53".parse().unwrap());
        assert_eq!(
            mx,
            Target::Records {
                name,
                record: Record::Mx,
                server
            }
        );
        let Ok(Target::Grpc { url, service }) = Target::parse("grpcs://h:50051/a.B") else {
            panic!("not gRPC");
        };
        assert_eq!(url.as_str(), "https://h:50051/grpc.health.v1.Health/Check");
        assert_eq!(service, "a.B");
        assert!(Target::parse("tls://h").unwrap().has_certificate());
    }

    #[test]
    fn what_cannot_be_probed_is_refused_without_repeating_it() {
        for url in [
            "file:///etc/s3cret",
            "gopher://s3cret/",
            "https://user:s3cret@host/",
            "http://host/s3cret\r\nHost: x",
            "http://ho st/s3cret",
            "http:\\\\s3cret",
            "tcp://host:80/s3cret",
            "tcp://s3cret:99999",
            "dns://s3cret?type=SOA",
            "dns://s3cret?type=TXT&server=dns.s3cret",
            "dns://s3cret?server=192.0.2.53",
            "dns://s3cret?class=s3cret",
            "dns://s3cret:53",
            "grpc://s3cret",
            "grpc://h:1/?s3cret",
            "s3cret",
            "",
        ] {
            let fault = Target::parse(url).unwrap_err();
            assert!(!fault.contains("s3cret"), "{url}: {fault}");
        }
    }

    #[test]
    fn what_follows_a_question_mark_is_not_shown() {
        assert_eq!(shown("https://h/p?key=s3cret#f"), "https://h/p?…");
        assert_eq!(shown("https://h/p#f?s3cret"), "https://h/p?…");
        assert_eq!(shown("dns://h?type=AAAA"), "dns://h?type=AAAA");
        assert_eq!(shown("tcp://h:1"), "tcp://h:1");
    }
}
