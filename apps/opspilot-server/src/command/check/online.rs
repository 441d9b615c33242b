//! Trials of everything that the modules would reach, all at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use opspilot_core::clock::{Clock, SystemClock};
use opspilot_core::config::Config;
use opspilot_core::module::{DynModule, Trial, TrialContext};
use tokio::task::JoinSet;

use crate::client::Client;
use crate::exit::Failure;
use crate::setup::Setup;

/// How long all trials of a module may take, should it not heed the time of each.
const LIMIT: Duration = Duration::from_secs(20);

/// How long a running server may take to say what it runs.
const PATIENCE: Duration = Duration::from_secs(2);

/// The name that the trials of the storage go by.
const STORAGE: &str = "storage";

/// Tries the storage and what every enabled module of `config` reaches; the trials in the order of the configuration.
pub(super) fn try_all(
    setup: &Setup,
    config: &Config,
) -> Result<Vec<(&'static str, Trial)>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let tried = runtime.block_on(try_each(setup, config));
    // A trial that hangs in the system (a network file system that is gone) must not hold the command.
    runtime.shutdown_background();
    tried
}

async fn try_each(setup: &Setup, config: &Config) -> Result<Vec<(&'static str, Trial)>, Failure> {
    let clock: Arc<dyn Clock> = SystemClock::shared();
    let at_work = at_work(setup, config).await;
    let mut running = JoinSet::new();
    let (section, cx) = (
        config.storage.clone(),
        TrialContext::new(STORAGE, Arc::clone(&clock)),
    );
    running.spawn(async move { (0, STORAGE, opspilot_storage::trial(&section, &cx).await) });
    for (index, options) in config.enabled_modules().enumerate() {
        let Some(factory) = setup.registry.get(options.id()) else {
            continue;
        };
        let module = factory.build(options)?;
        let mut cx = TrialContext::new(factory.manifest().id, Arc::clone(&clock));
        cx.is_running = at_work.contains(cx.id);
        running.spawn(async move { (index + 1, cx.id, try_one(module, &cx).await) });
    }
    let mut done = Vec::new();
    while let Some(ended) = running.join_next().await {
        done.push(ended.context("a trial ended with a panic")?);
    }
    done.sort_by_key(|(index, ..)| *index);
    let named = |(_, id, trials): (usize, &'static str, Vec<Trial>)| {
        trials.into_iter().map(move |trial| (id, trial))
    };
    Ok(done.into_iter().flat_map(named).collect())
}

/// The modules of the server that runs with this configuration, if one answers where its API would be: their ports are
/// taken by right.
async fn at_work(setup: &Setup, config: &Config) -> BTreeSet<String> {
    let asked = async {
        let client = Client::new(setup, None, config).ok()?;
        let health = client.get("/health").await.ok()?;
        let modules = health.get("modules")?.as_object()?;
        Some(modules.keys().cloned().collect())
    };
    let answered = tokio::time::timeout(PATIENCE, asked).await;
    answered.ok().flatten().unwrap_or_default()
}

async fn try_one(mut module: Box<dyn DynModule>, cx: &TrialContext) -> Vec<Trial> {
    let tried = tokio::time::timeout(LIMIT, module.trial(cx)).await;
    tried.unwrap_or_else(|_| {
        let fault = format!("its trials did not end within {} s", LIMIT.as_secs());
        vec![Trial::of("all", Err(fault))]
    })
}
