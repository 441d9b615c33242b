//! Refuses what a web page of somebody else could make a browser send.
//!
//! - A name that is not this server's own in `Host` means DNS rebinding: a foreign page reached the loopback address
//!   under its own name. The answer is 421.
//! - A change must come from the server's own origin or the configured one, when a browser says where it comes from
//!   (`Sec-Fetch-Site`, W3C Fetch Metadata; `Origin`, RFC 6454). The answer is 403. So must whoever opens a WebSocket,
//!   which browsers let every page do, with the cookies of the server.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Uri, Version, header};

use super::metrics::Refusal;
use super::names::{Names, is_local};
use super::problem::{Code, Problem};
use super::state::State;

/// Why a request is not let through, if so; counted.
pub(super) fn refusal<B>(state: &State, request: &Request<B>) -> Option<Problem> {
    let host = match host_of(
        &state.names,
        request.uri(),
        request.headers(),
        request.version(),
    ) {
        Ok(host) => host,
        Err(problem) => {
            state.metrics().refused(Refusal::Host);
            return Some(problem);
        }
    };
    let changes = !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let opens = request.headers().contains_key(header::SEC_WEBSOCKET_KEY);
    let matters = changes || opens;
    if matters && is_foreign(request.headers(), host.as_ref(), state.cors_origin.as_ref()) {
        state.metrics().refused(Refusal::Origin);
        return Some(Problem::of(Code::CROSS_SITE));
    }
    None
}

/// The name that the request is meant for, when it is this server's; `None` for old clients that send none.
fn host_of(
    names: &Names,
    uri: &Uri,
    headers: &HeaderMap,
    version: Version,
) -> Result<Option<Authority>, Problem> {
    let mut given = headers.get_all(header::HOST).iter();
    let host = match (given.next(), given.next()) {
        (Some(host), None) => Some(parse(host)?),
        (None, _) if version < Version::HTTP_11 => None,
        (None, _) => return Err(invalid("the request has no `Host` header")),
        (Some(_), Some(_)) => return Err(invalid("the request has several `Host` headers")),
    };
    // An absolute request target takes precedence over the header (RFC 9112, section 3.2.2).
    let host = uri.authority().cloned().or(host);
    match host {
        Some(host) if !names.hold(&host) => Err(Problem::of(Code::WRONG_HOST)),
        host => Ok(host),
    }
}

fn parse(host: &HeaderValue) -> Result<Authority, Problem> {
    let host = host
        .to_str()
        .ok()
        .and_then(|text| text.parse::<Authority>().ok());
    host.ok_or_else(|| invalid("the `Host` header is not a host name"))
}

fn invalid(detail: &'static str) -> Problem {
    Problem::of(Code::INVALID_REQUEST).detail(detail)
}

/// True if a browser says that the change comes from another site.
fn is_foreign(
    headers: &HeaderMap,
    host: Option<&Authority>,
    allowed: Option<&HeaderValue>,
) -> bool {
    let origin = headers.get(header::ORIGIN);
    if origin.is_some() && origin == allowed {
        return false;
    }
    if origin.is_some_and(|origin| !host.is_some_and(|host| is_own_origin(origin, host))) {
        return true;
    }
    let site = headers.get("sec-fetch-site");
    site.is_some_and(|site| site != "same-origin" && site != "none")
}

/// This server speaks plain HTTP. Under a name that is not this machine's own, a proxy may speak HTTPS for it.
fn is_own_origin(origin: &HeaderValue, host: &Authority) -> bool {
    origin == &format!("http://{host}") || (!is_local(host) && origin == &format!("https://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(uri: &str, hosts: &[&str], version: Version) -> u16 {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host.parse().unwrap());
        }
        let found = host_of(&Names::default(), &uri.parse().unwrap(), &headers, version);
        found.map_or_else(|problem| problem.status().as_u16(), |_| 200)
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let http = Version::HTTP_11;
        for name in [
            "localhost",
            "LOCALHOST:3000",
            "127.0.0.1",
            "127.0.0.1:80",
            "[::1]:3000",
            "127.1.2.3",
        ] {
            assert_eq!(host("/", &[name], http), 200, "{name}");
        }
        let foreign = [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost.",
            "0.0.0.0",
            "10.0.0.1:3000",
            "user@localhost",
            "2130706433",
            "127.1",
            "[::]",
        ];
        for name in foreign {
            assert_eq!(host("/", &[name], http), 421, "{name}");
        }
    }

    #[test]
    fn a_request_has_exactly_one_host() {
        assert_eq!(host("/", &[], Version::HTTP_11), 400);
        assert_eq!(host("/", &[], Version::HTTP_10), 200);
        assert_eq!(
            host("/", &["localhost", "localhost"], Version::HTTP_11),
            400
        );
        assert_eq!(host("/", &["a b"], Version::HTTP_11), 400);
        assert_eq!(
            host("http://evil.example/", &["localhost"], Version::HTTP_11),
            421
        );
    }

    #[test]
    fn changes_come_from_the_same_origin_or_the_configured_one() {
        let allowed = HeaderValue::from_static("https://ops.example.org");
        let cases: &[(&[(&str, &str)], bool)] = &[
            (&[], false),
            (&[("origin", "http://localhost:3000")], false),
            (
                &[
                    ("origin", "http://localhost:3000"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
            (&[("sec-fetch-site", "none")], false),
            (
                &[
                    ("origin", "https://ops.example.org"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
            (&[("origin", "http://localhost:8080")], true),
            (&[("origin", "https://localhost:3000")], true),
            (&[("origin", "http://localhost:3000.evil.example")], true),
            (&[("origin", "null")], true),
            (&[("origin", "https://evil.example")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "same-site")], true),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://evil.example"),
                ],
                true,
            ),
        ];
        for (pairs, expected) in cases {
            let mut headers = HeaderMap::new();
            for &(name, value) in *pairs {
                headers.insert(name, value.parse().unwrap());
            }
            let own = Authority::from_static("localhost:3000");
            assert_eq!(
                is_foreign(&headers, Some(&own), Some(&allowed)),
                *expected,
                "{pairs:?}"
            );
        }
    }
}
