//! What the tests of connectors share: a running module and what it sends.

use std::marker::PhantomData;
use std::time::Duration;

use opspilot_core::bus::LogReceiver;
use opspilot_core::module::{Category, Context, HealthStatus, Manifest, Module};
use opspilot_core::signal::{Attributes, LogBatch};
use opspilot_core::testing::Bench;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;

static READER: Manifest = Manifest {
    consumes: &["log.ingested"],
    ..Manifest::new("detector.test", Category::Detector, "Reads in tests.")
};

/// How long is waited for what has to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A record as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sent {
    pub(crate) stream: String,
    pub(crate) position: u64,
    pub(crate) line: String,
    pub(crate) attributes: Attributes,
}

/// A running module and what it sends.
pub(crate) struct Running<M> {
    pub(crate) cx: Context,
    pub(crate) logs: LogReceiver,
    task: JoinHandle<()>,
    module: PhantomData<fn() -> M>,
}

impl<M: Module> Running<M> {
    /// Starts a module with these options.
    pub(crate) async fn start(bench: &Bench, yaml: &str) -> Self
    where
        M::Config: DeserializeOwned,
    {
        let config = serde_saphyr::from_str(yaml).unwrap();
        Self::of(bench, M::new(config).unwrap()).await
    }

    /// Starts `module`.
    pub(crate) async fn of(bench: &Bench, mut module: M) -> Self {
        let cx = bench.context(const { &M::MANIFEST });
        module.init(&cx).await.unwrap();
        Self::begun(bench, cx, module)
    }

    /// Runs `module`, which was initialised with `cx`.
    pub(crate) fn begun(bench: &Bench, cx: Context, mut module: M) -> Self {
        let logs = bench.context(&READER).bus.logs();
        let own = cx.clone();
        #[expect(clippy::disallowed_methods, reason = "the test is the runtime here")]
        let task = tokio::spawn(async move {
            module.run(&own).await.unwrap();
            module.stop(&own).await.unwrap();
        });
        Self {
            cx,
            logs,
            task,
            module: PhantomData,
        }
    }

    /// The next batch that has records.
    pub(crate) async fn batch(&mut self) -> LogBatch {
        loop {
            let batch = tokio::time::timeout(PATIENCE, self.logs.recv()).await;
            let batch = batch
                .unwrap_or_else(|_| panic!("nothing comes: {:?}", self.cx.health.current()))
                .unwrap();
            if !batch.is_empty() {
                return batch;
            }
        }
    }

    /// What is sent next; `None` when nothing comes for `patience`.
    pub(crate) async fn next(&mut self, patience: Duration) -> Option<Vec<Sent>> {
        let batch = tokio::time::timeout(patience, self.logs.recv()).await;
        Some(sent(&batch.ok()?.unwrap()))
    }

    /// The next `count` records, which are acknowledged.
    pub(crate) async fn records(&mut self, count: usize) -> Vec<Sent> {
        let mut records = Vec::new();
        while records.len() < count {
            records.extend(sent(&self.batch().await));
        }
        records
    }

    /// The text of the next `count` records.
    pub(crate) async fn lines(&mut self, count: usize) -> Vec<String> {
        let records = self.records(count).await.into_iter();
        records.map(|sent| sent.line).collect()
    }

    /// Ends the module, which stores what it has to.
    pub(crate) async fn stop(self) {
        self.cx.cancel.cancel();
        drop(self.logs);
        self.task.await.unwrap();
    }

    /// The process is killed.
    pub(crate) async fn kill(self) {
        self.task.abort();
        self.task.await.ok();
    }

    /// Waits until the health is as `wanted`, and returns what it says.
    pub(crate) async fn health(&self, wanted: HealthStatus) -> String {
        self.says(wanted, "").await
    }

    /// Waits until the health is as `wanted` and says `text`.
    pub(crate) async fn says(&self, wanted: HealthStatus, text: &str) -> String {
        let look = || {
            let health = self.cx.health.current();
            let message = health.message.unwrap_or_default();
            (health.status == wanted && message.contains(text)).then_some(message)
        };
        self.until(&format!("`{text}`"), look).await
    }

    /// Waits until the figure `key` is shown as at least `least`.
    pub(crate) async fn figure(&self, key: &str, least: u64) -> u64 {
        let look = || {
            let details = self.cx.health.current().details;
            let shown = details.get(key).and_then(serde_json::Value::as_u64);
            shown.filter(|shown| *shown >= least)
        };
        self.until(&format!("`{key}` of {least}"), look).await
    }

    async fn until<T>(&self, what: &str, look: impl Fn() -> Option<T> + Send) -> T {
        let step = Duration::from_millis(10);
        for _ in 0..PATIENCE.as_millis() / step.as_millis() {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(step).await;
        }
        panic!("no {what}: {:?}", self.cx.health.current());
    }
}

/// The records of a batch.
pub(crate) fn sent(batch: &LogBatch) -> Vec<Sent> {
    let records = batch.iter().enumerate();
    records
        .map(|(index, record)| Sent {
            stream: batch.source().stream.to_string(),
            position: record.position,
            line: record.text().into_owned(),
            attributes: batch.attributes(index),
        })
        .collect()
}
