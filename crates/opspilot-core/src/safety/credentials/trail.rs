//! What the audit log is told of credentials: never a secret.

use serde::Serialize;

use crate::bus::Tx;
use crate::safety::audit::{Audit, Record};
use crate::safety::identity::Identity;
use crate::storage::StorageError;

/// One entry, before it is known who answers for it.
pub(super) struct Entry(Record);

impl Entry {
    pub(super) fn new(action: &'static str, target: String) -> Self {
        Self(Record::new(action, "").target(target))
    }

    pub(super) fn with(self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or_default();
        Self(self.0.detail(name, value))
    }

    /// Appends the entry on behalf of `by`.
    pub(super) async fn append(
        self,
        audit: &Audit,
        tx: &mut Tx,
        by: &Identity,
    ) -> Result<(), StorageError> {
        let record = Record {
            actor: by.subject().to_owned(),
            ..self.0
        };
        let method = serde_json::to_value(by.method()).unwrap_or_default();
        audit.append_in(tx, record.detail("by", method)).await
    }
}
