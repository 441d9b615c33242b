//! `connector.kubernetes`: what goes wrong in a cluster, as it happens.
//!
//! Each resource (Events, pods, nodes, deployments) has one watch and is one *stream*; the position in it is the resource
//! version of an object, so a change that is seen again gives the same incident. A fact (this container was killed for
//! memory at that time) is told once: versions that were seen are passed over, and which facts of an object were told is
//! stored with the position.
//!
//! What each part does: `cluster` asks the API, `wire` is what is read of its answers, `facts` says what they mean, `outlet`
//! makes batches of what is new, `progress` stores how far, `watch` follows one resource, `logs` reads those of containers.
//!
//! Known limits: an Event or a state that came and went while nothing was watched, or between a watch that came too late and
//! the list after it, is not seen. If the server is killed and the watch comes too late afterwards, facts of the last 200 ms
//! before may be told twice.

#[cfg(feature = "kubernetes")]
mod cluster;
#[cfg_attr(
    not(feature = "kubernetes"),
    expect(dead_code, reason = "a program without the feature refuses the module")
)]
mod config;
#[cfg(feature = "kubernetes")]
mod facts;
#[cfg(all(feature = "kubernetes", any(test, feature = "fuzzing")))]
pub(crate) mod fuzz;
#[cfg(feature = "kubernetes")]
mod kind;
#[cfg(feature = "kubernetes")]
mod logs;
#[cfg(feature = "kubernetes")]
mod meters;
#[cfg(feature = "kubernetes")]
mod offer;
#[cfg(feature = "kubernetes")]
mod outlet;
#[cfg(feature = "kubernetes")]
mod progress;
#[cfg(feature = "kubernetes")]
mod trial;
#[cfg(feature = "kubernetes")]
mod watch;
#[cfg(feature = "kubernetes")]
mod wire;

use async_trait::async_trait;
use opspilot_core::module::{BuildError, Category, Context, Manifest, Module, RunError};
#[cfg(feature = "kubernetes")]
use opspilot_core::module::{Offer, Trial, TrialContext};

pub use config::{Config, PodLogs};

/// Watches a cluster.
#[derive(Debug)]
pub struct Kubernetes {
    #[cfg_attr(
        not(feature = "kubernetes"),
        expect(dead_code, reason = "a program without the feature refuses the module")
    )]
    config: Config,
}

#[cfg(feature = "kubernetes")]
const METRICS: &[opspilot_core::metrics::MetricSpec] = meters::METRICS;
#[cfg(not(feature = "kubernetes"))]
const METRICS: &[opspilot_core::metrics::MetricSpec] = &[];

#[async_trait]
impl Module for Kubernetes {
    const MANIFEST: Manifest = Manifest {
        emits: &["log.ingested"],
        enabled_by_default: false,
        metrics: METRICS,
        ..Manifest::new(
            "connector.kubernetes",
            Category::Connector,
            "Watches the Events, pods, nodes and deployments of a cluster.",
        )
    };

    type Config = Config;

    #[cfg(feature = "kubernetes")]
    fn new(config: Config) -> Result<Self, BuildError> {
        config.check()?;
        Ok(Self { config })
    }

    #[cfg(not(feature = "kubernetes"))]
    fn new(_: Config) -> Result<Self, BuildError> {
        Err(BuildError::option(
            opspilot_core::config::KeyPath::default(),
            "built without the feature `kubernetes`: build with it, or switch the module off",
        ))
    }

    #[cfg(feature = "kubernetes")]
    fn offers() -> Vec<Offer> {
        offer::offers()
    }

    #[cfg(feature = "kubernetes")]
    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        trial::try_cluster(&self.config, cx).await
    }

    #[cfg(feature = "kubernetes")]
    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let cluster = cluster::Cluster::new(self.config.clone());
        let severities = self.config.severities();
        let positions = progress::Positions::open(cx).await?;
        cx.health.detail("cluster", cluster.name());
        let kinds = kind::Kind::wanted(&self.config);
        let watchers = kinds.into_iter().map(|kind| {
            let watcher = watch::Watcher {
                cx,
                cluster: &cluster,
                kind,
                severities: &severities,
                positions: positions.clone(),
            };
            watcher.run()
        });
        let logs = logs::Logs {
            cx,
            cluster: &cluster,
            places: logs::Places::open(cx).await?,
        };
        tokio::join!(futures_util::future::join_all(watchers), logs.run());
        Ok(())
    }

    #[cfg(not(feature = "kubernetes"))]
    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        cx.cancel.cancelled().await;
        Ok(())
    }
}

#[cfg(feature = "kubernetes")]
#[cfg(test)]
mod tests;
