//! Signatures in time, and the removal of old entries.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::store::Counting;
use super::{Log, prove};
use crate::clock::Clock as _;
use crate::safety::audit::verify::Cause;
use crate::safety::audit::{AuditFilter, CHECKPOINT_AFTER, CHECKPOINT_EVERY};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn every_thousandth_entry_is_signed_with_its_own_commit() {
    let log = Log::new().await;
    log.fill(CHECKPOINT_EVERY - 1).await;
    assert_eq!(log.prove().await.unwrap().checkpoints, 1);
    log.fill(1).await;
    assert_eq!(log.prove().await.unwrap().checkpoints, 2);
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_signed_within_a_minute_and_an_idle_log_is_left_alone() {
    let storage = Arc::new(Counting::default());
    let log = Log::on(Arc::<Counting>::clone(&storage)).await;
    let cancel = CancellationToken::new();
    let keeping = log.audit.keep(None, &cancel);
    let watching = async {
        log.fill(2).await;
        let before = storage.commits();
        tokio::time::sleep(CHECKPOINT_AFTER - Duration::from_secs(1)).await;
        assert_eq!(storage.commits(), before);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(storage.commits(), before + 1);
        tokio::time::sleep(DAY).await;
        assert_eq!(storage.commits(), before + 1);
        cancel.cancel();
    };
    tokio::join!(keeping, watching);
    assert_eq!(log.prove().await.unwrap().checkpoints, 2);
}

#[tokio::test(start_paused = true)]
async fn entries_that_a_killed_server_left_unsigned_are_signed_by_the_next() {
    let first = Log::new().await;
    first.fill(2).await;
    let log = Log::on(Arc::clone(&first.storage)).await;
    let cancel = CancellationToken::new();
    let watching = async {
        tokio::time::sleep(CHECKPOINT_AFTER + Duration::from_secs(1)).await;
        cancel.cancel();
    };
    tokio::join!(log.audit.keep(None, &cancel), watching);
    assert_eq!(log.prove().await.unwrap().checkpoints, 2);
}

/// Five days with ten entries each, signed at their end.
async fn five_days() -> Log {
    let log = Log::new().await;
    for _ in 0..5 {
        log.fill(10).await;
        log.audit.checkpoint().await.unwrap();
        log.clock.advance(DAY);
    }
    log
}

#[tokio::test]
async fn what_is_removed_ends_at_a_checkpoint_which_the_rest_continues() {
    let log = five_days().await;
    let before = log.clock.now().minus(3 * DAY);
    assert_eq!(log.audit.prune(before).await.unwrap(), 20);
    let summary = log.prove().await.unwrap();
    assert_eq!((summary.first, summary.last), (21, 51));
    let filter = AuditFilter {
        action: Some("audit.pruned".into()),
        ..AuditFilter::default()
    };
    let (entries, _) = log.audit.list(&filter, None, 10).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (&entries[0].details["first"], &entries[0].details["last"]),
        (&1.into(), &20.into())
    );
    assert_eq!(log.audit.prune(before).await.unwrap(), 0);
    assert_eq!(log.audit.prune(log.clock.now()).await.unwrap(), 30);
    log.fill(3).await;
    assert_eq!(log.prove().await.unwrap().first, 51);
    let again = Log::on(Arc::clone(&log.storage)).await;
    again.fill(1).await;
    again.prove().await.unwrap();
}

#[tokio::test]
async fn many_checkpoints_are_removed_in_steps() {
    let log = Log::new().await;
    for _ in 0..35 {
        log.fill(1).await;
        log.audit.checkpoint().await.unwrap();
    }
    log.clock.advance(DAY);
    assert_eq!(log.audit.prune(log.clock.now()).await.unwrap(), 35);
    let summary = log.prove().await.unwrap();
    assert!(summary.first > 35, "{summary:?}");
}

#[tokio::test(start_paused = true)]
async fn the_keeper_removes_what_is_older_than_the_retention() {
    let log = five_days().await;
    let cancel = CancellationToken::new();
    let watching = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cancel.cancel();
    };
    tokio::join!(log.audit.keep(Some(2 * DAY + DAY / 2), &cancel), watching);
    assert_eq!(log.prove().await.unwrap().first, 31);
}

#[tokio::test]
async fn entries_that_vanish_from_the_front_are_missed() {
    let log = five_days().await;
    let mut batch = crate::storage::WriteBatch::default();
    batch.delete_range("system::audit", "", Some(format!("{:020}", 21)));
    batch.delete_range("system::audit_checkpoints", "", Some(format!("{:020}", 20)));
    log.storage.apply(batch).await.unwrap();
    let fault = log.prove().await.unwrap_err();
    assert_eq!((fault.entry, &fault.cause), (21, &Cause::Unexplained));
    log.storage
        .delete("system::audit_checkpoints", &format!("{:020}", 20))
        .await
        .unwrap();
    let fault = log.prove().await.unwrap_err();
    assert_eq!(
        (fault.entry, fault.cause),
        (1, Cause::Removed { found: 21 })
    );
}

#[tokio::test]
async fn an_export_of_an_empty_log_is_whole() {
    let log = Log::new().await;
    let export = log.export().await;
    let summary = prove(&export).unwrap();
    assert_eq!((summary.first, summary.last), (1, 0));
}
