//! What a machine has that a module could be used for.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// One thing that a module could be used for here, found without any configuration.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// What it is: a path, an address, a service. It holds no secret.
    pub name: String,
    /// What is worth to know of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The options with which the module uses it.
    pub options: Value,
}
