//! Trials of everything that the modules would reach, all at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use opspilot_core::clock::{Clock, SystemClock};
use opspilot_core::config::Config;
use opspilot_core::module::{Trial, TrialContext, try_modules};

use crate::client::Client;
use crate::exit::Failure;
use crate::setup::Setup;

/// How long a running server may take to say what it runs.
const PATIENCE: Duration = Duration::from_secs(2);

/// The name that the trials of the storage go by.
const STORAGE: &str = "storage";

/// The name that the trial of the identity provider goes by.
const PROVIDER: &str = "auth.oidc";

/// Tries the storage, the identity provider and what every enabled module of `config` reaches; the trials in the order of
/// the configuration.
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
    let [kept, asked] = [STORAGE, PROVIDER].map(|name| TrialContext::new(name, Arc::clone(&clock)));
    let (storage, provider, modules) = tokio::join!(
        opspilot_storage::trial(&config.storage, &kept),
        opspilot_http::trial(&config.auth, &asked),
        try_modules(&setup.registry, config.enabled_modules(), &clock, |cx| {
            cx.is_running = at_work.contains(cx.id);
        }),
    );
    let storage = storage.into_iter().map(|trial| (STORAGE, trial));
    let provider = provider.into_iter().map(|trial| (PROVIDER, trial));
    let modules = modules?.into_iter().flat_map(|tried| {
        let named = move |trial| (tried.module, trial);
        tried.trials.into_iter().map(named)
    });
    Ok(storage.chain(provider).chain(modules).collect())
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
