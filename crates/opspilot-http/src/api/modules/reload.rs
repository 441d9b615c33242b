//! The configuration, read again.

use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode};
use opspilot_core::module::{ReloadError, ReloadReport};
use serde_json::json;
use tracing::info;

use super::super::answer::{Answer, json as answer, json_with};
use super::super::body::{self, Fields};
use super::super::caller::Caller;
use super::super::problem::{Code, Problem};
use super::super::routes::{Reply, Shape};
use super::super::state::State;
use super::BegunBody;

pub(in crate::api) const RELOAD: Shape = Shape::json::<ReloadReport>()
    .or(Reply::json::<BegunBody>(202))
    .fields(&[])
    .problems(&[Code::CONFIGURATION_INVALID, Code::MODULE_FAILED]);

/// `POST /reload`
///
/// A reload that changes this module's own options stops it, and so waits for this very answer; 202 ends the wait.
pub(in crate::api) async fn reload(
    Extract(state): Extract<State>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    Fields::parse(&headers, &body::read(body, state.limits()).await?)?.finish()?;
    info!(actor = caller.name(), "reload was asked for");
    let name = caller.name();
    let reload = state.cx.system.reload(&name);
    match state.cx.cancel.run_until_cancelled(reload).await {
        Some(Ok(report)) if report.failed.is_empty() => answer(&report),
        Some(Ok(report)) => Err(failed(&report)),
        Some(Err(error)) => Err(error.into()),
        None => {
            let message = "the reload goes on; it starts the API itself again";
            json_with(StatusCode::ACCEPTED, &BegunBody { message })
        }
    }
}

/// The configuration is in use, but not everything that it asks for works.
fn failed(report: &ReloadReport) -> Problem {
    let failed = report.failed.iter();
    let failed =
        failed.map(|one| format!("module `{}` does not start: {}", one.module, one.reason));
    let detail = format!(
        "the configuration is in use, but {}; it is tried again by itself",
        failed.collect::<Vec<_>>().join("; ")
    );
    Problem::of(Code::MODULE_FAILED)
        .detail(detail)
        .with("report", json!(report))
}

impl From<ReloadError> for Problem {
    fn from(error: ReloadError) -> Self {
        let detail = error.to_string();
        match error {
            ReloadError::Invalid(errors) => Self::of(Code::CONFIGURATION_INVALID)
                .detail(detail)
                .with("faults", json!(errors.faults()))
                .with("warnings", json!(errors.warnings())),
            ReloadError::Stopping => Self::of(Code::STOPPING).detail(detail),
            _ => Self::of(Code::CONFIGURATION_INVALID).detail(detail),
        }
    }
}
