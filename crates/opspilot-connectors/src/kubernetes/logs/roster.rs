//! The runs that there are, as the watches see them.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::runs::Run;

/// The runs of the pods that one selector chooses, by pod.
pub(super) type Chosen = BTreeMap<String, Vec<Run>>;

/// The runs of the pods that all selectors choose.
#[derive(Debug)]
pub(super) struct Roster {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// By selector; nothing where no list came yet.
    chosen: Vec<Option<Chosen>>,
    has_losses: bool,
}

/// What there is at a moment.
#[derive(Debug)]
pub(super) struct View {
    /// By stream.
    pub(super) runs: BTreeMap<String, Run>,
    pub(super) pods: HashSet<String>,
    /// The list of every selector came.
    pub(super) is_whole: bool,
    /// Pods may be gone since the last view.
    pub(super) has_losses: bool,
}

impl Roster {
    /// A roster of `count` selectors.
    pub(super) fn new(count: usize) -> Self {
        let state = State {
            chosen: vec![None; count],
            has_losses: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// A list came.
    pub(super) fn replace(&self, selector: usize, pods: Chosen) {
        let mut state = self.lock();
        state.has_losses = true;
        if let Some(chosen) = state.chosen.get_mut(selector) {
            *chosen = Some(pods);
        }
        self.changed.notify_one();
    }

    /// A pod is new or changed.
    pub(super) fn put(&self, selector: usize, uid: String, runs: Vec<Run>) {
        let mut state = self.lock();
        let Some(Some(chosen)) = state.chosen.get_mut(selector) else {
            return;
        };
        if chosen.get(&uid) != Some(&runs) {
            chosen.insert(uid, runs);
            self.changed.notify_one();
        }
    }

    /// A pod is gone, or has other labels.
    pub(super) fn remove(&self, selector: usize, uid: &str) {
        let mut state = self.lock();
        let Some(Some(chosen)) = state.chosen.get_mut(selector) else {
            return;
        };
        if chosen.remove(uid).is_some() {
            state.has_losses = true;
            self.changed.notify_one();
        }
    }

    /// Waits until something changed since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What there is now.
    pub(super) fn view(&self) -> View {
        let mut state = self.lock();
        let has_losses = std::mem::take(&mut state.has_losses);
        let all = || state.chosen.iter().flatten();
        let mut runs: BTreeMap<String, Run> = BTreeMap::new();
        for run in all().flat_map(|pods| pods.values().flatten()) {
            // One selector may know already that it is over, another not yet.
            if run.is_over || !runs.contains_key(&run.stream) {
                runs.insert(run.stream.clone(), run.clone());
            }
        }
        View {
            runs,
            pods: all().flat_map(|pods| pods.keys().cloned()).collect(),
            is_whole: state.chosen.iter().all(Option::is_some),
            has_losses,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
