//! What the audit log is told of credentials: never a secret.

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::info;

use super::{CredentialError, Credentials};
use crate::bus::Tx;
use crate::safety::identity::Identity;

/// One entry, before it is known who answers for it.
pub(super) struct Entry {
    action: &'static str,
    target: String,
    details: Map<String, Value>,
}

impl Entry {
    pub(super) fn new(action: &'static str, target: String) -> Self {
        Self {
            action,
            target,
            details: Map::new(),
        }
    }

    pub(super) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or_default();
        self.details.insert(name.to_owned(), value);
        self
    }

    /// Appends the entry on behalf of `by`.
    #[expect(
        clippy::unused_async,
        reason = "the audit log is appended to in the transaction"
    )]
    pub(super) async fn append(
        self,
        _: &Credentials,
        _: &mut Tx,
        by: &Identity,
    ) -> Result<(), CredentialError> {
        let Self {
            action,
            target,
            details,
        } = self;
        let details = Value::Object(details).to_string();
        info!(action, target, actor = by.subject(), details, "credential");
        Ok(())
    }
}
