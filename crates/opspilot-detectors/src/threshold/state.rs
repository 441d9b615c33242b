//! The state of the detector as it is stored.

use std::collections::BTreeMap;

use opspilot_core::incident::IncidentId;
use serde::{Deserialize, Serialize};

use super::groups::{Group, Groups};
use super::series::Series;
use crate::cap::CapState;
use crate::limiter::Newest;

/// A rule's state as it is stored.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RuleState {
    groups: BTreeMap<String, Group>,
    /// The one series of a rule, as it was stored before there could be several.
    #[serde(skip_serializing)]
    series: Series,
    #[serde(skip_serializing)]
    open: Vec<IncidentId>,
    #[serde(skip_serializing)]
    newest: Option<Newest>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct State {
    pub(super) cap: CapState,
    pub(super) rules: BTreeMap<String, RuleState>,
}

impl RuleState {
    pub(super) fn of(groups: &Groups) -> Self {
        Self {
            groups: groups.stored().clone(),
            ..Self::default()
        }
    }

    pub(super) fn groups(self) -> Groups {
        let mut groups = self.groups;
        if self.series.len() > 0 || !self.open.is_empty() {
            let alone = Group::new(self.series, self.open, self.newest);
            groups.entry(String::new()).or_insert(alone);
        }
        Groups::restore(groups)
    }
}
