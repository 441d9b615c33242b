//! Answers of some size, packed with gzip for clients that take it.
//!
//! Streams are never packed: they have no size. Answers with secrets are not, because the length of a packed text tells
//! something of what is in it (BREACH, CVE-2013-3587); their rows have no such layer.

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State as Extract};
use axum::http::{HeaderValue, Response as HttpResponse, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use http_body_util::BodyExt as _;

use super::state::State;
use crate::dashboard::{pack, takes_gzip};

/// Smaller answers are sent as they are, in bytes.
const SMALLEST: u64 = 1 << 10;

/// Larger ones are packed on a thread for such work, in bytes.
const LARGE: usize = 16 << 10;

/// What is added to an entity tag: the packed form is another representation (RFC 9110, section 8.8.3.3).
pub(super) const TAG_SUFFIX: &str = "-gzip";

/// Packs the answer if the client takes that and it is worth it.
pub(super) async fn compress(
    Extract(state): Extract<State>,
    request: Request,
    next: Next,
) -> Response {
    let is_taken = takes_gzip(request.headers());
    let response = next.run(request).await;
    if !is_packable(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let vary = vary(parts.headers.get(header::VARY));
    parts.headers.insert(header::VARY, vary);
    if !is_taken {
        return HttpResponse::from_parts(parts, body);
    }
    // The body is whole already: its size is known.
    let Ok(whole) = body.collect().await else {
        return HttpResponse::from_parts(parts, Body::empty());
    };
    let whole = whole.to_bytes();
    let packed = match packed(&state, whole.clone()).await {
        Some(packed) if packed.len() < whole.len() => packed,
        _ => return HttpResponse::from_parts(parts, Body::from(whole)),
    };
    let headers = &mut parts.headers;
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    if let Some(tag) = headers.get(header::ETAG).and_then(suffixed) {
        headers.insert(header::ETAG, tag);
    }
    HttpResponse::from_parts(parts, Body::from(packed))
}

/// `Vary` with the header that decides about packing.
fn vary(known: Option<&HeaderValue>) -> HeaderValue {
    let known = known.and_then(|known| known.to_str().ok());
    let both = known.map(|known| format!("{known}, accept-encoding"));
    let both = both.and_then(|both| HeaderValue::from_str(&both).ok());
    both.unwrap_or_else(|| HeaderValue::from_static("accept-encoding"))
}

/// True for a text whose size is known and large enough.
fn is_packable(response: &Response) -> bool {
    let headers = response.headers();
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_text = kind.starts_with("text/") || kind.starts_with("application/");
    let is_stream = kind.starts_with("text/event-stream");
    let size = response.body().size_hint().exact();
    is_text
        && !is_stream
        && !headers.contains_key(header::CONTENT_ENCODING)
        && size.is_some_and(|size| size >= SMALLEST)
}

async fn packed(state: &State, whole: Bytes) -> Option<Bytes> {
    match whole.len() > LARGE {
        true => state
            .cx
            .tasks
            .blocking(move || pack(&whole, Compression::fast()))
            .await
            .ok(),
        false => Some(pack(&whole, Compression::fast())),
    }
}

/// `"tag"` as `"tag-gzip"`.
fn suffixed(tag: &HeaderValue) -> Option<HeaderValue> {
    let tag = tag.to_str().ok()?.strip_suffix('"')?;
    HeaderValue::from_str(&format!("{tag}{TAG_SUFFIX}\"")).ok()
}
