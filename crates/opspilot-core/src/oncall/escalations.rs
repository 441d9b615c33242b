//! How far the escalations of incidents have come, for whoever shows them.

use std::fmt;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::incident::IncidentId;
use crate::storage::{Cursor, StorageError};

/// The escalation of one incident, as it is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Escalation {
    /// The incident.
    pub incident_id: IncidentId,
    /// The policy that matched it.
    pub policy_id: String,
    /// When the incident arrived, or came back after it was resolved.
    pub started_at: Timestamp,
    /// The level that was told last; 0 before the first.
    pub level: u32,
    /// How many times that level was told.
    pub told: u32,
    /// Since when somebody has the incident, if anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_since: Option<Timestamp>,
    /// True if whoever acknowledged it did not resolve it in time.
    pub is_overdue: bool,
    /// When somebody is told next; never if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

/// Whoever escalates.
#[async_trait]
pub trait Escalations: fmt::Debug + Send + Sync + 'static {
    /// One page of the incidents that are tracked, the newest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    async fn page(
        &self,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Escalation>, Option<Cursor>), StorageError>;
}
