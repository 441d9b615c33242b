//! A watch that is open, whatever is watched.

use std::time::Duration;

use tokio::time::Instant;

use crate::kubernetes::cluster::{Arriving, Cluster, Trouble};
use crate::kubernetes::kind::Kind;
use crate::lines::Lines;

/// The longest line of a watch: an object of the API is at most about 1.5 MiB long.
const LONGEST_LINE: usize = 3 << 20;

/// How long the cluster is asked to keep a watch open.
const LENGTH: Duration = Duration::from_mins(4);

/// A watch that ends before this and said nothing is trouble.
const SOON: Duration = Duration::from_secs(1);

/// A watch that is open.
#[derive(Debug)]
pub(in crate::kubernetes) struct Feed {
    arriving: Arriving,
    lines: Lines,
    started: Instant,
    deadline: Instant,
    has_news: bool,
}

impl Feed {
    /// Watches from `version` on.
    pub(in crate::kubernetes) async fn open(
        cluster: &Cluster,
        what: (Kind, &str),
        version: u64,
    ) -> Result<Self, Trouble> {
        let started = Instant::now();
        Ok(Self {
            arriving: cluster.watch(what, version, LENGTH).await?,
            lines: Lines::new(LONGEST_LINE),
            started,
            deadline: started + LENGTH + cluster.config().timeout(),
            has_news: false,
        })
    }

    /// The next whole lines; `None` when the watch is over, which is nothing unusual.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(in crate::kubernetes) async fn next(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        loop {
            let count = tokio::select! {
                biased;
                () = tokio::time::sleep_until(self.deadline) => return Ok(None),
                count = self.arriving.read(self.lines.tail()) => count?,
            };
            if count == 0 {
                let is_usual = self.has_news || self.started.elapsed() >= SOON;
                let trouble = || Trouble::other("the API server ends the watch at once");
                return if is_usual { Ok(None) } else { Err(trouble()) };
            }
            if let Some(raw) = self.lines.take() {
                self.has_news = true;
                return Ok(Some(raw));
            }
        }
    }
}
