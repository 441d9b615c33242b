//! `connector.fileTail`: log files, followed through every kind of rotation.
//!
//! A file is one *stream*: its identity is made from device, inode and a hash of its first bytes when it is first seen,
//! and is stored before anything of it is sent. A position within it is a byte offset. It moves only when everything
//! before it is stored, so a crash repeats at most what was not acknowledged, under the same stream and position.
//!
//! What each part does: `splitter` and `multiline` find records in bytes; `content` reads plain and compressed
//! files; `stream` reads one file on; `rotation` finds where a file went; `tailer` follows all files and is
//! synchronous; `watch` notices changes; `eyes` does both; `driver` connects these with storage, bus and clock.
//!
//! Known limits: a file that is replaced by one with the same bytes before the position cannot be told from the old
//! one. What a copy-and-truncate rotation loses between its copy and its truncation is lost to everybody. A writer that
//! fills a file that it has extended with zero bytes before is not followed into the zeros.

mod config;
mod content;
mod driver;
mod eyes;
mod fingerprint;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod meters;
mod multiline;
mod offer;
mod paths;
mod position;
mod rotation;
mod splitter;
mod stream;
mod tailer;
mod trial;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::module::{
    BuildError, Category, Context, Manifest, Module, Offer, RunError, Trial, TrialContext,
};
use opspilot_core::signal::BufferPool;
use tokio::sync::Notify;

pub use config::{Config, Encoding, Multiline, MultilineMode, WatchMode};

use driver::Driver;
use eyes::Eyes;
use meters::Meters;
use position::Positions;
use splitter::Splitter;
use stream::Reading;
use tailer::{Settings, Tailer};
use watch::Watch;

/// How many idle buffers are kept.
const BUFFERS: usize = 8;

/// How long a start waits for the first look. A file system that hangs must not hold up the others.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// Follows log files.
#[derive(Debug)]
pub struct FileTail {
    config: Config,
    driver: Option<Driver>,
}

#[async_trait]
impl Module for FileTail {
    const MANIFEST: Manifest = Manifest {
        emits: &["log.ingested"],
        enabled_by_default: false,
        metrics: meters::METRICS,
        ..Manifest::new(
            "connector.fileTail",
            Category::Connector,
            "Follows log files through rotation.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        config.check()?;
        Ok(Self {
            config,
            driver: None,
        })
    }

    fn offers() -> Vec<Offer> {
        offer::offers()
    }

    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        trial::try_paths(&self.config, cx).await
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        cx.health.detail("path", self.config.patterns().join(", "));
        let mut driver = self.driver(cx).await?;
        if let Ok(begun) = tokio::time::timeout(FIRST_LOOK, driver.begin()).await {
            begun?;
            self.driver = Some(driver);
        }
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let driver = match self.driver.take() {
            Some(begun) => begun,
            None => self.driver(cx).await?,
        };
        driver.run().await
    }
}

impl FileTail {
    async fn driver(&self, cx: &Context) -> Result<Driver, RunError> {
        let positions = Positions::open(cx).await?;
        let stored = positions.load().await?;
        let config::Checked { paths, joiner } = self
            .config
            .check()
            .map_err(|error| RunError::new("cannot use the options", error))?;
        let (changed, settled) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        let reading = Reading {
            splitter: Splitter::new(self.config.max_line_length, joiner),
            latin1: self.config.encoding == Encoding::Latin1,
            line_patience: self.config.line_patience(),
            group_patience: Duration::from_millis(self.config.multiline.flush_ms),
            pool: BufferPool::new(BUFFERS),
            settled: Arc::clone(&settled),
        };
        let now = tokio::time::Instant::now().into_std();
        let tailer = Tailer::new(self.settings(cx), reading, paths, stored, now);
        let watch = Watch::new(self.config.watch, Arc::clone(&changed));
        Ok(Driver {
            cx: cx.clone(),
            eyes: Some(Eyes { tailer, watch }),
            first: None,
            positions,
            changed,
            settled,
            poll_interval: Duration::from_millis(self.config.poll_interval_ms),
            meters: Meters::new(cx),
            storing: None,
            stored_at: now,
            looked_at: None,
        })
    }

    fn settings(&self, cx: &Context) -> Settings {
        Settings {
            module: cx.id.into(),
            first_from_beginning: self.config.first_from_beginning(),
            rotate_wait: Duration::from_millis(self.config.rotate_wait_ms),
            archive_ratio: self.config.max_archive_ratio,
        }
    }
}

#[cfg(test)]
mod tests;
