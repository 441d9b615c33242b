//! One module: what it is, how it is, what it was told and what it counts.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Extract};
use opspilot_core::config::ModuleOptions;
use opspilot_core::metrics::Reading;
use opspilot_core::module::{Manifest, ModuleStatus};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::super::answer::{Answer, json};
use super::super::params::Params;
use super::super::problem::{Code, Problem};
use super::super::routes::Shape;
use super::super::state::State;

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ModuleDetail")]
struct DetailBody {
    id: &'static str,
    #[serde(flatten)]
    manifest: ManifestBody,
    /// Whether the configuration switches it on.
    enabled: bool,
    /// How it is; `null` while it does not run.
    status: Option<ModuleStatus>,
    /// What the configuration says, without secrets; what is not there has its default.
    configuration: Value,
    metrics: Vec<Reading>,
}

/// What a module says of itself.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ModuleManifest")]
struct ManifestBody {
    version: &'static str,
    category: opspilot_core::module::Category,
    description: &'static str,
    dependencies: &'static [&'static str],
    consumes: &'static [&'static str],
    emits: &'static [&'static str],
}

pub(in crate::api) const GET: Shape = Shape::json::<DetailBody>().problems(&[Code::NO_SUCH_MODULE]);

/// `GET /modules/{id}`
pub(in crate::api) async fn get(
    Extract(state): Extract<State>,
    id: Result<Path<String>, PathRejection>,
    params: Params,
) -> Answer {
    params.finish()?;
    let unknown = || Problem::of(Code::NO_SUCH_MODULE);
    let Path(id) = id.map_err(|_| unknown())?;
    let system = &state.cx.system;
    let built_in = system.factory(&id).map(|factory| factory.manifest());
    let running = || system.manifests().into_iter().find(|one| one.id == id);
    let manifest = built_in.or_else(running).ok_or_else(unknown)?;
    let status = system.module(&id);
    let config = system.config();
    let options = config.as_ref().and_then(|config| config.module(&id));
    json(&DetailBody {
        id: manifest.id,
        enabled: options.map_or_else(|| status.is_some(), ModuleOptions::is_enabled),
        configuration: options.map_or(Value::Null, ModuleOptions::shown),
        metrics: system.readings(manifest.id),
        manifest: manifest.into(),
        status,
    })
}

impl From<&'static Manifest> for ManifestBody {
    fn from(manifest: &'static Manifest) -> Self {
        Self {
            version: manifest.version,
            category: manifest.category,
            description: manifest.description,
            dependencies: manifest.dependencies,
            consumes: manifest.consumes,
            emits: manifest.emits,
        }
    }
}
