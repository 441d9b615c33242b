//! The tracked incidents, for whoever shows them.

use async_trait::async_trait;
use opspilot_core::oncall::{Escalation, Escalations};
use opspilot_core::storage::{Collection, Cursor, Query, StorageError};

use super::tracked::{Hold, Tracked};

/// The stored escalations, to read.
#[derive(Debug)]
pub(super) struct Shown(pub(super) Collection<Tracked>);

#[async_trait]
impl Escalations for Shown {
    async fn page(
        &self,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Escalation>, Option<Cursor>), StorageError> {
        let query = Query::by_index("started", vec![Vec::new()], limit)
            .descending()
            .after(after);
        let (page, next) = self.0.query(&query).await?;
        Ok((page.into_iter().map(Escalation::from).collect(), next))
    }
}

impl From<Tracked> for Escalation {
    fn from(tracked: Tracked) -> Self {
        let acknowledged_since = match tracked.hold {
            Hold::None => None,
            Hold::Acknowledged { since, .. } | Hold::Overdue { since } => Some(since),
        };
        Self {
            incident_id: tracked.incident_id,
            policy_id: tracked.policy_id,
            started_at: tracked.started_at,
            level: tracked.level,
            told: tracked.told,
            acknowledged_since,
            is_overdue: matches!(tracked.hold, Hold::Overdue { .. }),
            due_at: tracked.due_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use opspilot_core::clock::Timestamp;
    use opspilot_core::storage::Store;
    use opspilot_core::testing::Bench;

    use super::*;

    #[tokio::test]
    async fn tracked_incidents_are_shown_newest_first_with_who_has_them() {
        let bench = Bench::new().await;
        let collection = Store::new(std::sync::Arc::clone(&bench.storage), "action.escalation")
            .collection::<Tracked>()
            .await
            .unwrap();
        let at = Timestamp::from_millis;
        let tracked = |id: &str, started: i64, hold: Hold| Tracked {
            incident_id: id.into(),
            policy_id: "all".into(),
            started_at: at(started),
            paused_ms: 0,
            level: 1,
            told: 1,
            told_at: at(started),
            hold,
            due_at: None,
        };
        let overdue = Hold::Overdue { since: at(7) };
        for one in [tracked("old", 1, overdue), tracked("new", 2, Hold::None)] {
            collection.save(&one).await.unwrap();
        }
        let shown = Shown(collection);
        let (first, next) = shown.page(None, 1).await.unwrap();
        let (second, end) = shown.page(next, 1).await.unwrap();
        assert_eq!(first[0].incident_id.as_str(), "new");
        assert_eq!(first[0].acknowledged_since, None);
        assert_eq!(second[0].acknowledged_since, Some(at(7)));
        assert!(second[0].is_overdue);
        assert_eq!(end, None);
    }
}
