//! Health, liveness and readiness.
//!
//! `livez` says that the process answers. `readyz` says that it can do its work: started, storage working, not stopping.
//! `health` tells of every module. A notifier that does not get through (a webhook that fails) lowers the whole to
//! `degraded` at most: restarting the server would not mend it, so neither `health` nor `readyz` asks for that.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State as Extract;
use axum::http::StatusCode;
use opspilot_core::clock::Timestamp;
use opspilot_core::event::ModuleState;
use opspilot_core::module::{Category, HealthStatus, ModuleStatus};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::warn;

use super::answer::{Answer, json, json_with};
use super::routes::{Reply, Shape};
use super::state::State;

/// How long the storage may take to answer before it counts as not working.
const STORAGE_PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HealthReport")]
struct HealthBody {
    status: HealthStatus,
    timestamp: Timestamp,
    /// Seconds.
    uptime: u64,
    modules: BTreeMap<&'static str, ModuleHealth>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ModuleHealth {
    status: HealthStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    state: ModuleState,
    restarts: u64,
    details: Map<String, Value>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Probe")]
struct ProbeBody {
    status: &'static str,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

pub(super) const HEALTH: Shape = Shape::json::<HealthBody>().or(Reply::json::<HealthBody>(503));
pub(super) const LIVEZ: Shape = Shape::json::<ProbeBody>();
pub(super) const READYZ: Shape = Shape::json::<ProbeBody>().or(Reply::json::<ProbeBody>(503));

/// `GET /health`
pub(super) async fn health(Extract(state): Extract<State>) -> Answer {
    let modules = state.cx.system.modules();
    let status = overall(&modules);
    let now = state.cx.clock.now();
    let body = HealthBody {
        status,
        timestamp: now,
        uptime: now.since(state.cx.system.started_at()).as_secs(),
        modules: modules
            .into_iter()
            .map(|module| (module.id, module.into()))
            .collect(),
    };
    json_with(status_code(status != HealthStatus::Unhealthy), &body)
}

/// `GET /livez`
pub(super) async fn livez(Extract(state): Extract<State>) -> Answer {
    alive(&state)
}

/// The answer of a process that lives.
pub(super) fn alive(state: &State) -> Answer {
    let timestamp = state.cx.clock.now();
    json(&ProbeBody {
        status: "alive",
        timestamp,
        reasons: Vec::new(),
    })
}

/// `GET /readyz`
pub(super) async fn readyz(Extract(state): Extract<State>) -> Answer {
    let reasons = obstacles(&state).await;
    let is_ready = reasons.is_empty();
    let status = if is_ready { "ready" } else { "not-ready" };
    let timestamp = state.cx.clock.now();
    json_with(
        status_code(is_ready),
        &ProbeBody {
            status,
            timestamp,
            reasons,
        },
    )
}

fn status_code(is_well: bool) -> StatusCode {
    if is_well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

/// The worst health of any module; notifiers count as degraded at most.
fn overall(modules: &[ModuleStatus]) -> HealthStatus {
    let counted = |module: &ModuleStatus| match (module.category, module.health.status) {
        (Category::Notifier | Category::Telemetry, HealthStatus::Unhealthy) => {
            HealthStatus::Degraded
        }
        (_, status) => status,
    };
    modules.iter().map(counted).max().unwrap_or_default()
}

/// Why the server cannot do its work.
async fn obstacles(state: &State) -> Vec<String> {
    let mut reasons = Vec::new();
    if state.cx.cancel.is_cancelled() {
        reasons.push("the API is stopping".to_owned());
    } else if !state.cx.system.is_ready() {
        reasons.push("the server is starting or stopping".to_owned());
    }
    match state
        .core()
        .filter(|core| core.status == HealthStatus::Unhealthy)
    {
        Some(health) => reasons.push(health.message.unwrap_or_else(|| "core is unhealthy".into())),
        None => reasons.extend(storage_obstacle(state).await),
    }
    reasons
}

/// Reads one row, which costs the same however much is stored.
async fn storage_obstacle(state: &State) -> Option<String> {
    let read = state.cx.system.bus().dead_letters(None, 1);
    match tokio::time::timeout(STORAGE_PATIENCE, read).await {
        Ok(Ok(_)) => None,
        Ok(Err(failure)) => {
            warn!(error = %opspilot_core::error::chain(&failure), "the storage cannot be read");
            Some("the storage cannot be read".into())
        }
        Err(_) => Some("the storage does not answer".into()),
    }
}

impl From<ModuleStatus> for ModuleHealth {
    fn from(module: ModuleStatus) -> Self {
        Self {
            status: module.health.status,
            message: module.health.message,
            state: module.state,
            restarts: module.restarts,
            details: module.health.details,
        }
    }
}
