//! Appending: order, grouping, restarts and refusals.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::store::Counting;
use super::{Log, record};
use crate::safety::audit::{AuditFilter, Record};
use crate::storage::SharedStorage;

#[tokio::test]
async fn a_hundred_writers_make_one_chain_with_each_entry_once_and_share_commits() {
    const WRITERS: u64 = 100;
    const EACH: u64 = 30;
    let storage = Arc::new(Counting::default());
    let log = Log::on(Arc::<Counting>::clone(&storage)).await;
    let before = storage.commits();
    let write = async |writer: u64| {
        for number in 0..EACH {
            let record = Record::new("test.written", format!("writer-{writer}"));
            log.audit
                .append(record.detail("number", number))
                .await
                .unwrap();
        }
    };
    join_all((0..WRITERS).map(write)).await;
    let commits = storage.commits() - before;
    assert!(
        (1..=3 * EACH).contains(&commits),
        "{commits} commits for {} entries",
        WRITERS * EACH
    );
    let summary = log.prove().await.unwrap();
    assert_eq!((summary.first, summary.last), (1, WRITERS * EACH));
    let (entries, _) = log
        .audit
        .list(&AuditFilter::default(), None, 10_000)
        .await
        .unwrap();
    let distinct: HashSet<(String, String)> = entries
        .iter()
        .map(|entry| (entry.actor.clone(), entry.details["number"].to_string()))
        .collect();
    assert_eq!(distinct.len() as u64, WRITERS * EACH);
}

#[tokio::test]
async fn a_log_that_was_not_closed_is_continued_where_it_was() {
    let first = Log::new().await;
    first.fill(3).await;
    let storage = Arc::clone(&first.storage);
    drop(first);
    let second = Log::on(storage).await;
    second.fill(2).await;
    assert_eq!(second.prove().await.unwrap().last, 5);
}

#[tokio::test]
async fn an_entry_that_was_not_stored_leaves_no_gap() {
    let storage = Arc::new(Counting::default());
    let log = Log::on(Arc::<Counting>::clone(&storage)).await;
    log.fill(2).await;
    storage.refuse(true);
    log.audit.append(record(9)).await.unwrap_err();
    storage.refuse(false);
    log.fill(1).await;
    assert_eq!(log.prove().await.unwrap().last, 3);
}

#[tokio::test]
async fn an_end_that_somebody_changed_is_neither_continued_nor_signed() {
    for (from, to) in [
        ("\"seq\":3", "\"seq\":2"),
        ("\"signed\":0", "\"signed\":1"),
        ("\"hash\":\"", "\"hash\":\"0"),
    ] {
        let log = Log::new().await;
        log.fill(3).await;
        let head = log.storage.get("system::audit_head", "head").await.unwrap();
        let mut changed = head.unwrap().json.replacen(from, to, 1);
        if from.contains("hash") {
            let at = changed.find("\"hash\":\"0").unwrap() + 9;
            changed.remove(at);
        }
        log.storage
            .set("system::audit_head", "head", changed)
            .await
            .unwrap();
        let error = log.audit.append(record(4)).await.unwrap_err();
        let text = crate::error::chain(&error);
        assert!(text.contains("audit-signing.key"), "{text}");
        log.audit.checkpoint().await.unwrap_err();
        assert!(Log::try_on(Arc::clone(&log.storage)).await.is_err());
    }
}

#[tokio::test]
async fn a_log_without_its_end_is_not_begun_again() {
    let log = Log::new().await;
    log.fill(3).await;
    log.storage
        .delete("system::audit_head", "head")
        .await
        .unwrap();
    let storage: SharedStorage = Arc::clone(&log.storage);
    let error = Log::try_on(storage).await.err().unwrap();
    assert!(error.to_string().contains("its end was removed"), "{error}");
}

#[tokio::test]
async fn a_module_acts_only_for_itself() {
    let log = Log::new().await;
    let audit = log.audit.of_module("detector.regex");
    audit
        .append(Record::new("rule.fired", "the-ceo"))
        .await
        .unwrap();
    let (entries, _) = audit.list(&AuditFilter::default(), None, 1).await.unwrap();
    assert_eq!(entries[0].actor, "detector.regex");
}

#[tokio::test]
async fn what_is_too_large_is_cut_and_told_by_size_and_digest() {
    let log = Log::new().await;
    let record =
        Record::new("test.written", "ä".repeat(1_000_000)).detail("text", "x".repeat(100_000));
    log.audit.append(record).await.unwrap();
    let (entries, _) = log
        .audit
        .list(&AuditFilter::default(), None, 1)
        .await
        .unwrap();
    assert_eq!(entries[0].details["tooLargeBytes"], json!(100_011));
    assert!(matches!(&entries[0].details["sha256"], Value::String(text) if text.len() == 64));
    assert_eq!(entries[0].actor, format!("{}…", "ä".repeat(2_048)));
    log.prove().await.unwrap();
}
