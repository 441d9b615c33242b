//! `connector.journald`: the journal of systemd, followed without a poll.
//!
//! A journal is one *stream*: the id of its sequence of numbers (`s=` in a cursor), and a position in it is the number of
//! an entry (`i=`), so an entry that is read again gives the same incident. Reading goes on behind the stored cursor; it
//! starts with the entry under that cursor once more, whose absence shows that entries are gone. The cursor is stored only
//! when everything before it is.
//!
//! What each part does: `child` runs `journalctl`, whose form `export` reads, and `native` uses libsystemd; both
//! hand over the same JSON lines (`line`); `lines` bounds them, `entry` reads them, `filter` chooses, `gather` makes batches, `progress` stores how far, `follow`
//! connects these with bus and clock.
//!
//! Known limits: several journals that are read as one (`directory` with the files of several machines) make small batches.
//! An entry that journald lost itself is nobody's to find. Numbers tell of missing entries only without a filter.

mod child;
mod config;
mod entry;
mod export;
mod filter;
mod follow;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod gather;
mod line;
mod meters;
#[cfg(feature = "journald")]
mod native;
mod offer;
mod progress;
mod source;
mod trial;

use async_trait::async_trait;
use opspilot_core::module::{
    BuildError, Category, Context, Manifest, Module, Offer, RunError, Trial, TrialContext,
};

pub use config::{Backend, Config};

use filter::Filter;
use follow::Follower;
use gather::{Gatherer, Settings};
use meters::Meters;
use progress::{Keeper, Position, Progress};

/// Follows the journal of systemd.
#[derive(Debug)]
pub struct Journald {
    config: Config,
    filter: Filter,
}

#[async_trait]
impl Module for Journald {
    const MANIFEST: Manifest = Manifest {
        emits: &["log.ingested"],
        enabled_by_default: false,
        metrics: meters::METRICS,
        ..Manifest::new(
            "connector.journald",
            Category::Connector,
            "Follows the journal of systemd.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        let filter = config.check()?;
        Ok(Self { config, filter })
    }

    fn offers() -> Vec<Offer> {
        offer::offers()
    }

    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        vec![trial::try_journal(&self.config, &self.filter, cx).await]
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        let backend = if self.config.is_native() {
            "native"
        } else {
            "journalctl"
        };
        cx.health.detail("backend", backend);
        cx.health.detail("journal", self.config.journal());
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let positions = cx.store.collection::<Position>().await?;
        let journal = self.config.journal();
        let stored = positions.get(&journal).await?.map(|(position, _)| position);
        let (cursor, is_new_filter) = follow::remembered(cx, stored, &self.filter.text);
        let progress = Progress::new(cursor);
        let keeper = Keeper {
            cx,
            positions,
            journal,
            filter: self.filter.text.clone(),
        };
        let settings = Settings {
            module: cx.id.into(),
            name: self.config.source.as_str().into(),
            filter: self.filter.clone(),
            longest: self.config.max_message_length,
            most: self.config.max_entries_per_poll,
        };
        let follower = Follower {
            cx,
            config: &self.config,
            filter: self.filter.clone(),
            gatherer: Gatherer::new(settings),
            progress: progress.clone(),
            meters: Meters::new(cx),
            is_new_filter,
        };
        let (outcome, ()) = tokio::join!(follower.run(), progress.keep(cx, &keeper));
        outcome
    }
}

#[cfg(test)]
mod tests;
