//! `action.safe`: proposes actions for incidents, and does those that people approved.
//!
//! What can be done is the catalogue in the configuration file, and nothing else. A rule says which action may help with
//! which incident; it is proposed, and waits for a decision.

pub mod catalogue;
mod config;
mod deed;
mod offered;
mod pending;
mod proposer;
mod rules;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod verification;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::bus::Consumer;
use opspilot_core::config::KeyPath;
use opspilot_core::error::chain;
use opspilot_core::health::HealthStatus;
use opspilot_core::module::{BuildError, Category, Context, Manifest, Module, RunError};
use opspilot_core::safety::catalogue::ActionType;

pub use config::{Config, Rule};

use self::catalogue::Prepared;
use self::deed::World;
use self::offered::Offered;
use self::pending::Book;
use self::proposer::{KINDS, PROPOSALS, Proposer};
use self::rules::Rules;
use crate::process::Runner;

/// The longest wait between two looks at the clock of the day, which may be set.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// How long to wait before a storage that does not work is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// What the health calls a storage that does not work.
const STORAGE: &str = "proposing";

/// Proposes actions for incidents.
#[derive(Debug)]
pub struct Safe {
    config: Config,
    catalogue: Vec<Arc<Prepared>>,
    rules: Rules,
    runner: Runner,
    at_work: Option<(Consumer, Proposer)>,
}

impl Safe {
    fn build(config: Config) -> Result<Self, BuildError> {
        let mut faults = Vec::new();
        if config.proposal_delay_sec > 86_400 {
            let path = KeyPath::of(["proposalDelaySec"]);
            faults.push(BuildError::option(path, "must be from 0 to 86400"));
        }
        let catalogue = catalogue::prepare(&config.catalogue, &KeyPath::of(["catalogue"]));
        let catalogue = catalogue.unwrap_or_else(|fault| {
            faults.push(fault);
            Vec::new()
        });
        // Rules are checked against a catalogue without faults; else they would repeat them.
        let rules = match faults.is_empty() {
            true => Rules::parse(&config.actions, &catalogue),
            false => Ok(Rules::default()),
        };
        let rules = rules
            .map_err(|fault| faults.push(fault))
            .unwrap_or_default();
        let catalogue = catalogue.into_iter().map(Arc::new).collect();
        BuildError::join(faults).map_or(
            Ok(Self {
                config,
                catalogue,
                rules,
                runner: Runner::own(),
                at_work: None,
            }),
            Err,
        )
    }

    /// The types of action that this module offers, by name.
    fn types(&self, cx: &Context) -> BTreeMap<String, Arc<dyn ActionType>> {
        let world = World {
            runner: self.runner.clone(),
            systemctl: PathBuf::from("/usr/bin/systemctl"),
            incidents: cx.incidents.clone(),
            clock: Arc::clone(&cx.clock),
        };
        let offered = self.catalogue.iter().map(|prepared| {
            let offered = Offered::new(Arc::clone(prepared), world.clone());
            (
                prepared.name.clone(),
                Arc::new(offered) as Arc<dyn ActionType>,
            )
        });
        offered.chain(self.rules.manual_types()).collect()
    }
}

#[async_trait]
impl Module for Safe {
    const MANIFEST: Manifest = Manifest {
        consumes: KINDS,
        metrics: &[PROPOSALS],
        ..Manifest::new(
            "action.safe",
            Category::Action,
            "Proposes actions of its catalogue for matching incidents, and does those that people approved.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        Self::build(config)
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        cx.actions.offer(self.types(cx));
        let book = Book::open(cx).await?;
        let delay = Duration::from_secs(self.config.proposal_delay_sec);
        let delay = self.config.auto_propose.then_some(delay);
        let proposer = Proposer::new(cx, book, std::mem::take(&mut self.rules), delay);
        let consumer = cx.bus.consumer("", KINDS).await?;
        self.at_work = Some((consumer, proposer));
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let Some((mut consumer, mut proposer)) = self.at_work.take() else {
            return Err(RunError::message("it was not initialised"));
        };
        while !cx.cancel.is_cancelled() {
            let wait = tokio::select! {
                // A proposal that is cut off is found, or made, at the next start.
                () = cx.cancel.cancelled() => break,
                wait = propose_due(&mut proposer, cx) => wait?,
            };
            tokio::select! {
                biased;
                events = consumer.next(&cx.cancel) => {
                    let Some(event) = events?.and_then(|events| events.first()).cloned() else {
                        return Ok(());
                    };
                    let outcome = proposer.handle(&event).await;
                    consumer.settle(outcome.map(|()| 1), &cx.cancel).await?;
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
        Ok(())
    }

    async fn stop(&mut self, cx: &Context) -> Result<(), RunError> {
        // Switched off, the module offers nothing.
        cx.actions.offer(BTreeMap::new());
        Ok(())
    }
}

/// Proposes what is due, and says how long nothing else is. Faults of the storage that may pass are waited out.
async fn propose_due(proposer: &mut Proposer, cx: &Context) -> Result<Duration, RunError> {
    let proposed = async {
        proposer.propose_due().await?;
        proposer.next_due().await
    };
    match proposed.await {
        Ok(due) => {
            cx.health.clear(STORAGE);
            let wait = due.map(|due| due.since(cx.clock.now()));
            Ok(wait.map_or(LOOK_AGAIN, |wait| wait.min(LOOK_AGAIN)))
        }
        Err(error) if error.is_transient() => {
            let message = format!("cannot propose: {}", chain(&error));
            cx.health.raise(STORAGE, HealthStatus::Degraded, message);
            Ok(TRY_AGAIN)
        }
        Err(error) => Err(error.into()),
    }
}
