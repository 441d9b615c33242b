//! Watches the pods that one selector chooses.
//!
//! Nothing of it is stored: each start lists once, and how far a log was read is known by its run.

use std::time::Duration;

use opspilot_core::module::Context;
use opspilot_core::resilience::{Backoff, BackoffPolicy};

use super::roster::{Chosen, Roster};
use super::runs::runs_of;
use crate::kubernetes::cluster::{Cluster, Trouble, TroubleKind, refusal};
use crate::kubernetes::config::PodLogs;
use crate::kubernetes::facts;
use crate::kubernetes::kind::Kind;
use crate::kubernetes::meters::Meters;
use crate::kubernetes::watch::{FIRST_PAUSE, Feed};
use crate::kubernetes::wire::{Change, ChangeKind, Head, LoggedPod, LoggedPods, Status};

/// Watches the pods that one selector chooses.
pub(super) struct Selection<'a> {
    pub(super) cx: &'a Context,
    pub(super) cluster: &'a Cluster,
    pub(super) roster: &'a Roster,
    /// Which of the selectors.
    pub(super) number: usize,
    pub(super) chosen: &'a PodLogs,
}

impl Selection<'_> {
    /// Watches until the module is cancelled.
    pub(super) async fn run(self) {
        let cause = format!("watch pods `{}`", self.chosen.selector);
        let meters = Meters::new(self.cx, Kind::Logs);
        let longest = Duration::from_millis(self.cluster.config().poll_interval_ms);
        let mut backoff = BackoffPolicy::endless(FIRST_PAUSE, longest).start();
        let mut version = None;
        loop {
            let outcome = tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => return,
                outcome = self.watch(&mut version, (&cause, &meters), &mut backoff) => outcome,
            };
            match outcome {
                Ok(()) => continue,
                Err(trouble) if trouble.kind == TroubleKind::Gone => version = None,
                Err(trouble) => {
                    meters.errors.inc();
                    self.cx
                        .health
                        .raise(cause.clone(), trouble.status, trouble.message);
                }
            }
            let pause = backoff.next_delay().unwrap_or(FIRST_PAUSE);
            tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Watches from `version` on, or from a list, until the watch ends.
    async fn watch(
        &self,
        version: &mut Option<u64>,
        (cause, meters): (&str, &Meters),
        backoff: &mut Backoff,
    ) -> Result<(), Trouble> {
        let mut last = match *version {
            Some(version) => version,
            None => {
                meters.lists.inc();
                self.list().await?
            }
        };
        *version = Some(last);
        let what = (Kind::Pods, self.chosen.selector.as_str());
        let mut feed = Feed::open(self.cluster, what, last).await?;
        meters.watches.inc();
        self.cx.health.clear(cause);
        while let Some(raw) = feed.next().await? {
            backoff.reset();
            let lines = raw.split(|byte| *byte == b'\n');
            for line in lines.filter(|line| !line.is_empty()) {
                let Ok(change) = serde_json::from_slice::<Change<'_>>(line) else {
                    meters.unreadable.inc();
                    continue;
                };
                self.take(&change, &mut last, meters)?;
                *version = Some(last);
            }
        }
        Ok(())
    }

    async fn list(&self) -> Result<u64, Trouble> {
        let mut pods = Chosen::new();
        let mut rest = None;
        loop {
            let selector = &self.chosen.selector;
            let page = self.cluster.page(Kind::Pods, selector, rest.take()).await?;
            let page: LoggedPods = serde_json::from_slice(&page)
                .map_err(|error| Trouble::other(format!("the list is not one: {error}")))?;
            for pod in page.items.iter().flatten() {
                let runs = runs_of(pod, &self.chosen.containers);
                pods.insert(pod.metadata.uid.clone(), runs);
            }
            rest = page.metadata.rest.filter(|rest| !rest.is_empty());
            if rest.is_none() {
                let version = number(&page.metadata.resource_version)?;
                self.roster.replace(self.number, pods);
                return Ok(version);
            }
        }
    }

    /// Takes one change, and moves `last` to its version.
    fn take(&self, change: &Change<'_>, last: &mut u64, meters: &Meters) -> Result<(), Trouble> {
        let object = change.object.get();
        match change.kind {
            ChangeKind::Error => {
                let status: Status = serde_json::from_str(object).unwrap_or_default();
                let namespace = &self.cluster.config().namespace;
                Err(refusal(&status, "watch", Kind::Pods, namespace))
            }
            ChangeKind::Added | ChangeKind::Modified => {
                let Ok(pod) = serde_json::from_str::<LoggedPod>(object) else {
                    meters.unreadable.inc();
                    return Ok(());
                };
                let version = number(&pod.metadata.resource_version)?;
                if version > *last {
                    *last = version;
                    meters.changes.inc();
                    let runs = runs_of(&pod, &self.chosen.containers);
                    self.roster.put(self.number, pod.metadata.uid, runs);
                }
                Ok(())
            }
            ChangeKind::Deleted | ChangeKind::Bookmark => {
                let Ok(Head { metadata }) = serde_json::from_str(object) else {
                    meters.unreadable.inc();
                    return Ok(());
                };
                let version = number(&metadata.resource_version)?;
                if change.kind == ChangeKind::Deleted {
                    self.roster.remove(self.number, &metadata.uid);
                } else if version < *last {
                    // Nothing would come until the versions reach the old ones again.
                    let message = "the cluster is behind the version that was seen";
                    return Err(Trouble::gone(message));
                }
                *last = version.max(*last);
                Ok(())
            }
            ChangeKind::Other => Ok(()),
        }
    }
}

fn number(version: &str) -> Result<u64, Trouble> {
    facts::version(version).map_err(|_| crate::kubernetes::watch::versions(version))
}
