//! `connector.otlp`: logs, metrics and traces of OpenTelemetry, over HTTP and gRPC.
//!
//! Log records become records whose facts are those of resource, scope and record. Metrics become samples. Spans become
//! records when they failed or were slow; the others are counted. A request is answered only after all it led to is
//! stored, and sent back (503, `UNAVAILABLE`) when that cannot be done now: exporters keep and repeat it.
//!
//! `read` turns messages into records and samples, without input and output; `http` and `grpc` speak the two protocols;
//! `receiver` stores. Source of both: <https://opentelemetry.io/docs/specs/otlp/>.

mod config;
#[cfg(all(feature = "otlp", any(test, feature = "fuzzing")))]
pub(crate) mod fuzz;
#[cfg(feature = "otlp")]
mod grpc;
#[cfg(feature = "otlp")]
mod http;
mod meters;
#[cfg(feature = "otlp")]
mod read;
#[cfg(feature = "otlp")]
mod receiver;
#[cfg(not(feature = "otlp"))]
#[path = "otlp/absent.rs"]
mod receiver;
#[cfg(test)]
#[cfg(feature = "otlp")]
mod tests;
#[cfg(feature = "otlp")]
mod trial;
#[cfg(feature = "otlp")]
mod values;

use async_trait::async_trait;
use opspilot_core::config::KeyPath;
use opspilot_core::module::{BuildError, Category, Context, Manifest, Module, RunError};
#[cfg(feature = "otlp")]
use opspilot_core::module::{Trial, TrialContext};

pub use config::{Config, Protocol};

use self::receiver::Receiver;

/// Takes telemetry of OpenTelemetry exporters.
#[derive(Debug)]
pub struct Otlp {
    config: Config,
    ready: Option<Receiver>,
}

#[async_trait]
impl Module for Otlp {
    const MANIFEST: Manifest = Manifest {
        emits: &["log.ingested", "metric.sampled"],
        metrics: meters::METRICS,
        ..Manifest::new(
            "connector.otlp",
            Category::Connector,
            "Takes logs, metrics and traces of OpenTelemetry over HTTP and gRPC.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        if !cfg!(feature = "otlp") {
            let message = "this program was built without the `otlp` feature";
            return Err(BuildError::option(KeyPath::default(), message));
        }
        config.check()?;
        Ok(Self {
            config,
            ready: None,
        })
    }

    #[cfg(feature = "otlp")]
    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        trial::try_ports(&self.config, cx).await
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        self.ready = Some(Receiver::open(cx, &self.config).await?);
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        match self.ready.take() {
            Some(receiver) => receiver.run(cx).await,
            None => Err(RunError::message("the receiver was not initialised")),
        }
    }
}
