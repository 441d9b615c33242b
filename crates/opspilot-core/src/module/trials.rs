//! Trials of what several modules would reach, all at once: for `check --online`, and for whoever sets a server up.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{DynModule, Registry, Trial, TrialContext};
use crate::clock::Clock;
use crate::config::{ConfigErrors, ModuleOptions};

/// How long all trials of a module may take, should it not heed the time of each.
const LIMIT: Duration = Duration::from_secs(20);

/// What came of the trials of one module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The module.
    pub module: &'static str,
    /// Its trials.
    pub trials: Vec<Trial>,
}

/// Tries what the modules with these options reach; the answers are in the order of the options. `prepare` tells each
/// context who asks, and whether a server that runs with this configuration has the module at work.
///
/// # Errors
/// Options that no module can be made of.
pub async fn try_modules<'a>(
    registry: &Registry,
    options: impl IntoIterator<Item = &'a ModuleOptions>,
    clock: &Arc<dyn Clock>,
    prepare: impl Fn(&mut TrialContext),
) -> Result<Vec<Tried>, ConfigErrors> {
    let mut running = JoinSet::new();
    for (index, options) in options.into_iter().enumerate() {
        let Some(factory) = registry.get(options.id()) else {
            continue;
        };
        let module = factory.build(options)?;
        let mut cx = TrialContext::new(factory.manifest().id, Arc::clone(clock));
        prepare(&mut cx);
        running.spawn(async move { (index, try_one(module, &cx).await) });
    }
    let mut done = Vec::new();
    while let Some(ended) = running.join_next().await {
        // A trial that panics has told so in the log; the others count.
        done.extend(ended.ok());
    }
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, tried)| tried).collect())
}

async fn try_one(mut module: Box<dyn DynModule>, cx: &TrialContext) -> Tried {
    let tried = tokio::time::timeout(LIMIT, module.trial(cx)).await;
    let trials = tried.unwrap_or_else(|_| {
        let fault = format!("its trials did not end within {} s", LIMIT.as_secs());
        vec![Trial::of("all", Err(fault))]
    });
    Tried {
        module: cx.id,
        trials,
    }
}
