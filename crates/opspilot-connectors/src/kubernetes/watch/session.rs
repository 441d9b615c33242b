//! Watching with what was stored when it began.

use std::time::Duration;

use opspilot_core::resilience::Backoff;
use tokio::time::Instant;

use super::feed::Feed;
use super::{Ended, FIRST_PAUSE, Watcher};
use crate::kubernetes::cluster::{Trouble, TroubleKind, refusal};
use crate::kubernetes::facts::{self, Seen};
use crate::kubernetes::meters::Meters;
use crate::kubernetes::outlet::{Draft, Outlet};
use crate::kubernetes::progress::{Changes, Progress, Standing};
use crate::kubernetes::wire::{Change, ChangeKind, Head, Status};

/// The most batches that are under way.
const IN_FLIGHT: usize = 64;

/// How far apart positions are that moved without anything to tell.
const QUIET_MARKS: Duration = Duration::from_secs(5);

/// Watching with what was stored when it began.
pub(super) struct Session<'a> {
    pub(super) watcher: &'a Watcher<'a>,
    progress: &'a Progress,
    pub(super) meters: Meters,
    pub(super) outlet: Outlet,
    /// Nothing has to be listed before the watch.
    has_list: bool,
    marked_at: Instant,
    /// The watch told something.
    has_news: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(watcher: &'a Watcher<'a>, progress: &'a Progress, outlet: Outlet) -> Self {
        Self {
            meters: Meters::new(watcher.cx, watcher.kind),
            has_list: outlet.watched.version > 0,
            watcher,
            progress,
            outlet,
            marked_at: Instant::now(),
            has_news: false,
        }
    }

    /// Watches on; true when the module is cancelled, false when everything since the stored position is to be read again.
    pub(super) async fn run(&mut self, backoff: &mut Backoff) -> bool {
        let cx = self.watcher.cx;
        loop {
            let ended = self.live().await;
            if self.has_news {
                backoff.reset();
            }
            self.meters.report(cx);
            match ended {
                Ended::Cancelled => return true,
                Ended::Failed => return false,
                Ended::Well => continue,
                Ended::Troubled(trouble) if trouble.kind == TroubleKind::Gone => {
                    self.has_list = false;
                }
                Ended::Troubled(trouble) => {
                    self.meters.errors.inc();
                    cx.health
                        .raise(self.watcher.cause(), trouble.status, trouble.message);
                }
            }
            let pause = backoff.next_delay().unwrap_or(FIRST_PAUSE);
            tokio::select! {
                biased;
                () = cx.cancel.cancelled() => return true,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn live(&mut self) -> Ended {
        self.has_news = false;
        if !self.has_list {
            if let Err(ended) = self.list().await {
                return ended;
            }
            self.has_list = true;
        }
        match self.follow().await {
            Ok(never) => match never {},
            Err(ended) => ended,
        }
    }

    async fn follow(&mut self) -> Result<std::convert::Infallible, Ended> {
        let Watcher {
            cx, cluster, kind, ..
        } = *self.watcher;
        let version = self.outlet.watched.version;
        let mut feed = tokio::select! {
            biased;
            () = cx.cancel.cancelled() => return Err(Ended::Cancelled),
            feed = Feed::open(cluster, (kind, ""), version) => feed?,
        };
        self.meters.watches.inc();
        cx.health.clear(&self.watcher.cause());
        self.meters.report(cx);
        loop {
            let has_room = self.progress.in_flight() < IN_FLIGHT;
            let read = tokio::select! {
                biased;
                () = cx.cancel.cancelled() => return Err(Ended::Cancelled),
                () = self.progress.room() => None,
                read = feed.next(), if has_room => Some(read?),
            };
            if self.progress.has_failed() {
                return Err(Ended::Failed);
            }
            match read {
                Some(Some(raw)) => {
                    self.has_news = true;
                    self.take(&raw).await?;
                }
                Some(None) => return Err(Ended::Well),
                None => {}
            }
        }
    }

    /// Takes whole lines of a watch.
    async fn take(&mut self, raw: &[u8]) -> Result<(), Ended> {
        let mut seen = Vec::new();
        let mut changes = Changes::new();
        let mut version = self.outlet.watched.version;
        let mut has_bookmark = false;
        let mut trouble = None;
        for line in raw
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let Ok(change) = serde_json::from_slice::<Change<'_>>(line) else {
                self.meters.unreadable.inc();
                continue;
            };
            match self.look(&change, &mut changes) {
                // Nothing would come until the versions reach the old ones again.
                Ok(Some(one))
                    if change.kind == ChangeKind::Bookmark
                        && one.version < self.outlet.watched.version =>
                {
                    trouble = Some(Trouble::gone(
                        "the cluster is behind the version that was seen",
                    ));
                    break;
                }
                Ok(Some(one)) if one.version > version => {
                    version = one.version;
                    has_bookmark |= change.kind == ChangeKind::Bookmark;
                    if !matches!(change.kind, ChangeKind::Bookmark | ChangeKind::Deleted) {
                        seen.push(one);
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    trouble = Some(error);
                    break;
                }
            }
        }
        self.send(seen, version, changes, has_bookmark).await?;
        trouble.map_or(Ok(()), |trouble| Err(trouble.into()))
    }

    /// Looks at one change. `None`: it says nothing.
    fn look(
        &mut self,
        change: &Change<'_>,
        changes: &mut Changes,
    ) -> Result<Option<Seen>, Trouble> {
        let Watcher {
            cluster,
            kind,
            severities,
            ..
        } = *self.watcher;
        match change.kind {
            ChangeKind::Error => {
                let status: Status = serde_json::from_str(change.object.get()).unwrap_or_default();
                Err(refusal(&status, "watch", kind, &cluster.config().namespace))
            }
            ChangeKind::Added | ChangeKind::Modified => {
                self.meters.changes.inc();
                match facts::read(kind, change.object, severities) {
                    Ok(seen) => Ok(Some(seen)),
                    Err(facts::ObjectError::Version(text)) => Err(versions(&text)),
                    Err(facts::ObjectError::Shape(_)) => {
                        self.meters.unreadable.inc();
                        Ok(None)
                    }
                }
            }
            ChangeKind::Deleted | ChangeKind::Bookmark => {
                let Ok(Head { metadata }) = serde_json::from_str(change.object.get()) else {
                    self.meters.unreadable.inc();
                    return Ok(None);
                };
                if change.kind == ChangeKind::Deleted {
                    self.outlet.forget(&metadata.uid, changes);
                }
                let version = facts::version(&metadata.resource_version)
                    .map_err(|_| versions(&metadata.resource_version))?;
                Ok(Some(Seen {
                    uid: metadata.uid,
                    version,
                    facts: Vec::new(),
                }))
            }
            ChangeKind::Other => Ok(None),
        }
    }

    /// Sends what is new, and moves the position.
    pub(super) async fn send(
        &mut self,
        seen: Vec<Seen>,
        version: u64,
        changes: Changes,
        is_mark: bool,
    ) -> Result<(), Ended> {
        let cx = self.watcher.cx;
        let drafts = self.outlet.drafts(seen, version, changes, cx.clock.now());
        for Draft {
            builder,
            end,
            watched,
            changes,
        } in drafts
        {
            let Some(builder) = builder else {
                if is_mark || !changes.is_empty() || self.marked_at.elapsed() >= QUIET_MARKS {
                    self.marked_at = Instant::now();
                    // It is done with when everything before it is.
                    drop(self.progress.begin(Standing { watched, changes }));
                }
                continue;
            };
            self.meters.facts.inc_by(builder.len() as u64);
            self.marked_at = Instant::now();
            let batch = builder.build(end, self.progress.begin(Standing { watched, changes }));
            // Letting go of a batch says that it is stored, so one that was not sent to all has to fail.
            let ack = batch.ack();
            tokio::select! {
                biased;
                () = cx.cancel.cancelled() => {
                    ack.fail();
                    return Err(Ended::Cancelled);
                }
                () = cx.bus.send_logs(batch) => {}
            }
        }
        self.meters.report(cx);
        Ok(())
    }
}

pub(in crate::kubernetes) fn versions(text: &str) -> Trouble {
    Trouble::other(format!(
        "the resource version `{text}` is not a number: this API server cannot be followed"
    ))
}
