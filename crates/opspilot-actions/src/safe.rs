//! `action.safe`: proposes actions for incidents, and does those that people approved.
//!
//! What can be done is the catalogue in the configuration file, and nothing else. A rule says which action may help with
//! which incident; it is proposed, and waits for a decision.

pub mod catalogue;
mod config;
mod deed;
mod offered;
mod rules;
#[cfg(test)]
mod testing;
mod verification;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use opspilot_core::config::KeyPath;
use opspilot_core::module::{BuildError, Context};
use opspilot_core::safety::catalogue::ActionType;

pub use config::{Config, Rule};

use self::catalogue::Prepared;
use self::deed::World;
use self::offered::Offered;
use self::rules::Rules;
use crate::process::Runner;

/// Proposes actions for incidents.
#[derive(Debug)]
pub struct Safe {
    config: Config,
    catalogue: Vec<Arc<Prepared>>,
    rules: Rules,
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
            }),
            Err,
        )
    }

    /// The types of action that this module offers, by name.
    fn types(&self, cx: &Context) -> BTreeMap<String, Arc<dyn ActionType>> {
        let world = World {
            runner: Runner::own(),
            systemctl: PathBuf::from("/usr/bin/systemctl"),
            incidents: cx.incidents.clone(),
            clock: Arc::clone(&cx.clock),
            cancel: cx.cancel.clone(),
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
