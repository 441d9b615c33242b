//! What only a checkpoint from elsewhere, or a known key, can show.

use std::sync::Arc;

use super::{Log, ours, record};
use crate::safety::audit::note::{Checkpoint, NoteError};
use crate::safety::audit::verify::{Cause, Fault, Summary, Trust, verify};
use crate::safety::audit::{Record, SigningKey};
use crate::storage::MemoryStorage;

async fn against(log: &Log, checkpoint: &Checkpoint) -> Result<Summary, Fault> {
    let trust = Trust {
        checkpoint: Some(checkpoint.note.clone()),
        ..ours()
    };
    verify(log.export().await.as_bytes(), trust)
}

#[tokio::test]
async fn a_log_that_was_rolled_back_or_rewritten_contradicts_a_kept_checkpoint() {
    let log = Log::new().await;
    log.fill(10).await;
    let kept = log.audit.checkpoint().await.unwrap();
    log.fill(5).await;
    assert_eq!(against(&log, &kept).await.unwrap().last, 15);

    let older = Log::new().await;
    older.fill(8).await;
    let fault = against(&older, &kept).await.unwrap_err();
    assert_eq!(
        (fault.entry, fault.cause),
        (9, Cause::RolledBack { proved: 10 })
    );

    older
        .audit
        .append(Record::new("another", "past"))
        .await
        .unwrap();
    older.fill(4).await;
    let fault = against(&older, &kept).await.unwrap_err();
    assert_eq!((fault.entry, fault.cause), (10, Cause::Forked));
}

#[tokio::test]
async fn a_kept_checkpoint_that_proves_nothing_is_not_passed_over() {
    let log = Log::new().await;
    log.fill(10).await;
    let kept = log.audit.checkpoint().await.unwrap();
    log.fill(10).await;
    log.audit.checkpoint().await.unwrap();
    log.clock.advance(std::time::Duration::from_secs(1));
    log.audit
        .prune(crate::clock::Clock::now(&*log.clock))
        .await
        .unwrap();
    let fault = against(&log, &kept).await.unwrap_err();
    assert_eq!(fault.cause, Cause::TooOld { of: 10 });

    let other = SigningKey::ephemeral().unwrap();
    let foreign = kept.signed(&other);
    let fault = against(&log, &foreign).await.unwrap_err();
    let expected = NoteError::Foreign(*SigningKey::of_tests().public_key());
    assert_eq!(fault.cause, Cause::Outside(expected));
}

#[tokio::test]
async fn a_log_of_another_key_is_refused_where_the_key_is_known() {
    let ours_log = Log::new().await;
    let key = SigningKey::ephemeral().unwrap();
    let storage = Arc::new(MemoryStorage::default());
    let theirs = crate::safety::audit::Audit::open(
        Log::on(Arc::<MemoryStorage>::clone(&storage)).await.bus,
        storage,
        key.clone(),
    )
    .await
    .unwrap();
    theirs.append(record(1)).await.unwrap();
    let mut export = String::new();
    let sink = |line: &str| -> Result<(), crate::storage::StorageError> {
        export.push_str(line);
        Ok(())
    };
    theirs.export(sink).await.unwrap();
    let fault = verify(export.as_bytes(), ours()).unwrap_err();
    assert_eq!(fault.cause, Cause::ForeignKey(key.public_key().to_string()));
    assert_eq!(verify(export.as_bytes(), Trust::default()).unwrap().last, 1);
    drop(ours_log);
}
