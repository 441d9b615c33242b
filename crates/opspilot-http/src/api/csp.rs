//! Reports of browsers about what the dashboard's policy kept a page from doing. On a healthy server there are none: each
//! is counted, and one a minute is logged with the number of those since the last.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use opspilot_core::error::escape;
use serde_json::Value;
use tokio::time::Instant;
use tracing::warn;

use super::body;
use super::problem::{Code, Problem};
use super::routes::{Body as Sent, Reply, Shape};
use super::state::State;

/// The largest report, in bytes.
const LARGEST: usize = 16 << 10;

/// How often one is logged.
const EVERY: Duration = Duration::from_mins(1);

/// How much of one text of a report is logged, in bytes.
const SHOWN: usize = 200;

/// The media types of reports: of `report-uri` and of the Reporting API (CSP Level 3, section 5).
const KINDS: [&str; 3] = [
    "application/csp-report",
    "application/reports+json",
    "application/json",
];

/// When a report was logged last, and how many came since.
#[derive(Debug, Default)]
pub(super) struct CspReports(Mutex<(Option<Instant>, u64)>);

pub(super) const REPORT: Shape = Shape::of(Reply::bare(204)).body(Sent::Any(&KINDS));

/// `POST /csp-report`
pub(super) async fn report(
    Extract(state): Extract<State>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if !is_report(&headers) {
        return Err(Problem::of(Code::UNSUPPORTED_MEDIA_TYPE));
    }
    let bytes = body::read(body, state.limits()).await?;
    if bytes.len() > LARGEST {
        return Err(Problem::of(Code::BODY_TOO_LARGE));
    }
    let report: Value = serde_json::from_slice(&bytes)
        .map_err(|_| Problem::of(Code::INVALID_REQUEST).detail("the report is not JSON"))?;
    state.metrics().violated();
    if let Some(left_out) = state.csp.admit(Instant::now()) {
        let report = violation(&report);
        let text = |names: [&str; 2]| shown(report, names);
        warn!(
            directive = text(["effective-directive", "effectiveDirective"]),
            violated = text(["violated-directive", "violatedDirective"]),
            blocked = text(["blocked-uri", "blockedURL"]),
            source = text(["source-file", "sourceFile"]),
            left_out,
            "a browser kept a page from breaking the dashboard's policy"
        );
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn is_report(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    KINDS.iter().any(|known| kind.eq_ignore_ascii_case(known))
}

/// What a report is about, in either of its forms.
fn violation(report: &Value) -> &Value {
    let first = report.get(0).unwrap_or(report);
    let old = first.get("csp-report");
    old.or_else(|| first.get("body")).unwrap_or(first)
}

fn shown(report: &Value, names: [&str; 2]) -> String {
    let found = names.iter().find_map(|name| report.get(name)?.as_str());
    let text = found.unwrap_or_default();
    let start = text.get(..text.floor_char_boundary(SHOWN));
    escape(start.unwrap_or_default())
}

impl CspReports {
    /// How many were left out before this one; `None` if this one is left out as well.
    fn admit(&self, now: Instant) -> Option<u64> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, left_out) = &mut *kept;
        if last.is_some_and(|last| now.duration_since(last) < EVERY) {
            *left_out += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(left_out))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_report_a_minute_is_logged_with_the_number_of_the_others() {
        let reports = CspReports::default();
        assert_eq!(reports.admit(Instant::now()), Some(0));
        for _ in 0..7 {
            assert_eq!(reports.admit(Instant::now()), None);
        }
        tokio::time::advance(EVERY).await;
        assert_eq!(reports.admit(Instant::now()), Some(7));
        assert_eq!(reports.admit(Instant::now()), None);
    }

    #[test]
    fn both_forms_of_reports_are_read_and_their_texts_are_cut_and_escaped() {
        let names = ["blocked-uri", "blockedURL"];
        let old = json!({ "csp-report": { "blocked-uri": "inline\u{1b}[2J" } });
        assert_eq!(shown(violation(&old), names), "inline\\u{1b}[2J");
        let long = "é".repeat(1_000);
        let new = json!([{ "type": "csp-violation", "body": { "blockedURL": long } }]);
        assert_eq!(shown(violation(&new), names), "é".repeat(SHOWN / 2));
        for odd in [json!(null), json!([]), json!(7), json!({ "csp-report": 7 })] {
            assert_eq!(shown(violation(&odd), names), "");
        }
    }
}
