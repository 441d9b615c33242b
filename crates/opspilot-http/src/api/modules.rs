//! The modules: how they are, what they were told, and another start of one.

mod detail;
mod reload;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use opspilot_core::module::{ModuleStatus, RestartError};
use schemars::JsonSchema;
use serde::Serialize;
use tracing::info;

use super::answer::{Answer, json as answer, json_with};
use super::body::{self, Fields};
use super::caller::Caller;
use super::params::Params;
use super::problem::{Code, Problem};
use super::routes::{Reply, Shape};
use super::state::State;

pub(super) use self::detail::{GET, get};
pub(super) use self::reload::{RELOAD, reload};

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ModuleList")]
struct ListBody {
    count: usize,
    modules: Vec<ModuleStatus>,
}

/// What a restart led to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Restarted")]
struct RestartedBody {
    message: &'static str,
    module: Option<ModuleStatus>,
}

/// Something that goes on after the answer.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Begun")]
pub(super) struct BegunBody {
    pub(super) message: &'static str,
}

pub(super) const LIST: Shape = Shape::json::<ListBody>();
pub(super) const RESTART: Shape = Shape::json::<RestartedBody>()
    .or(Reply::json::<BegunBody>(202))
    .fields(&[])
    .problems(&[
        Code::NO_SUCH_MODULE,
        Code::NOT_NOW,
        Code::NOT_ALONE,
        Code::MODULE_FAILED,
    ]);

/// `GET /modules`
pub(super) async fn list(Extract(state): Extract<State>, params: Params) -> Answer {
    params.finish()?;
    let modules = state.cx.system.modules();
    answer(&ListBody {
        count: modules.len(),
        modules,
    })
}

/// `POST /modules/{id}/restart`
///
/// A restart of this module itself waits for this very answer; 202 ends the wait.
pub(super) async fn restart(
    Extract(state): Extract<State>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let Path(id) = id.map_err(|_| Problem::of(Code::NO_SUCH_MODULE))?;
    Fields::parse(&headers, &body::read(body, state.limits()).await?)?.finish()?;
    info!(
        actor = caller.name(),
        module = opspilot_core::error::escape(&id),
        "restart of a module was asked for"
    );
    let name = caller.name();
    let restart = state.cx.system.restart(&id, &name);
    match state.cx.cancel.run_until_cancelled(restart).await {
        Some(Ok(())) => answer(&RestartedBody {
            message: "it runs again",
            module: state.cx.system.module(&id),
        }),
        Some(Err(error)) => Err(error.into()),
        None => {
            let message = "the API itself starts again";
            json_with(StatusCode::ACCEPTED, &BegunBody { message })
        }
    }
}

impl From<RestartError> for Problem {
    fn from(error: RestartError) -> Self {
        let code = match &error {
            RestartError::Unknown(_) => Code::NO_SUCH_MODULE,
            RestartError::Off(_) => Code::NOT_NOW,
            RestartError::NotAlone(_) => Code::NOT_ALONE,
            RestartError::Stopping => Code::STOPPING,
            _ => Code::MODULE_FAILED,
        };
        Self::of(code).detail(error.to_string())
    }
}
