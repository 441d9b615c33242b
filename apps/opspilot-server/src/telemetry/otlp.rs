//! `telemetry.otlp`: sends the program's own metrics, spans and messages to a collector, over OTLP/HTTP with Protobuf.
//!
//! A collector that is slow or away delays nobody: what it does not take waits in queues of a bounded size, is sent again
//! with growing pauses, and what finds no room is dropped and counted. Source: <https://opentelemetry.io/docs/specs/otlp/>.

mod config;
#[cfg(feature = "otlp")]
mod exporter;
mod meters;
#[cfg(feature = "otlp")]
mod parcel;
#[cfg(feature = "otlp")]
mod points;
#[cfg(feature = "otlp")]
mod sender;

use async_trait::async_trait;
#[cfg(not(feature = "otlp"))]
use opspilot_core::config::KeyPath;
use opspilot_core::module::{BuildError, Category, Context, Manifest, Module, RunError};

use self::config::Config;
#[cfg(feature = "otlp")]
use self::exporter::Exporter;

/// Sends telemetry of the program itself.
#[derive(Debug)]
pub(crate) struct Otlp {
    #[cfg(feature = "otlp")]
    exporter: Exporter,
}

#[async_trait]
impl Module for Otlp {
    const MANIFEST: Manifest = Manifest {
        metrics: meters::METRICS,
        ..Manifest::new(
            "telemetry.otlp",
            Category::Telemetry,
            "Sends metrics, traces and messages of the program itself to an OpenTelemetry collector.",
        )
    };

    type Config = Config;

    #[cfg(feature = "otlp")]
    fn new(config: Config) -> Result<Self, BuildError> {
        let exporter = Exporter::new(config.check()?);
        Ok(Self { exporter })
    }

    #[cfg(not(feature = "otlp"))]
    fn new(_: Config) -> Result<Self, BuildError> {
        let message = "this program was built without the `otlp` feature";
        Err(BuildError::option(KeyPath::default(), message))
    }

    /// Keeps messages from here on, so that none is missed between the start of the server and the first request.
    #[cfg(feature = "otlp")]
    async fn init(&mut self, _: &Context) -> Result<(), RunError> {
        self.exporter.prepare();
        Ok(())
    }

    #[cfg(feature = "otlp")]
    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        self.exporter.run(cx).await
    }

    #[cfg(not(feature = "otlp"))]
    async fn run(&mut self, _: &Context) -> Result<(), RunError> {
        Ok(())
    }
}
