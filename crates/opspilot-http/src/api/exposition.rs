//! `GET /metrics`: the page for a scraper.
//!
//! Who names no format, or any, gets the classic one, which every tool reads; a Prometheus server names OpenMetrics first.
//! Source: <https://prometheus.io/docs/instrumenting/content_negotiation/>.

use axum::extract::State as Extract;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use super::routes::{Reply, Shape};
use super::state::State;

const CLASSIC: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const OPEN: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

pub(super) const METRICS: Shape =
    Shape::of(Reply::text(&["text/plain", "application/openmetrics-text"]));

/// `GET /metrics`
pub(super) async fn metrics(Extract(state): Extract<State>, headers: HeaderMap) -> Response {
    let metrics = state.cx.system.metrics();
    let (kind, page) = if wants_open(&headers) {
        (OPEN, metrics.render())
    } else {
        (CLASSIC, metrics.render_classic())
    };
    let head = [
        (header::CONTENT_TYPE, kind),
        (header::VARY, HeaderValue::from_static("accept")),
    ];
    (head, page).into_response()
}

/// True if OpenMetrics is named, and liked at least as much as plain text.
fn wants_open(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).into_iter();
    let ranges: Vec<(String, f32)> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(range)
        .collect();
    let liking = |wanted: &str| {
        let likings = ranges.iter().filter(|(kind, _)| kind == wanted);
        likings.map(|(_, liking)| *liking).fold(0.0, f32::max)
    };
    let open = liking("application/openmetrics-text");
    open > 0.0 && open >= liking("text/plain")
}

/// A media range and how much it is liked, 1 unless it says otherwise (RFC 9110, section 12.5.1).
fn range(text: &str) -> (String, f32) {
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix(['q', 'Q'])?.strip_prefix("="));
    let weight = weight.map_or(Some(1.0), |weight| weight.parse().ok());
    (kind, weight.unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &[&str], is_open: bool) {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        assert_eq!(wants_open(&headers), is_open, "{accept:?}");
    }

    #[test]
    fn the_format_is_the_one_that_is_asked_for() {
        check(&[], false);
        check(&["*/*"], false);
        check(&["text/plain"], false);
        // What Prometheus 2.45 sends.
        let real = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        check(&[real], true);
        check(
            &[
                "text/plain;q=0.3",
                "Application/OpenMetrics-Text; version=1.0.0",
            ],
            true,
        );
        check(&["application/openmetrics-text;q=0.2, text/plain"], false);
        check(&["application/openmetrics-text;q=0"], false);
        check(&["application/openmetrics-text;q=much"], false);
    }
}
