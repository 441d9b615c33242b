//! Lists.

use std::time::Duration;

use super::Log;
use crate::incident::IncidentId;
use crate::safety::audit::{AuditFilter, Record};

/// Twelve entries, a second apart.
async fn log() -> (Log, IncidentId) {
    let log = Log::new().await;
    let incident = IncidentId::derive("a", "b", "c", 1);
    for number in 0..12 {
        let action = ["one", "two", "three"][number % 3];
        let record = Record::new(action, ["ann", "bob"][number % 2]);
        let record = if number < 6 {
            record.about(&incident)
        } else {
            record
        };
        log.audit.append(record).await.unwrap();
        log.clock.advance(Duration::from_secs(1));
    }
    (log, incident)
}

async fn check(log: &Log, filter: AuditFilter, expected: &[u64]) {
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let (entries, next) = log.audit.list(&filter, cursor, 2).await.unwrap();
        assert!(entries.len() <= 2);
        found.extend(entries.iter().map(|entry| entry.seq));
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, expected, "{filter:?}");
}

#[tokio::test]
async fn lists_are_newest_first_filtered_and_paged() {
    let (log, incident) = log().await;
    let any = AuditFilter::default;
    let action = || Some("one".to_owned());
    let actor = || Some("ann".to_owned());
    let correlation_id = Some(incident.to_string());
    check(&log, any(), &[12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).await;
    check(
        &log,
        AuditFilter {
            action: action(),
            ..any()
        },
        &[10, 7, 4, 1],
    )
    .await;
    check(
        &log,
        AuditFilter {
            actor: actor(),
            ..any()
        },
        &[11, 9, 7, 5, 3, 1],
    )
    .await;
    let both = AuditFilter {
        action: action(),
        actor: actor(),
        ..any()
    };
    check(&log, both.clone(), &[7, 1]).await;
    check(
        &log,
        AuditFilter {
            correlation_id: correlation_id.clone(),
            ..any()
        },
        &[6, 5, 4, 3, 2, 1],
    )
    .await;
    check(
        &log,
        AuditFilter {
            correlation_id,
            ..both
        },
        &[1],
    )
    .await;
    let now = crate::clock::Clock::now(&*log.clock);
    let from = Some(now.minus(Duration::from_secs(4)));
    let until = Some(now.minus(Duration::from_secs(2)));
    check(
        &log,
        AuditFilter {
            from,
            until,
            ..any()
        },
        &[10, 9],
    )
    .await;
}
