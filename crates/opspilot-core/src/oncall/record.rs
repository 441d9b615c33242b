//! People, channels and stand-ins.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::storage::{CollectionSpec, IndexEntry, IndexSpec, Record};

/// Somebody who can be on call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Person {
    /// The id in schedules and targets.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The name for people; the id if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The ids of the channels on which they are told.
    #[serde(default)]
    pub channels: Vec<String>,
    /// The time zone that they live in, for whoever shows them a schedule, for example `Europe/Berlin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// A channel of a notifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its id, for example `ops-file`.
    pub id: String,
    /// True if it is told of an escalation that names no channel.
    pub hears_all: bool,
}

/// Somebody stands in for whoever would be on call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Override {
    /// Its identity.
    pub id: String,
    /// The schedule.
    pub schedule: String,
    /// Who stands in.
    pub person: String,
    /// From when.
    pub from: Timestamp,
    /// Until when, which is not included.
    pub until: Timestamp,
    /// Where it comes from.
    pub source: Source,
    /// Who entered it.
    pub added_by: String,
    /// When it was entered.
    pub added_at: Timestamp,
    /// Why, if they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Where a stand-in comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The configuration file; it is changed there.
    Configuration,
    /// Somebody entered it at run time.
    Entered,
}

/// A stand-in to enter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OverrideRequest {
    /// The schedule.
    pub schedule: String,
    /// Who stands in.
    pub person: String,
    /// From when.
    pub from: Timestamp,
    /// Until when, which is not included.
    pub until: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Person {
    /// The name, or the id if there is none.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

impl Override {
    /// True if it holds at `at`.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

impl Record for Override {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "overrides",
        indexes: &[IndexSpec {
            name: "until",
            prefix: 0,
        }],
    };

    fn key(&self) -> String {
        self.id.clone()
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        vec![Some(IndexEntry {
            prefix: Vec::new(),
            sort: self.until.as_millis(),
        })]
    }
}
