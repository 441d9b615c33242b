//! Watches one resource of the cluster: lists it once, then follows its changes over every kind of interruption.
//!
//! Versions of one resource ascend (KEP-5504 made it a promise; etcd's revisions always did), so what has a version that was
//! seen is old news, whether it comes in a list or in a watch.

use std::collections::HashSet;
use std::time::Duration;

use opspilot_core::module::Context;
use opspilot_core::resilience::{Backoff, BackoffPolicy};
use tokio::time::Instant;

use super::cluster::{Cluster, Trouble, TroubleKind, refusal};
use super::config::Severities;
use super::facts::{self, Seen};
use super::kind::Kind;
use super::meters::Meters;
use super::outlet::{Draft, Outlet};
use super::progress::{Changes, Positions, Progress, Watched, keep};
use super::wire::{Change, ChangeKind, Head, Page, Status};
use crate::lines::Lines;

/// The most batches that are under way.
const IN_FLIGHT: usize = 64;

/// The longest line of a watch: an object of the API is at most about 1.5 MiB long.
const LONGEST_LINE: usize = 3 << 20;

/// How long the cluster is asked to keep a watch open.
const LENGTH: Duration = Duration::from_mins(4);

/// A watch that ends before this and said nothing is trouble.
const SOON: Duration = Duration::from_secs(1);

/// How far apart positions are that moved without anything to tell.
const QUIET_MARKS: Duration = Duration::from_secs(5);

/// The first pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

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
        let progress = Progress::new();
        let longest = Duration::from_millis(self.cluster.config().poll_interval_ms);
        let mut backoff = BackoffPolicy::endless(FIRST_PAUSE, longest).start();
        let follow = async {
            while let Some(outlet) = self.load(&progress).await {
                let mut session = Session {
                    watcher: &self,
                    progress: &progress,
                    meters: Meters::new(self.cx, self.kind),
                    has_list: outlet.watched.version > 0,
                    outlet,
                    marked_at: Instant::now(),
                    has_news: false,
                };
                if session.run(&mut backoff).await {
                    return;
                }
            }
        };
        tokio::join!(follow, keep(self.cx, &progress, &self.positions));
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
                () = tokio::time::sleep(SOON) => {}
            }
        }
    }
}

/// Watching with what was stored when it began.
struct Session<'a> {
    watcher: &'a Watcher<'a>,
    progress: &'a Progress,
    meters: Meters,
    outlet: Outlet,
    /// Nothing has to be listed before the watch.
    has_list: bool,
    marked_at: Instant,
    /// The watch told something.
    has_news: bool,
}

impl Session<'_> {
    /// Watches on; true when the module is cancelled, false when everything since the stored position is to be read again.
    async fn run(&mut self, backoff: &mut Backoff) -> bool {
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
        let started = Instant::now();
        let version = self.outlet.watched.version;
        let mut arriving = tokio::select! {
            biased;
            () = cx.cancel.cancelled() => return Err(Ended::Cancelled),
            arriving = cluster.watch(kind, version, LENGTH) => arriving?,
        };
        self.meters.watches.inc();
        cx.health.clear(&self.watcher.cause());
        self.meters.report(cx);
        let deadline = started + LENGTH + cluster.config().timeout();
        let mut lines = Lines::new(LONGEST_LINE);
        loop {
            let has_room = self.progress.in_flight() < IN_FLIGHT;
            let read = tokio::select! {
                biased;
                () = cx.cancel.cancelled() => return Err(Ended::Cancelled),
                () = self.progress.room() => None,
                () = tokio::time::sleep_until(deadline) => return Err(Ended::Well),
                read = arriving.read(lines.tail()), if has_room => Some(read?),
            };
            if self.progress.has_failed() {
                return Err(Ended::Failed);
            }
            match read {
                Some(0) if self.has_news || started.elapsed() >= SOON => return Err(Ended::Well),
                Some(0) => {
                    return Err(Trouble::other("the API server ends the watch at once").into());
                }
                Some(_) => {
                    if let Some(raw) = lines.take() {
                        self.has_news = true;
                        self.take(&raw).await?;
                    }
                }
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

    /// Lists everything, and tells what is newer than what was seen.
    async fn list(&mut self) -> Result<(), Ended> {
        let Watcher {
            cx, cluster, kind, ..
        } = *self.watcher;
        self.meters.lists.inc();
        let mut seen: Vec<Seen> = Vec::new();
        let mut there = HashSet::new();
        let mut rest = None;
        let mut is_first = true;
        let version = loop {
            let page = tokio::select! {
                biased;
                () = cx.cancel.cancelled() => return Err(Ended::Cancelled),
                page = cluster.page(kind, rest.take()) => page?,
            };
            let page: Page<'_> = serde_json::from_slice(&page)
                .map_err(|error| Trouble::other(format!("the list is not one: {error}")))?;
            let text = &page.metadata.resource_version;
            let version = facts::version(text).map_err(|_| versions(text))?;
            if is_first && version < self.outlet.watched.version {
                self.begin_anew().await?;
            }
            is_first = false;
            self.look_at_page(&page, &mut seen, &mut there)?;
            rest = page.metadata.rest.filter(|rest| !rest.is_empty());
            if rest.is_none() {
                break version;
            }
        };
        seen.sort_by_key(|one| one.version);
        let gone = if kind == Kind::Events {
            Changes::new()
        } else {
            self.outlet.retain(|uid| there.contains(uid))
        };
        self.send(seen, version, gone, true).await
    }

    fn look_at_page(
        &mut self,
        page: &Page<'_>,
        seen: &mut Vec<Seen>,
        there: &mut HashSet<String>,
    ) -> Result<(), Trouble> {
        let Watcher {
            kind, severities, ..
        } = *self.watcher;
        for object in page.items.iter().flatten() {
            let one = match facts::read(kind, object, severities) {
                Ok(one) => one,
                Err(facts::ObjectError::Version(text)) => return Err(versions(&text)),
                Err(facts::ObjectError::Shape(_)) => {
                    self.meters.unreadable.inc();
                    continue;
                }
            };
            let is_new = one.version > self.outlet.watched.version;
            if kind != Kind::Events {
                there.insert(one.uid.clone());
            }
            if is_new && (!one.facts.is_empty() || self.outlet.knows(&one.uid)) {
                self.meters.changes.inc();
                seen.push(one);
            }
        }
        Ok(())
    }

    /// The cluster's versions are smaller than those that were seen: it was restored from a backup. What it says from now on
    /// is another stream.
    async fn begin_anew(&mut self) -> Result<(), Trouble> {
        let mut watched = self.outlet.watched.clone();
        tracing::warn!(
            module = self.watcher.cx.id,
            resource = self.watcher.kind.resource(),
            "the cluster's versions began anew"
        );
        watched.epoch += 1;
        watched.version = 0;
        let saved = self.watcher.positions.save(&watched).await;
        saved.map_err(|error| {
            Trouble::other(format!(
                "cannot store the position: {}",
                opspilot_core::error::chain(&error)
            ))
        })?;
        self.outlet.set_watched(watched);
        Ok(())
    }

    /// Sends what is new, and moves the position.
    async fn send(
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
                    drop(self.progress.begin(watched, changes));
                }
                continue;
            };
            self.meters.facts.inc_by(builder.len() as u64);
            self.marked_at = Instant::now();
            let batch = builder.build(end, self.progress.begin(watched, changes));
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

fn versions(text: &str) -> Trouble {
    Trouble::other(format!(
        "the resource version `{text}` is not a number: this API server cannot be followed"
    ))
}
