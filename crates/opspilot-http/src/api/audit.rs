//! The audit log: pages of it, the whole for a verifier, and the key that proves it.

use axum::body::{Body, Bytes};
use axum::extract::State as Extract;
use axum::http::header;
use axum::response::IntoResponse as _;
use futures_util::stream;
use opspilot_core::error::chain;
use opspilot_core::safety::audit::{AuditFilter, Entry};
use opspilot_core::storage::StorageError;
use schemars::JsonSchema;
use serde::Serialize;
use tracing::warn;

use super::answer::{Answer, json};
use super::params::Params;
use super::routes::{Form, Input, Reply, Shape};
use super::state::State;

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AuditList")]
struct ListBody {
    count: usize,
    entries: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AuditKey")]
struct KeyBody {
    public_key: String,
}

pub(super) const LIST: Shape = Shape::json::<ListBody>().paged().query(&[
    Input::text("action", usize::MAX, "Entries of this deed."),
    Input::text("actor", usize::MAX, "Entries of whoever did it."),
    Input::text(
        "incident",
        usize::MAX,
        "Entries that belong to this incident.",
    ),
    Input::new("from", Form::Time, "At this moment or later."),
    Input::new("until", Form::Time, "Before this moment."),
]);
pub(super) const EXPORT: Shape = Shape::of(Reply::text(&["application/jsonl"]));
pub(super) const KEY: Shape = Shape::json::<KeyBody>();

/// `GET /audit`
pub(super) async fn list(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let filter = AuditFilter {
        action: params.text("action"),
        actor: params.text("actor"),
        correlation_id: params.text("incident"),
        from: params.time("from"),
        until: params.time("until"),
    };
    let (limit, cursor) = (params.limit(), params.cursor());
    params.finish()?;
    let (entries, next) = state.cx.audit.list(&filter, cursor, limit).await?;
    json(&ListBody {
        count: entries.len(),
        entries,
        next_cursor: next.map(|cursor| cursor.to_string()),
    })
}

/// `GET /audit/export`
pub(super) async fn export(Extract(state): Extract<State>, params: Params) -> Answer {
    params.finish()?;
    let exporter = state.cx.audit.exporter().await?;
    let pieces = stream::unfold(Some(exporter), async |exporter| {
        let mut exporter = exporter?;
        match exporter.next().await {
            Ok(Some(piece)) => Some((Ok(Bytes::from(piece)), Some(exporter))),
            Ok(None) => None,
            Err(error) => {
                // The answer ends without its last line, so a verifier knows that something is missing.
                warn!(error = %chain(&error), "an export of the audit log was cut short");
                Some((Err(error), None))
            }
        }
    });
    let body = Body::from_stream::<_>(Box::pin(pieces) as Pieces);
    let headers = [
        (header::CONTENT_TYPE, "application/jsonl"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"audit.jsonl\"",
        ),
    ];
    Ok((headers, body).into_response())
}

type Pieces =
    std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Bytes, StorageError>> + Send>>;

/// `GET /audit/key`
pub(super) async fn key(Extract(state): Extract<State>, params: Params) -> Answer {
    params.finish()?;
    json(&KeyBody {
        public_key: state.cx.audit.public_key().to_string(),
    })
}
