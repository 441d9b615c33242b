//! What the commands for keys, tokens and users share: they work on the storage of a server that does not run, and otherwise
//! ask the running server.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use opspilot_core::bus::Bus;
use opspilot_core::clock::{Clock, SystemClock};
use opspilot_core::config::{Config, StorageEngine};
use opspilot_core::metrics::Metrics;
use opspilot_core::module::HealthReporter;
use opspilot_core::safety::audit::Audit;
use opspilot_core::safety::credentials::{CredentialError, Credentials};
use opspilot_core::safety::identity::{Identity, Kind, Method, Role};
use opspilot_core::storage::SharedStorage;
use opspilot_storage::OpenError;
use serde_json::Value;

use super::run::audit_key;
use crate::cli::ServerArguments;
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

/// How long the last writes may take to be stored.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// Something to do with credentials, in both ways. Both give what the API answers.
pub(super) trait Task {
    /// Does it on the storage.
    async fn on_storage(&self, store: &Store) -> Result<Value, Failure>;

    /// Asks a running server.
    async fn on_server(&self, client: &Client) -> anyhow::Result<Value>;
}

/// The credentials in the storage of a server that does not run.
pub(super) struct Store {
    pub(super) config: Config,
    pub(super) credentials: Credentials,
    pub(super) clock: Arc<dyn Clock>,
    bus: Bus,
    storage: SharedStorage,
}

/// Does `task` where it can be done: on the server that `--server` names, on the storage, or, while a server uses
/// that, on this server.
pub(super) fn perform(
    setup: &Setup,
    server: &ServerArguments,
    task: &impl Task,
) -> Result<Value, Failure> {
    let loaded = setup.load()?;
    output::warnings(&loaded.warnings);
    let config = loaded.config;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    runtime.block_on(async {
        let server = server.server.as_deref();
        let store = match server {
            Some(_) => None,
            None => Store::open(&config).await?,
        };
        let Some(store) = store else {
            let client = Client::new(setup, server, &config)?;
            return Ok(task.on_server(&client).await?);
        };
        let done = task.on_storage(&store).await;
        store.close().await?;
        done
    })
}

impl Store {
    /// Opens the storage; `None` if a running server has it.
    async fn open(config: &Config) -> Result<Option<Self>, Failure> {
        if config.storage.engine == StorageEngine::Memory {
            return Ok(None);
        }
        let storage = match opspilot_storage::open(&config.storage).await {
            Ok(storage) => storage,
            Err(OpenError::InUse { .. }) => return Ok(None),
            Err(error) => return Err(anyhow::Error::from(error).into()),
        };
        let clock = SystemClock::shared();
        let (health, _) = HealthReporter::new(Arc::clone(&clock));
        let metrics = Metrics::default();
        let bus = Bus::start(Arc::clone(&storage), Arc::clone(&clock), &metrics, health);
        let bus = bus.await.context("cannot read the storage")?;
        let key = audit_key(config)?;
        let audit = Audit::open(bus.clone(), Arc::clone(&storage), key).await;
        let audit = audit.context("cannot read the audit log")?;
        let credentials =
            Credentials::open(bus.clone(), Arc::clone(&storage), Arc::clone(&clock), audit).await;
        Ok(Some(Self {
            config: config.clone(),
            credentials: credentials.context("cannot read the credentials")?,
            clock,
            bus,
            storage,
        }))
    }

    async fn close(self) -> Result<(), Failure> {
        self.bus.close(tokio::time::sleep(LAST_WRITES)).await;
        Ok(self
            .storage
            .close()
            .await
            .context("the storage did not close")?)
    }
}

/// Who works at the terminal: whoever may write the storage's files may do everything.
pub(super) fn operator() -> Identity {
    Identity::vouch("operator@terminal", Role::Admin, Kind::Human, Method::Local)
}

/// What is wrong with the request itself is the user's to mend.
pub(super) fn failure(error: CredentialError) -> Failure {
    match error {
        CredentialError::NotFound { .. }
        | CredentialError::TooLong { .. }
        | CredentialError::NoName(_)
        | CredentialError::Exists { .. }
        | CredentialError::Reserved(_) => Failure::Usage(error.to_string()),
        other => anyhow::Error::from(other).into(),
    }
}

/// The text under `name`, or `-`.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or("-")
}

/// Prints rows under a heading, in columns.
pub(super) fn table<const N: usize>(heading: [&str; N], rows: &[[&str; N]]) {
    let all = || std::iter::once(&heading).chain(rows);
    let width = |column: usize| {
        all()
            .map(|row| row.get(column).map_or(0, |cell| cell.chars().count()))
            .max()
    };
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    for row in all() {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        output::line(opspilot_core::error::escape(line.trim_end()));
    }
}
