//! Lists everything there is of a resource: at the first start, and when a watch came too late.

use std::collections::HashSet;

use super::session::{Session, versions};
use super::{Ended, Watcher};
use crate::kubernetes::cluster::Trouble;
use crate::kubernetes::facts::{self, Seen};
use crate::kubernetes::kind::Kind;
use crate::kubernetes::progress::Changes;
use crate::kubernetes::wire::Page;

impl Session<'_> {
    /// Lists everything, and tells what is newer than what was seen.
    pub(super) async fn list(&mut self) -> Result<(), Ended> {
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
                page = cluster.page(kind, "", rest.take()) => page?,
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
}
