//! Order, ranges, merges and cursors.

use super::Subject;
use super::sample::{INDEXES, NOTES, Note, define, keys, page_keys, prefix, store};
use crate::storage::{Definition, Expect, IndexEntry, IndexSpec, Query, Storage};

pub(super) async fn pages_in_key_order(storage: &dyn Storage) {
    define(storage).await;
    let notes = ["c", "a", "e", "b", "d"].map(|key| (key, Note::new("open", "high", 1)));
    store(storage, &notes).await;
    for limit in 1..=6 {
        assert_eq!(
            keys(storage, Query::by_key(limit)).await,
            ["a", "b", "c", "d", "e"]
        );
        assert_eq!(
            keys(storage, Query::by_key(limit).descending()).await,
            ["e", "d", "c", "b", "a"]
        );
    }
}

pub(super) async fn prefixes_merge_in_order(storage: &dyn Storage) {
    define(storage).await;
    let rows = [
        ("a", "open", 5),
        ("b", "done", 1),
        ("c", "open", 1),
        ("d", "lost", 2),
        ("e", "done", 5),
        ("f", "open", 9),
    ];
    store(
        storage,
        &rows.map(|(key, state, time)| (key, Note::new(state, "high", time))),
    )
    .await;
    let open_or_done = || {
        vec![
            prefix(&["open", "high"]),
            prefix(&["done", "high"]),
            prefix(&["none", "high"]),
        ]
    };
    for limit in 1..=6 {
        let query = || Query::by_index("state", open_or_done(), limit);
        assert_eq!(keys(storage, query()).await, ["b", "c", "a", "e", "f"]);
        assert_eq!(
            keys(storage, query().descending()).await,
            ["f", "e", "a", "c", "b"]
        );
        let range = |from, until| Query {
            from,
            until,
            ..query()
        };
        assert_eq!(keys(storage, range(Some(5), None)).await, ["a", "e", "f"]);
        assert_eq!(
            keys(storage, range(None, Some(5)).descending()).await,
            ["c", "b"]
        );
        assert_eq!(
            keys(storage, range(Some(1), Some(9)).descending()).await,
            ["e", "a", "c", "b"]
        );
        assert!(keys(storage, range(Some(9), Some(1))).await.is_empty());
    }
    let twice = vec![prefix(&["open", "high"]), prefix(&["open", "high"])];
    assert_eq!(
        keys(storage, Query::by_index("state", twice, 9)).await,
        ["c", "a", "f"]
    );
    assert!(
        keys(storage, Query::by_index("state", Vec::new(), 9))
            .await
            .is_empty()
    );
    assert!(
        keys(storage, Query::by_index("owner", vec![prefix(&["x"])], 9))
            .await
            .is_empty()
    );
}

pub(super) async fn extreme_sort_values(storage: &dyn Storage) {
    define(storage).await;
    let rows = [("d", i64::MAX), ("a", i64::MIN), ("b", -1), ("c", 0)];
    store(
        storage,
        &rows.map(|(key, time)| (key, Note::new("open", "high", time))),
    )
    .await;
    for limit in 1..=5 {
        let query = || Query::by_index("time", Vec::new(), limit);
        assert_eq!(keys(storage, query()).await, ["a", "b", "c", "d"]);
        assert_eq!(
            keys(
                storage,
                Query {
                    from: Some(i64::MAX),
                    ..query()
                }
            )
            .await,
            ["d"]
        );
        assert_eq!(
            keys(
                storage,
                Query {
                    until: Some(i64::MAX),
                    ..query()
                }
                .descending()
            )
            .await,
            ["c", "b", "a"]
        );
        assert!(
            keys(
                storage,
                Query {
                    until: Some(i64::MIN),
                    ..query()
                }
            )
            .await
            .is_empty()
        );
    }
}

/// Between two pages a document before the cursor and one behind it are removed, and one is added on each side.
pub(super) async fn paging_over_changing_documents(storage: &dyn Storage) {
    define(storage).await;
    let rows = [("b", 10), ("d", 20), ("f", 30), ("h", 40), ("j", 50)];
    let expected_after = [
        (false, ["g", "j"], ["f", "h"]),
        (true, ["e", "b"], ["f", "d"]),
    ];
    for (descending, [added_behind, last], [middle, removed]) in expected_after {
        storage.clear(NOTES).await.expect("clears");
        store(
            storage,
            &rows.map(|(key, time)| (key, Note::new("open", "high", time))),
        )
        .await;
        let query = Query::by_index("time", Vec::new(), 3);
        let query = if descending {
            query.descending()
        } else {
            query
        };
        let first = storage.query(NOTES, &query).await.expect("reads");
        assert_eq!(page_keys(&first).last(), Some(&middle));
        storage.delete(NOTES, removed).await.expect("deletes");
        storage.delete(NOTES, middle).await.expect("deletes");
        store(
            storage,
            &[
                ("g", Note::new("open", "high", 35)),
                ("e", Note::new("open", "high", 25)),
            ],
        )
        .await;
        let rest = storage
            .query(NOTES, &query.after(first.next))
            .await
            .expect("reads");
        assert_eq!(
            (page_keys(&rest), &rest.next),
            (vec![added_behind, last], &None)
        );
    }
}

pub(super) async fn new_indexes_cover_old_documents(subject: &dyn Subject) {
    const BY_SEVERITY: &[IndexSpec] = &[
        IndexSpec {
            name: "severity",
            prefix: 1,
        },
        IndexSpec {
            name: "time",
            prefix: 0,
        },
    ];
    const NEW: Definition = Definition {
        indexes: BY_SEVERITY,
        entries: |json| {
            let note = serde_json::from_str::<Note>(json)?;
            let entry = |prefix| {
                Some(IndexEntry {
                    prefix,
                    sort: -note.time,
                })
            };
            Ok(vec![entry(vec![note.severity.clone()]), entry(vec![])])
        },
    };
    assert_ne!(INDEXES, BY_SEVERITY);
    let mut storage = subject.fresh().await;
    define(&*storage).await;
    let rows = [("a", "high", 1), ("b", "low", 2), ("c", "high", 3)];
    store(
        &*storage,
        &rows.map(|(key, severity, time)| (key, Note::new("open", severity, time))),
    )
    .await;
    for _ in 0..2 {
        storage.define(NOTES, NEW).await.expect("defines anew");
        let high = Query::by_index("severity", vec![prefix(&["high"])], 1);
        assert_eq!(keys(&*storage, high).await, ["c", "a"]);
        assert_eq!(
            keys(&*storage, Query::by_index("time", Vec::new(), 2)).await,
            ["c", "b", "a"]
        );
        assert!(
            storage
                .query(NOTES, &Query::by_index("state", Vec::new(), 1))
                .await
                .is_err()
        );
        let found = storage
            .get(NOTES, "a")
            .await
            .expect("reads")
            .expect("is stored");
        assert_eq!(found.version, 1, "indexing is not a write");
        let Some(reopened) = subject.reopen(storage).await else {
            return;
        };
        storage = reopened;
    }
    define(&*storage).await;
    assert_eq!(
        keys(&*storage, Query::by_index("time", Vec::new(), 2)).await,
        ["a", "b", "c"]
    );
    let note = Note::new("done", "low", 0);
    storage
        .apply(super::sample::batch([note.put(NOTES, "d", Expect::Absent)]))
        .await
        .expect("writes");
    let done = Query::by_index("state", vec![prefix(&["done", "low"])], 2);
    assert_eq!(keys(&*storage, done).await, ["d"]);
}
