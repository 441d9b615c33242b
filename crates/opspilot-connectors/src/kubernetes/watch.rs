//! Watches one resource of the cluster: lists it once, then follows its changes over every kind of interruption.
//!
//! Versions of one resource ascend (KEP-5504 made it a promise; etcd's revisions always did), so what has a version that was
//! seen is old news, whether it comes in a list or in a watch.

mod feed;
mod listing;
mod session;

use std::time::Duration;

use opspilot_core::module::Context;
use opspilot_core::resilience::BackoffPolicy;

pub(super) use self::feed::Feed;
use self::session::Session;
pub(super) use self::session::versions;
use super::cluster::{Cluster, Trouble};
use super::config::Severities;
use super::kind::Kind;
use super::outlet::Outlet;
use super::progress::{Positions, Progress, Watched};

/// The pause after a position could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// The first pause after a failure.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Watches one resource.
pub(super) struct Watcher<'a> {
    pub(super) cx: &'a Context,
    pub(super) cluster: &'a Cluster,
    pub(super) kind: Kind,
    pub(super) severities: &'a Severities,
    pub(super) positions: Positions,
}

/// Why a watch ended.
enum Ended {
    Cancelled,
    /// A batch was not stored: everything since is read again.
    Failed,
    /// The cluster ended it, after it told something or after some time.
    Well,
    Troubled(Trouble),
}

impl From<Trouble> for Ended {
    fn from(trouble: Trouble) -> Self {
        Self::Troubled(trouble)
    }
}

impl Watcher<'_> {
    /// Watches until the module is cancelled.
    pub(super) async fn run(self) {
        let progress = Progress::new(None);
        let longest = Duration::from_millis(self.cluster.config().poll_interval_ms);
        let mut backoff = BackoffPolicy::endless(FIRST_PAUSE, longest).start();
        let follow = async {
            while let Some(outlet) = self.load(&progress).await {
                let mut session = Session::new(&self, &progress, outlet);
                if session.run(&mut backoff).await {
                    return;
                }
            }
        };
        tokio::join!(follow, progress.keep(self.cx, &self.positions));
    }

    fn cause(&self) -> String {
        format!("watch {}", self.kind.resource())
    }

    /// What is stored; `None` when the module is cancelled first.
    async fn load(&self, progress: &Progress) -> Option<Outlet> {
        let config = self.cluster.config();
        let watch = format!(
            "{} {} {}",
            self.cluster.name(),
            self.kind.resource(),
            config.namespace
        );
        let watch = watch.trim_end().to_owned();
        progress.restart();
        loop {
            let stored = async {
                progress.store(&self.positions).await?;
                self.positions.load(&watch).await
            };
            match stored.await {
                Ok((watched, told)) => {
                    let watched = watched.unwrap_or(Watched {
                        format: 1,
                        watch,
                        epoch: 0,
                        version: 0,
                    });
                    return Some(Outlet::new(
                        self.cx.id,
                        &config.source,
                        self.kind,
                        watched,
                        told,
                    ));
                }
                Err(error) => {
                    let message = format!(
                        "cannot read the position: {}",
                        opspilot_core::error::chain(&error)
                    );
                    self.cx.health.raise(
                        self.cause(),
                        opspilot_core::module::HealthStatus::Degraded,
                        message,
                    );
                }
            }
            tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => return None,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }
}
