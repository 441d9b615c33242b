//! Opens the log of a run, and makes sure that it is that run's.
//!
//! The API names no runs: it hands out the log of whatever run is the present one, or the one before, when it is asked. A
//! container may start again between the moment its run was seen and the request, so the pod is looked at after the log was
//! opened: what was the present run before and is afterwards was it in between.

use super::Reader;
use crate::kubernetes::cluster::{Arriving, Trouble};
use crate::kubernetes::logs::runs::{Run, runs_of, uid_of};
use crate::kubernetes::wire::LoggedPods;

/// How often a log is asked for whose container starts again meanwhile.
const ATTEMPTS: usize = 5;

/// What came of opening.
pub(super) enum Opened {
    Log(Arriving),
    /// There is no log yet, or no pod any more.
    Nothing,
    /// The run is no longer one that the cluster hands out the log of.
    Lost,
}

/// What a run is now.
pub(super) enum Now {
    Is(Run),
    /// Later runs took its place.
    Replaced,
    /// Its pod is gone.
    Gone,
}

impl Reader<'_> {
    /// Opens the log of the run, wherever the cluster has it now.
    pub(super) async fn open(&mut self) -> Result<Opened, Trouble> {
        for _ in 0..ATTEMPTS {
            let since = (self.place.time > 0).then_some(self.place.time / 1_000_000_000);
            let opened = self.logs.cluster.log(&self.run, since).await?;
            let now = match self.look().await? {
                Now::Is(now) => now,
                Now::Replaced => return Ok(Opened::Lost),
                Now::Gone => return Ok(Opened::Nothing),
            };
            let is_same = now.is_previous == self.run.is_previous;
            self.run = now;
            if is_same {
                return Ok(match opened {
                    Some(log) => Opened::Log(log),
                    None if self.run.is_over => Opened::Lost,
                    None => Opened::Nothing,
                });
            }
        }
        Ok(Opened::Nothing)
    }

    /// Looks what the run is now.
    pub(super) async fn look(&self) -> Result<Now, Trouble> {
        let (cluster, run) = (self.logs.cluster, &self.run);
        let page = cluster.named_pod(&run.namespace, &run.pod).await?;
        let page: LoggedPods = serde_json::from_slice(&page)
            .map_err(|error| Trouble::other(format!("the list is not one: {error}")))?;
        let mut pods = page.items.iter().flatten();
        // Another pod may have the same name.
        let Some(pod) = pods.find(|pod| pod.metadata.uid == uid_of(&run.stream)) else {
            return Ok(Now::Gone);
        };
        let runs = runs_of(pod, std::slice::from_ref(&run.container));
        let mut same = runs.into_iter().filter(|now| now.stream == run.stream);
        Ok(same.next().map_or(Now::Replaced, Now::Is))
    }
}
