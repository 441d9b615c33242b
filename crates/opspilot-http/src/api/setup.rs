//! Setting a server up: what this machine offers, trying a source or a channel, the configuration as it would be, and
//! saving it. Only what the dashboard's form offers is taken. Secrets are not: what is sent may name a variable, and what is
//! shown leaves them out.

mod draft;
mod flow;
mod offered;
mod places;
mod readiness;
mod save;
mod tried;
mod wish;

use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::HeaderMap;
use opspilot_core::config::{DiffLine, Fault, KnownModules, diff, masked};
use opspilot_core::module::{Category, ConfigFile, CurrentConfig, Factory, Offer, TryError};
use opspilot_core::safety::action::Digest;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Answer, json as answer};
use super::body::{self, Fields};
use super::params::Params;
use super::problem::{Code, Problem};
use super::routes::Shape;
use super::state::State;

use self::places::Places;
use self::readiness::{Facts, Readiness};
use self::wish::{NEW_CHANNELS, SOURCES, Wish};

pub(super) use self::save::{SAVE, save};
pub(super) use self::tried::{TRY, try_out};

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Setup")]
struct SetupBody {
    file: FileBody,
    readiness: Readiness,
    /// Every connector that is built in.
    sources: Vec<SourceBody>,
}

/// The configuration file.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SetupFile")]
struct FileBody {
    /// Its path, as the server was told it.
    path: String,
    /// The SHA-256 of what it says; `null` if there is none yet.
    digest: Option<Digest>,
    /// Why it cannot be saved, and what to do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    obstacle: Option<String>,
}

/// A connector, and what this machine has for it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SetupSource")]
struct SourceBody {
    id: &'static str,
    description: &'static str,
    /// Whether it runs.
    running: bool,
    offers: Vec<Offer>,
}

/// The configuration as it would be.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SetupPreview")]
struct PreviewBody {
    file: FileBody,
    /// What would change, with some lines around it. Where lines that stay are left out, the numbers jump.
    diff: Vec<DiffLine>,
    /// Whether there is no fault.
    ok: bool,
    /// What `opspilot-server check` would find wrong.
    faults: Vec<Value>,
    /// What it would find doubtful.
    warnings: Vec<Value>,
    /// The modules that would run.
    modules: Vec<String>,
    readiness: Readiness,
}

/// What may go wrong with any change.
const PROBLEMS: &[Code] = &[Code::NOT_NOW, Code::BY_HAND, Code::CONFIGURATION_INVALID];

pub(super) const SHOW: Shape =
    Shape::json::<SetupBody>().problems(&[Code::NOT_NOW, Code::CONFIGURATION_INVALID]);
pub(super) const PREVIEW: Shape = Shape::json::<PreviewBody>()
    .fields(&[SOURCES, NEW_CHANNELS])
    .problems(PROBLEMS);

/// `GET /setup`
pub(super) async fn show(Extract(state): Extract<State>, params: Params) -> Answer {
    params.finish()?;
    let current = file(&state)?.current().await?;
    let factories = state.cx.system.factories();
    let looked = state.cx.tasks.blocking(move || offers(&factories));
    let found = looked
        .await
        .map_err(|error| Problem::internal(error.to_string()))?;
    let source = |(factory, offers): (Factory, Vec<Offer>)| {
        let manifest = factory.manifest();
        SourceBody {
            id: manifest.id,
            description: manifest.description,
            running: state.cx.system.module(manifest.id).is_some(),
            offers,
        }
    };
    let running = state.cx.system.manifests();
    let running: Vec<_> = running.iter().map(|manifest| manifest.id).collect();
    answer(&SetupBody {
        readiness: readiness(&state, &running, current.digest.is_some()),
        file: FileBody::of(&state, &current)?,
        sources: found.into_iter().map(source).collect(),
    })
}

/// `POST /setup/preview`
pub(super) async fn preview(
    Extract(state): Extract<State>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let fields = Fields::parse(&headers, &body::read(body, state.limits()).await?)?;
    let (wish, file) = wanted(&state, fields, None).await?;
    let current = file.current().await?;
    let text = written(&wish, &current)?;
    let diff = difference(&state, current.text.clone(), text.clone()).await?;
    let (modules, faults, warnings) = match file.check(text).await {
        Ok(checked) => (checked.modules, Vec::new(), shown(&checked.warnings)),
        Err(errors) => (Vec::new(), shown(errors.faults()), shown(errors.warnings())),
    };
    answer(&PreviewBody {
        readiness: readiness(&state, &modules, true),
        file: FileBody::of(&state, &current)?,
        diff,
        ok: faults.is_empty(),
        faults,
        warnings,
        modules: modules.into_iter().map(str::to_owned).collect(),
    })
}

/// What somebody wants, if all of it may be set from here, and the file. Where it may not, the audit log is told that `by`
/// asked for it.
async fn wanted(
    state: &State,
    fields: Fields,
    by: Option<&str>,
) -> Result<(Wish, ConfigFile), Problem> {
    let judged = judged(state, fields).await;
    if let (Err(problem), Some(by), Ok(file)) = (&judged, by, file(state))
        && problem.code() == Code::BY_HAND.name()
    {
        let why = problem.explanation().unwrap_or_default();
        file.note_refused(by, &why).await;
    }
    judged
}

async fn judged(state: &State, mut fields: Fields) -> Result<(Wish, ConfigFile), Problem> {
    let wish = Wish::of(&mut fields, &state.cx.system.factories())?;
    fields.finish()?;
    let file = file(state)?;
    let (guarded, files) = (file.guarded().await?, wish.files().clone());
    let tasks = &state.cx.tasks;
    let judged = tasks.blocking(move || Places::of(guarded).judge(&files));
    let judged = judged
        .await
        .map_err(|error| Problem::internal(error.to_string()))?;
    judged.map_err(|refusal| Problem::of(Code::BY_HAND).detail(refusal))?;
    Ok((wish, file))
}

/// How one text becomes another, without what is secret in them.
async fn difference(
    state: &State,
    old: Option<String>,
    new: String,
) -> Result<Vec<DiffLine>, Problem> {
    let factories = state.cx.system.factories();
    let known: KnownModules = factories.iter().map(Factory::config_schema).collect();
    let work = move || {
        let old = masked(&old.unwrap_or_default(), &known);
        diff(&old, &masked(&new, &known))
    };
    let compared = state.cx.tasks.blocking(work).await;
    compared.map_err(|error| Problem::internal(error.to_string()))
}

/// Every connector with what this machine has for it. It blocks.
fn offers(factories: &[Factory]) -> Vec<(Factory, Vec<Offer>)> {
    let connectors = factories
        .iter()
        .filter(|factory| factory.manifest().category == Category::Connector);
    connectors
        .map(|factory| (*factory, factory.offers()))
        .collect()
}

fn readiness(state: &State, modules: &[&str], has_file: bool) -> Readiness {
    let access = state.cx.access.as_ref();
    Readiness::of(&Facts {
        modules,
        has_file,
        asks_callers: access.is_some_and(|access| access.auth.enabled),
    })
}

/// The file that drives this server.
fn file(state: &State) -> Result<ConfigFile, Problem> {
    let access = state.cx.access.as_ref();
    let file = access.and_then(|access| access.config_file.clone());
    file.ok_or_else(|| {
        Problem::of(Code::NOT_NOW).detail("no configuration file drives this server")
    })
}

/// The text that somebody wants.
fn written(wish: &Wish, current: &CurrentConfig) -> Result<String, Problem> {
    let written = wish.written(current.text.as_deref());
    written.map_err(|error| Problem::of(Code::NOT_NOW).detail(error.to_string()))
}

fn shown(faults: &[Fault]) -> Vec<Value> {
    faults.iter().map(|fault| json!(fault)).collect()
}

impl FileBody {
    fn of(state: &State, current: &CurrentConfig) -> Result<Self, Problem> {
        Ok(Self {
            path: file(state)?.path().display().to_string(),
            digest: current.digest,
            obstacle: current.obstacle.clone(),
        })
    }
}

impl From<opspilot_core::config::ConfigErrors> for Problem {
    fn from(errors: opspilot_core::config::ConfigErrors) -> Self {
        Self::of(Code::CONFIGURATION_INVALID)
            .detail(errors.to_string())
            .with("faults", json!(errors.faults()))
            .with("warnings", json!(errors.warnings()))
    }
}

impl From<TryError> for Problem {
    fn from(error: TryError) -> Self {
        match error {
            TryError::Invalid(errors) => errors.into(),
            TryError::Audit(error) => error.into(),
            other => Self::internal(opspilot_core::error::chain(&other)),
        }
    }
}
