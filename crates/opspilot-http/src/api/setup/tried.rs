//! Trying a source or a channel once, as `check --online` does, before anything is saved.

use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::HeaderMap;
use opspilot_core::module::{Attempt, Trial, Tried, TryError};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::super::answer::{Answer, json as answer};
use super::super::body::{self, Fields};
use super::super::caller::Caller;
use super::super::routes::Shape;
use super::super::state::State;
use super::wish::{NEW_CHANNELS, SOURCES};
use super::{PROBLEMS, shown, wanted, written};

/// What came of trying.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SetupTried")]
struct TriedBody {
    /// Whether all is well.
    ok: bool,
    /// What is wrong with the configuration itself: then nothing was tried.
    faults: Vec<Value>,
    /// Each thing that was tried.
    trials: Vec<TrialBody>,
}

/// One thing that was tried.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SetupTrial")]
struct TrialBody {
    /// The module that would use it.
    module: &'static str,
    /// What it is.
    name: String,
    /// Whether it works.
    ok: bool,
    /// What is wrong, and the way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    /// What is worth to know although it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

pub(in crate::api) const TRY: Shape = Shape::json::<TriedBody>()
    .fields(&[SOURCES, NEW_CHANNELS])
    .problems(PROBLEMS);

/// `POST /setup/try`
pub(in crate::api) async fn try_out(
    Extract(state): Extract<State>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let fields = Fields::parse(&headers, &body::read(body, state.limits()).await?)?;
    let by = caller.name();
    let (wish, file) = wanted(&state, fields, Some(&by)).await?;
    let attempt = Attempt {
        by,
        text: written(&wish, &file.current().await?)?,
        modules: wish.modules(),
    };
    match file.try_out(attempt, &state.cx.clock).await {
        Ok(tried) => answer(&TriedBody::from(tried)),
        Err(TryError::Invalid(errors)) => answer(&TriedBody {
            ok: false,
            faults: shown(errors.faults()),
            trials: Vec::new(),
        }),
        Err(error) => Err(error.into()),
    }
}

impl From<Vec<Tried>> for TriedBody {
    fn from(tried: Vec<Tried>) -> Self {
        let trials = tried.into_iter().flat_map(|one| {
            let body = move |trial: Trial| TrialBody {
                module: one.module,
                ok: trial.is_ok(),
                name: trial.name,
                fault: trial.fault,
                note: trial.note,
            };
            one.trials.into_iter().map(body)
        });
        let trials: Vec<_> = trials.collect();
        Self {
            ok: trials.iter().all(|trial| trial.ok),
            faults: Vec::new(),
            trials,
        }
    }
}
