//! `connector.cloudwatch`: log groups of AWS `CloudWatch` Logs.
//!
//! Each group is polled on its own with `FilterLogEvents`, all pages of it, so one that fails delays nobody.
//!
//! # Positions
//!
//! A group is one *stream*. Its events arrive late and out of order, and detectors pass over what lies before a position
//! that they have stored, so the time of an event cannot be its position: a latecomer would be passed over. The position is
//! therefore a number that each event gets when it is seen first, and it has to be the same when it is seen again:
//!
//! 1. New events of a page are numbered in the order of their times, and which event has which number is stored **before**
//!    any of them is sent. One page of a group is under way at a time.
//! 2. It is sent, and when all that it led to is stored, the group is marked as done up to there.
//! 3. A start that finds numbers without that mark asks for these events again and sends them under the same numbers first.
//!    What was stored of them before the crash is recognised, the rest is news.
//!
//! Every poll reads again from `lateMs` before the one before it began (or from where an unfinished one was), and passes over
//! events whose ids are among the stored numbers. These are kept as long as reading may start before them. So an event that
//! becomes visible within `lateMs` of its time is told exactly once.
//!
//! # Live tail
//!
//! With `liveTail`, sessions of `StartLiveTail` say which group has something new, and that group is polled at once
//! instead of at its next time. Nothing of a session is sent or kept: its events have no ids, so what it told could not be
//! recognised (`docs/decisions/0002-live-tail-rings.md`). A group that is missing when a session begins does not ring before
//! the next one, three hours later at the latest; it is polled as usual.
//!
//! What each part does: `cloud` asks AWS, `ledger` numbers events and knows what was seen, `shelf` stores that, `outlet` makes
//! batches, `poller` follows one group, `live` holds sessions and rings, `wakes` says when a ring makes a poll, `board` says
//! in the health how the groups are.
//!
//! Known limits: an event that comes more than `lateMs` after its own time is not seen if nothing stopped us meanwhile, and
//! the machine's clock must not be ahead by more than that. Of the ways to find credentials, single sign-on and programs (`credential_process`) are left out. The SDK reads a page before it can be
//! measured; AWS limits one to 1 MiB and 10000 events.

#[cfg(feature = "cloudwatch")]
mod board;
#[cfg(feature = "cloudwatch")]
mod cloud;
mod config;
#[cfg(feature = "cloudwatch")]
mod ledger;
#[cfg(feature = "cloudwatch")]
mod live;
#[cfg(feature = "cloudwatch")]
mod meters;
#[cfg(feature = "cloudwatch")]
mod outlet;
#[cfg(feature = "cloudwatch")]
mod poller;
#[cfg(feature = "cloudwatch")]
mod shelf;
#[cfg(feature = "cloudwatch")]
mod trial;
#[cfg(feature = "cloudwatch")]
mod trouble;
#[cfg(feature = "cloudwatch")]
mod wakes;

use async_trait::async_trait;
#[cfg(feature = "cloudwatch")]
use futures_util::future::join_all;
use opspilot_core::module::{BuildError, Category, Context, Manifest, Module, RunError};
#[cfg(feature = "cloudwatch")]
use opspilot_core::module::{Trial, TrialContext};

pub use config::{AssumeRole, Config};

/// Polls log groups.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "cloudwatch"),
    expect(dead_code, reason = "never made then")
)]
pub struct CloudWatch {
    config: Config,
}

#[cfg(feature = "cloudwatch")]
const METRICS: &[opspilot_core::metrics::MetricSpec] = meters::METRICS;
#[cfg(not(feature = "cloudwatch"))]
const METRICS: &[opspilot_core::metrics::MetricSpec] = &[];

#[async_trait]
impl Module for CloudWatch {
    const MANIFEST: Manifest = Manifest {
        emits: &["log.ingested"],
        enabled_by_default: false,
        metrics: METRICS,
        ..Manifest::new(
            "connector.cloudwatch",
            Category::Connector,
            "Reads log groups of AWS CloudWatch Logs.",
        )
    };

    type Config = Config;

    #[cfg(feature = "cloudwatch")]
    fn new(config: Config) -> Result<Self, BuildError> {
        config.check()?;
        Ok(Self { config })
    }

    #[cfg(not(feature = "cloudwatch"))]
    fn new(_: Config) -> Result<Self, BuildError> {
        Err(BuildError::option(
            opspilot_core::config::KeyPath::default(),
            "built without the feature `cloudwatch`: build with it, or switch the module off",
        ))
    }

    #[cfg(feature = "cloudwatch")]
    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let shelf = shelf::Shelf::open(cx).await?;
        let cloud = cloud::Cloud::open(&self.config).await?;
        let board = board::Board::new(cx, &self.config);
        let bells = live::Bells::new(&self.config);
        let groups = self.config.log_groups.iter().enumerate();
        let pollers = groups.map(|(index, group)| {
            let group = (group.as_str(), bells.of(group));
            let poller = poller::Poller::new(cx, &self.config, &cloud, &board, &shelf, group);
            poller.run(index)
        });
        let doorbells = live::sessions(&self.config).map(|groups| {
            let doorbell =
                live::Doorbell::new(cx, (&self.config, &cloud), (&board, &bells), groups);
            doorbell.run()
        });
        tokio::join!(join_all(pollers), join_all(doorbells));
        Ok(())
    }

    #[cfg(feature = "cloudwatch")]
    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        trial::try_cloud(&self.config, cx).await
    }

    #[cfg(not(feature = "cloudwatch"))]
    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        cx.cancel.cancelled().await;
        Ok(())
    }
}

#[cfg(feature = "cloudwatch")]
#[cfg(test)]
mod tests;
