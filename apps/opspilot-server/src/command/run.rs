//! `run`: the server.

use std::path::Path;

use anyhow::Context as _;
use opspilot_core::clock::SystemClock;
use opspilot_core::config::{Config, StorageEngine};
use opspilot_core::error::chain;
use opspilot_core::metrics::Metrics;
use opspilot_core::module::{ConfigSource, ReloadError, ReloadReport, Request};
use opspilot_core::runtime::{Parts, Runtime, StartError};
use opspilot_core::safety::audit::SigningKey;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use crate::exit::Failure;
use crate::setup::Setup;
use crate::{output, telemetry};

pub(crate) fn run(setup: &Setup) -> Result<(), Failure> {
    let is_fresh = setup.is_fresh();
    let loaded = setup.load_to_start()?;
    let metrics = Metrics::default();
    let _messages = telemetry::start(setup, &loaded.config.logging, &metrics)?;
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    if is_fresh {
        make_place(&setup.path());
        warn!(
            "there is no configuration: nothing is read until the dashboard, or `opspilot-server init`, made one"
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let result = runtime.block_on(serve(setup, loaded.config, metrics));
    if matches!(result, Err(Failure::CutShort)) {
        runtime.shutdown_background();
    }
    result
}

/// Makes the folder that the first configuration will be in. Where that fails, the dashboard says what is in the way.
fn make_place(path: &Path) {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    if let Err(error) = made {
        warn!(path = %path.display(), error = %chain(&error), "the folder of the configuration cannot be made");
    }
}

async fn serve(setup: &Setup, config: Config, metrics: Metrics) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let storage = opspilot_storage::open(&config.storage)
        .await
        .map_err(anyhow::Error::from)?;
    let audit_key = audit_key(&config)?;
    let parts = Parts {
        registry: setup.registry.clone(),
        storage,
        clock: SystemClock::shared(),
        metrics,
        audit_key,
        config_source: Some(ConfigSource {
            path: setup.path(),
            environment: setup.environment.clone(),
        }),
    };
    let engine = config.storage.engine;
    let mut server = Runtime::start(parts, config).await?;
    greet(
        &server,
        &format!("{engine:?}").to_lowercase(),
        setup.is_fresh(),
    );
    drive(setup, &mut server, &mut signals).await;
    info!("stopping; a second signal ends at once");
    tokio::select! {
        () = server.stop() => info!("stopped"),
        () = signals.end() => {
            warn!("second signal, ending at once");
            return Err(Failure::CutShort);
        }
    }
    Ok(())
}

/// The key that signs the audit log. A log that ends with the process has a key that does so too.
pub(super) fn audit_key(config: &Config) -> Result<SigningKey, Failure> {
    let key = match config.storage.engine {
        StorageEngine::Memory => SigningKey::ephemeral(),
        StorageEngine::File | StorageEngine::Sqlite => {
            SigningKey::load_or_create(&super::audit::key_path(config))
        }
    };
    key.map_err(|error| anyhow::Error::from(error).into())
}

/// Waits for the signal to end; reloads meanwhile when asked to.
async fn drive(setup: &Setup, server: &mut Runtime, signals: &mut Signals) {
    let mut requests = server.take_requests();
    loop {
        tokio::select! {
            signal = signals.next() => {
                if signal == Asked::ToEnd {
                    return;
                }
                if let Err(failure) = reload(setup, server, "core").await {
                    error!("configuration not reloaded: {failure}");
                }
            }
            Some(request) = next(&mut requests) => obey(setup, server, request).await,
        }
    }
}

/// Does what a module asks for. Whoever asked may have gone.
async fn obey(setup: &Setup, server: &mut Runtime, request: Request) {
    match request {
        Request::Reload { by, answer } => {
            answer.send(reload(setup, server, &by).await).ok();
        }
        Request::Restart { module, by, answer } => {
            answer.send(server.restart_by(&by, &module).await).ok();
        }
    }
}

async fn next<T>(requests: &mut Option<tokio::sync::mpsc::Receiver<T>>) -> Option<T> {
    match requests {
        Some(requests) => requests.recv().await,
        None => std::future::pending().await,
    }
}

async fn reload(
    setup: &Setup,
    server: &mut Runtime,
    actor: &str,
) -> Result<ReloadReport, ReloadError> {
    let loaded = match setup.load() {
        Ok(loaded) => loaded,
        Err(errors) => {
            server.tell_refused(actor, &errors.to_string()).await;
            return Err(ReloadError::Invalid(errors));
        }
    };
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    let report = server.reload_by(actor, loaded.config).await;
    let report = report.map_err(|error| match error {
        StartError::Config(errors) => ReloadError::Invalid(errors),
        other => ReloadError::Unusable(chain(&other)),
    })?;
    Ok(ReloadReport {
        warnings: loaded.warnings.iter().map(ToString::to_string).collect(),
        ..report
    })
}

/// Tells the person at the terminal where to look.
fn greet(server: &Runtime, engine: &str, is_fresh: bool) {
    let modules = server.system().modules();
    let running = modules.len().saturating_sub(1);
    output::line(format!(
        "OpsPilot {} is ready: {running} modules, storage {engine}",
        env!("CARGO_PKG_VERSION")
    ));
    let detail = |key: &str| {
        modules
            .iter()
            .find_map(|module| module.health.details.get(key)?.as_str())
    };
    if let Some(url) = detail("url") {
        let has_page = modules.iter().any(|module| module.id == "ui.dashboard");
        if let Some(page) = page_of(url).filter(|_| has_page) {
            output::line(format!("  dashboard  {page}"));
            if is_fresh {
                output::line(format!("  set up     {page}setup"));
            }
        }
        output::line(format!("  API        {url}"));
        output::line(format!("  incidents  {url}/incidents"));
        output::line(format!("  health     {url}/health"));
    }
    output::line("Stop with Ctrl-C.");
}

/// Where the dashboard of the API at `url` is; `None` where the API has every address to itself.
fn page_of(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.find('/')?;
    url.get(..scheme.len() + "://".len() + host + 1)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    ToEnd,
    ToReload,
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::ToEnd,
            _ = self.terminate.recv() => Asked::ToEnd,
            _ = self.hangup.recv() => Asked::ToReload,
        }
    }

    async fn end(&mut self) {
        while self.next().await != Asked::ToEnd {}
    }
}
