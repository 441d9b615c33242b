//! What is answered to browsers: one page for all addresses of the dashboard, one that shows the API, and the files that
//! they name.

use std::sync::OnceLock;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;

use super::bundle::{DOCS, FILES, PAGE};
use super::encoding::{Encoding, pack};

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
const VIEWS: [&str; 7] = [
    "/",
    "/approvals",
    "/oncall",
    "/audit",
    "/sources",
    "/rules",
    "/setup",
];

/// The views of one thing; its id follows.
const DEEP_VIEWS: [&str; 2] = ["/i/", "/approvals/"];

/// A file of the bundle.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) bytes: &'static [u8],
    /// The same, packed when the bundle was built.
    pub(super) brotli: &'static [u8],
}

/// Everything that is answered, compressed once.
#[derive(Debug)]
pub(crate) struct Site {
    /// `None` where the addresses of the dashboard belong to the API.
    page: Option<Content>,
    docs: Content,
    /// What a page may do, and where a browser reports what it kept the page from.
    policy: HeaderValue,
    files: Vec<Content>,
}

#[derive(Debug)]
struct Content {
    name: &'static str,
    kind: &'static str,
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: OnceLock<Bytes>,
}

impl Site {
    /// The pages of an API at `base_path`. Where that is empty, there is no dashboard.
    pub(crate) fn new(base_path: &str) -> Option<Self> {
        let policy = format!("{POLICY}; report-uri {base_path}/csp-report");
        let page = |page: &str| {
            let page = page.replace(BUILT_FOR, &format!("content=\"{base_path}\""));
            Content::new("", "text/html; charset=utf-8", page.into())
        };
        let of_file = |file: &File| Content {
            brotli: Some(Bytes::from_static(file.brotli)),
            ..Content::new(file.name, file.kind, Bytes::from_static(file.bytes))
        };
        Some(Self {
            policy: HeaderValue::from_str(&policy).ok()?,
            page: (!base_path.is_empty()).then(|| page(PAGE)),
            docs: page(DOCS),
            files: FILES.iter().map(of_file).collect(),
        })
    }

    /// The file at `path`; `None` if there is none.
    pub(crate) fn file(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        let name = path.strip_prefix(FOLDER)?;
        let file = self.files.iter().find(|file| file.name == name)?;
        Some(file.answer(headers, FOR_EVER))
    }

    /// The dashboard, if `path` is one of its addresses.
    pub(crate) fn view(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        let page = self.page.as_ref().filter(|_| is_view(path))?;
        Some(self.show(page, headers))
    }

    /// The page that shows the API.
    pub(crate) fn docs(&self, headers: &HeaderMap) -> Response {
        self.show(&self.docs, headers)
    }

    fn show(&self, page: &Content, headers: &HeaderMap) -> Response {
        let mut response = page.answer(headers, "no-store");
        let more = response.headers_mut();
        more.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        more.insert(
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        );
        response
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
    const fn new(name: &'static str, kind: &'static str, plain: Bytes) -> Self {
        Self {
            name,
            kind,
            plain,
            brotli: None,
            gzip: OnceLock::new(),
        }
    }

    fn answer(&self, headers: &HeaderMap, keep: &'static str) -> Response {
        let encoding = Encoding::of(headers, self.brotli.is_some());
        let body = match (encoding, &self.brotli) {
            (Some(Encoding::Brotli), Some(packed)) => packed,
            (None, _) => &self.plain,
            _ => self
                .gzip
                .get_or_init(|| pack(&self.plain, Compression::best())),
        };
        let mut response = Response::new(Body::from(body.clone()));
        *response.status_mut() = StatusCode::OK;
        let told = response.headers_mut();
        told.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        told.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        told.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(encoding) = encoding {
            let name = HeaderValue::from_static(encoding.name());
            told.insert(header::CONTENT_ENCODING, name);
        }
        response
    }
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
        let body = response.into_body().collect().await.unwrap();
        body.to_bytes().to_vec()
    }

    #[test]
    fn the_pages_name_files_that_are_there_and_nothing_else() {
        let mut names: Vec<&str> = FILES.iter().map(|file| file.name).collect();
        for page in [PAGE, DOCS] {
            let mut rest = page;
            while let Some((_, after)) = rest.split_once(&format!("\"{FOLDER}")) {
                let (name, after) = after.split_once('"').unwrap();
                assert!(FILES.iter().any(|file| file.name == name), "{name}");
                names.retain(|one| *one != name);
                rest = after;
            }
            let named = page.matches("src=\"").count() + page.matches("href=\"").count();
            assert_eq!(named, page.matches(FOLDER).count(), "{page}");
            assert!(page.contains(BUILT_FOR), "{page}");
            for mark in ["<style", "style=", "onload=", "javascript:", "http"] {
                assert!(!page.contains(mark), "{mark}");
            }
        }
        assert_eq!(names, Vec::<&str>::new(), "no page names these");
    }

    #[tokio::test]
    async fn pages_speak_to_the_api_where_that_is() {
        let site = Site::new("/ops/api").unwrap();
        let none = HeaderMap::new();
        for page in [site.view("/i/abc", &none).unwrap(), site.docs(&none)] {
            let page = String::from_utf8(body(page).await).unwrap();
            assert!(page.contains("content=\"/ops/api\""), "{page}");
            assert!(!page.contains(BUILT_FOR), "{page}");
        }
        let bare = Site::new("").unwrap();
        assert!(bare.view("/", &none).is_none());
        let page = String::from_utf8(body(bare.docs(&none)).await).unwrap();
        assert!(page.contains("content=\"\""), "{page}");
    }

    #[tokio::test]
    async fn files_are_packed_for_whoever_takes_that_and_kept_for_ever() {
        let site = Site::new("/api").unwrap();
        let file = &FILES[0];
        let path = format!("{FOLDER}{}", file.name);
        for (encoding, expected) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip", Some("gzip")),
            ("identity", None),
        ] {
            let response = site.file(&path, &headers(encoding)).unwrap();
            assert_eq!(response.headers()[header::CACHE_CONTROL], FOR_EVER);
            assert_eq!(response.headers()[header::VARY], "accept-encoding");
            let told = response.headers().get(header::CONTENT_ENCODING);
            assert_eq!(told.map(|told| told.to_str().unwrap()), expected);
            let found = body(response).await;
            match expected {
                Some("br") => assert_eq!(found, file.brotli),
                None => assert_eq!(found, file.bytes),
                Some(_) => {
                    let mut plain = Vec::new();
                    let mut decoder = flate2::read::GzDecoder::new(&*found);
                    decoder.read_to_end(&mut plain).unwrap();
                    assert_eq!(plain, file.bytes);
                }
            }
        }
        let page = site.view("/", &headers("br, gzip")).unwrap();
        assert_eq!(page.headers()[header::CONTENT_ENCODING], "gzip");
    }

    #[test]
    fn other_addresses_are_not_the_dashboards() {
        let site = Site::new("/api").unwrap();
        let none = HeaderMap::new();
        for path in [
            "/index.html",
            "/docs.html",
            "/assets/docs.html",
            "/i/",
            "/i/a/b",
            "/audit/",
            "/nothing",
            "//",
            "/assets/",
            "/assets/../Cargo.toml",
            "/Approvals",
        ] {
            let found = site.file(path, &none).or_else(|| site.view(path, &none));
            assert!(found.is_none(), "{path}");
        }
    }
}
