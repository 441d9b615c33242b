//! How proposals are stored.

use super::Proposal;
use crate::storage::{CollectionSpec, IndexEntry, IndexSpec, Record};

impl Record for Proposal {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "approval_requests",
        indexes: &[
            IndexSpec {
                name: "recent",
                prefix: 1,
            },
            IndexSpec {
                name: "due",
                prefix: 0,
            },
            IndexSpec {
                name: "incident",
                prefix: 2,
            },
        ],
    };

    fn key(&self) -> String {
        self.id.clone()
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        let created = self.created_at.as_millis();
        vec![
            Some(IndexEntry {
                prefix: vec![self.status.as_str().to_owned()],
                sort: created,
            }),
            self.has_deadline().then(|| IndexEntry {
                prefix: Vec::new(),
                sort: self.expires_at.as_millis(),
            }),
            self.incident_id.as_ref().map(|id| IndexEntry {
                prefix: vec![id.to_string(), self.status.as_str().to_owned()],
                sort: created,
            }),
        ]
    }
}
