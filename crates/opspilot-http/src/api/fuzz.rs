//! Any bytes as what callers of the API send.

use axum::extract::Query;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use opspilot_core::incident::{Severity, Status};
use opspilot_core::testing::fuzz::Target;

use super::body::Fields;
use super::params::Params;

/// The query string of a list.
pub(crate) const QUERY: Target = Target {
    name: "query",
    seeds: &[
        b"limit=5&severity=critical,warning&status=open&from=2026-02-20T12:00:00Z&cursor=1f.6162&q=%C3%A9",
        b"limit=+5&limit=6&a=%00&%ff=%zz&&==",
        b"#o=5&sevelimit=0&5&r",
    ],
    run: query,
};

/// The body of a change.
pub(crate) const BODY: Target = Target {
    name: "body",
    seeds: &[
        br#"{"comment":"why","status":"resolved","comment":"again","n":1e400,"o":{"a":[null]}}"#,
    ],
    run: body,
};

fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(uri) = format!("/?{text}").parse::<Uri>() else {
        return;
    };
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(&uri) else {
        return;
    };
    let wants_none = pairs
        .iter()
        .any(|(name, value)| name == "limit" && value == "0");
    let mut params = Params::new(pairs);
    let limit = params.limit();
    let severities = params.list::<Severity>("severity");
    let statuses = params.list::<Status>("status");
    drop((severities, statuses, params.time("from"), params.text("q")));
    drop(params.cursor());
    let is_right = params.finish().is_ok();
    assert!((1..=500).contains(&limit));
    assert!(!is_right || !wants_none, "{text}");
}

fn body(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    let Ok(mut fields) = Fields::parse(&headers, bytes) else {
        return;
    };
    let comment = fields.text("comment", 8);
    assert!(comment.is_none_or(|text| (1..=8).contains(&text.chars().count())));
    let _ = fields.choice::<Status>("status", "a status");
    drop(fields.finish());
}
