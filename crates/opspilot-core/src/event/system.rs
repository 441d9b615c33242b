//! Events about OpsPilot itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

super::wire_types! {
    ModuleLifecycle => "module.lifecycle",
    DeliveryFailed => "delivery.failed",
}

/// A module changed its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModuleLifecycle {
    /// The module.
    pub module_id: String,
    /// The state it is in now.
    pub state: ModuleState,
    /// Why, when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where a module stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModuleState {
    /// Known, not started.
    Registered,
    /// Has what it needs.
    Initialised,
    /// At work.
    Running,
    /// Finishing what it began.
    Stopping,
    /// Ended as asked.
    Stopped,
    /// Ended by an error or panic; its supervisor starts it again after a pause.
    Failed,
}

/// A consumer gave up on an event, which is now in the dead-letter list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryFailed {
    /// The consumer's name.
    pub consumer: String,
    /// The event it could not handle.
    pub event_id: String,
    /// That event's type.
    pub event_type: String,
    /// How often it tried.
    pub attempts: u32,
    /// The last error.
    pub error: String,
}
