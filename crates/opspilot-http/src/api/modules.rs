//! The modules and their configuration.

use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode};
use opspilot_core::module::ModuleStatus;
use serde::Serialize;
use serde_json::json;
use tracing::info;

use super::answer::{Answer, json as answer, json_with};
use super::body::{self, Fields};
use super::caller::Caller;
use super::params::Params;
use super::problem::{Code, Problem};
use super::state::State;

#[derive(Debug, Serialize)]
struct ListBody {
    count: usize,
    modules: Vec<ModuleStatus>,
}

/// `GET /modules`
pub(super) async fn list(Extract(state): Extract<State>, params: Params) -> Answer {
    params.finish()?;
    let modules = state.cx.system.modules();
    answer(&ListBody {
        count: modules.len(),
        modules,
    })
}

/// `POST /reload`
///
/// A reload that changes this module's own options stops it, and so waits for this very answer; 202 ends the wait.
pub(super) async fn reload(
    Extract(state): Extract<State>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    Fields::parse(&headers, &body::read(body, state.limits()).await?)?.finish()?;
    info!(actor = caller.name(), "reload was asked for");
    match state
        .cx
        .cancel
        .run_until_cancelled(state.cx.system.reload(&caller.name()))
        .await
    {
        Some(Ok(report)) => answer(&report),
        Some(Err(error)) => Err(Problem::of(Code::CONFIGURATION_INVALID).detail(error.to_string())),
        None => {
            let message = "the reload goes on; it starts the API itself again";
            json_with(StatusCode::ACCEPTED, &json!({ "message": message }))
        }
    }
}
