//! What is answered for the dashboard: one page for all its addresses, and the files that the page names.

use std::io::Write as _;
use std::sync::OnceLock;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::bundle::{FILES, PAGE};

/// What the page may do: load and run what this server sends, and nothing else. No text becomes markup or code
/// (Trusted Types, W3C), whatever log lines hold.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// A file whose name holds the hash of its bytes never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Where the page's files are.
const FOLDER: &str = "/assets/";

/// What the page calls the API, as it is built.
const BUILT_FOR: &str = "content=\"/api\"";

/// The views with an address of their own.
const VIEWS: [&str; 6] = ["/", "/approvals", "/oncall", "/audit", "/sources", "/rules"];

/// The views of one thing; its id follows.
const DEEP_VIEWS: [&str; 2] = ["/i/", "/approvals/"];

/// A file of the bundle.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) bytes: &'static [u8],
}

/// Everything that is answered, compressed once.
#[derive(Debug)]
pub(crate) struct Site {
    page: Content,
    /// What the page may do, and where a browser reports what it kept the page from.
    policy: HeaderValue,
    files: Vec<Content>,
}

#[derive(Debug)]
struct Content {
    name: &'static str,
    kind: &'static str,
    plain: Bytes,
    packed: OnceLock<Bytes>,
}

impl Site {
    /// The dashboard of an API at `base_path`. `None` where that is empty: the addresses of the dashboard belong to the
    /// API then.
    pub(crate) fn new(base_path: &str) -> Option<Self> {
        if base_path.is_empty() {
            return None;
        }
        let policy = format!("{POLICY}; report-uri {base_path}/csp-report");
        let policy = HeaderValue::from_str(&policy).ok()?;
        let page = PAGE.replace(BUILT_FOR, &format!("content=\"{base_path}\""));
        let of_file = |file: &File| Content {
            name: file.name,
            kind: file.kind,
            plain: Bytes::from_static(file.bytes),
            packed: OnceLock::new(),
        };
        Some(Self {
            policy,
            page: Content {
                name: "",
                kind: "text/html; charset=utf-8",
                plain: page.into(),
                packed: OnceLock::new(),
            },
            files: FILES.iter().map(of_file).collect(),
        })
    }

    /// The answer for `path`; `None` if the dashboard has no such address.
    pub(crate) fn answer(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        if let Some(name) = path.strip_prefix(FOLDER) {
            let file = self.files.iter().find(|file| file.name == name)?;
            return Some(file.answer(headers, FOR_EVER));
        }
        is_view(path).then(|| {
            let mut response = self.page.answer(headers, "no-store");
            let more = response.headers_mut();
            more.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
            more.insert(
                HeaderName::from_static("cross-origin-opener-policy"),
                HeaderValue::from_static("same-origin"),
            );
            response
        })
    }
}

fn is_view(path: &str) -> bool {
    let is_thing = |view: &str| {
        let id = path.strip_prefix(view);
        id.is_some_and(|id| !id.is_empty() && !id.contains('/'))
    };
    VIEWS.contains(&path) || DEEP_VIEWS.iter().any(|view| is_thing(view))
}

impl Content {
    fn answer(&self, headers: &HeaderMap, keep: &'static str) -> Response {
        let is_packed = takes_gzip(headers);
        let body = match is_packed {
            true => self
                .packed
                .get_or_init(|| pack(&self.plain, Compression::best())),
            false => &self.plain,
        };
        let mut response = Response::new(Body::from(body.clone()));
        *response.status_mut() = StatusCode::OK;
        let told = response.headers_mut();
        told.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        told.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        told.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if is_packed {
            told.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// True if a client names gzip and does not refuse it (RFC 9110, section 12.5.3).
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let named = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut named = named
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(|part| part.split_once(';').unwrap_or((part, "")));
    named.any(|(name, weight)| {
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case("gzip") && weight.parse::<f32>().is_ok_and(|q| q > 0.0)
    })
}

/// `plain` in the gzip format.
pub(crate) fn pack(plain: &[u8], level: Compression) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    // Writing to memory does not fail.
    encoder.write_all(plain).ok();
    encoder.finish().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use http_body_util::BodyExt as _;

    use super::*;

    fn headers(encoding: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, encoding.parse().unwrap());
        headers
    }

    async fn body(response: Response) -> Vec<u8> {
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec()
    }

    #[test]
    fn the_page_names_files_that_are_there_and_nothing_else() {
        let names: Vec<&str> = FILES.iter().map(|file| file.name).collect();
        for name in &names {
            assert!(PAGE.contains(&format!("\"{FOLDER}{name}\"")), "{name}");
        }
        let named = PAGE.matches("src=\"").count() + PAGE.matches("href=\"").count();
        assert_eq!(named, names.len(), "{PAGE}");
        assert!(PAGE.contains(BUILT_FOR), "{PAGE}");
        for mark in ["<style", "style=", "onload=", "javascript:", "http"] {
            assert!(!PAGE.contains(mark), "{mark}");
        }
    }

    #[tokio::test]
    async fn the_page_speaks_to_the_api_where_that_is() {
        assert!(Site::new("").is_none());
        let site = Site::new("/ops/api").unwrap();
        let page = body(site.answer("/i/abc", &HeaderMap::new()).unwrap()).await;
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("content=\"/ops/api\""), "{page}");
        assert!(!page.contains(BUILT_FOR), "{page}");
    }

    #[tokio::test]
    async fn files_are_packed_for_whoever_takes_that_and_kept_for_ever() {
        let site = Site::new("/api").unwrap();
        let file = &FILES[0];
        let path = format!("{FOLDER}{}", file.name);
        for (encoding, is_packed) in [
            ("gzip, br", true),
            ("br;q=1, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("br", false),
        ] {
            let response = site.answer(&path, &headers(encoding)).unwrap();
            assert_eq!(response.headers()[header::CACHE_CONTROL], FOR_EVER);
            let told = response.headers().contains_key(header::CONTENT_ENCODING);
            assert_eq!(told, is_packed, "{encoding}");
            let mut found = body(response).await;
            if is_packed {
                let mut plain = Vec::new();
                flate2::read::GzDecoder::new(&*found)
                    .read_to_end(&mut plain)
                    .unwrap();
                found = plain;
            }
            assert_eq!(found, file.bytes, "{encoding}");
        }
    }

    #[test]
    fn other_addresses_are_not_the_dashboards() {
        let site = Site::new("/api").unwrap();
        for path in [
            "/index.html",
            "/i/",
            "/i/a/b",
            "/audit/",
            "/nothing",
            "//",
            "/assets/",
            "/assets/../Cargo.toml",
            "/Approvals",
        ] {
            assert!(site.answer(path, &HeaderMap::new()).is_none(), "{path}");
        }
    }
}
