//! The seven operations, and what they carry.

use super::Subject;
use super::sample::{DEFINITION, NOTES, Note, all_pages, batch, define, keys, prefix, store};
use crate::storage::{
    Definition, Document, Expect, IndexEntry, Query, Storage, StorageError, Write,
};

const PLAIN: &str = "suite::plain";

pub(super) async fn seven_operations(storage: &dyn Storage) {
    storage
        .define(PLAIN, Definition::UNINDEXED)
        .await
        .expect("defines");
    storage
        .define(PLAIN, Definition::UNINDEXED)
        .await
        .expect("defines again");
    assert_eq!(storage.get(PLAIN, "a").await.expect("reads"), None);
    assert!(!storage.has(PLAIN, "a").await.expect("reads"));
    assert!(!storage.delete(PLAIN, "a").await.expect("deletes"));
    assert_eq!(storage.count(PLAIN).await.expect("counts"), 0);

    for (key, json) in [("b", "2"), ("a", "1"), ("c", "3"), ("a", "[1]")] {
        storage.set(PLAIN, key, json.into()).await.expect("sets");
    }
    let found = storage.get(PLAIN, "a").await.expect("reads");
    assert_eq!(
        found,
        Some(Document {
            key: "a".into(),
            version: 2,
            json: "[1]".into()
        })
    );
    assert_eq!(storage.count(PLAIN).await.expect("counts"), 3);

    let first = storage.list(PLAIN, None, 2).await.expect("lists");
    let rest = storage
        .list(PLAIN, first.next.clone(), 2)
        .await
        .expect("lists");
    let listed: Vec<_> = first
        .documents
        .iter()
        .chain(&rest.documents)
        .map(|document| &*document.json)
        .collect();
    assert_eq!(listed, ["[1]", "2", "3"]);
    assert_eq!(rest.next, None);
    assert_eq!(
        storage.list(PLAIN, None, 0).await.expect("lists"),
        crate::storage::Page::default()
    );

    assert!(storage.delete(PLAIN, "b").await.expect("deletes"));
    assert!(!storage.has(PLAIN, "b").await.expect("reads"));
    storage.clear(PLAIN).await.expect("clears");
    storage.clear(PLAIN).await.expect("clears again");
    assert_eq!(storage.count(PLAIN).await.expect("counts"), 0);
}

pub(super) async fn keys_of_any_text(storage: &dyn Storage) {
    storage
        .define(PLAIN, Definition::UNINDEXED)
        .await
        .expect("defines");
    let mut keys = [
        "", " ", "a/b", "a%", "a_", "A", "a", "ä", "日本", "🦀", "\u{0}", "a\u{0}b", "'; DROP",
        "\"", "\u{ffff}",
    ];
    for key in keys {
        storage
            .set(PLAIN, key, format!("{key:?}"))
            .await
            .expect("sets");
    }
    for key in keys {
        let found = storage
            .get(PLAIN, key)
            .await
            .expect("reads")
            .map(|document| document.json);
        assert_eq!(found, Some(format!("{key:?}").into()));
    }
    keys.sort_unstable();
    let listed = all_pages(storage, PLAIN, Query::by_key(4)).await;
    assert_eq!(
        listed
            .iter()
            .map(|document| &*document.key)
            .collect::<Vec<_>>(),
        keys
    );
}

pub(super) async fn large_documents(storage: &dyn Storage) {
    define(storage).await;
    let mut note = Note::new("open", "high", 1);
    note.text = "x\\\"é".repeat(1 << 18);
    assert!(note.json().len() > 1 << 20);
    store(
        storage,
        &[
            ("large", note.clone()),
            ("small", Note::new("open", "high", 2)),
        ],
    )
    .await;
    let found = storage
        .get(NOTES, "large")
        .await
        .expect("reads")
        .expect("is stored");
    assert_eq!(found.json, note.json());
}

pub(super) async fn mistakes_are_refused(storage: &dyn Storage) {
    let missing = storage.get("suite::missing", "a").await;
    assert!(
        matches!(missing, Err(StorageError::NoSuchCollection { .. })),
        "{missing:?}"
    );
    let missing = storage.set("suite::missing", "a", "1".into()).await;
    assert!(
        matches!(missing, Err(StorageError::NoSuchCollection { .. })),
        "{missing:?}"
    );

    define(storage).await;
    let missing = storage
        .query(NOTES, &Query::by_index("missing", Vec::new(), 1))
        .await;
    assert!(
        matches!(missing, Err(StorageError::NoSuchIndex { .. })),
        "{missing:?}"
    );
    let short = storage
        .query(NOTES, &Query::by_index("state", vec![prefix(&["open"])], 1))
        .await;
    assert!(
        matches!(short, Err(StorageError::Shape { .. })),
        "{short:?}"
    );

    let good = Note::new("open", "high", 1).put(NOTES, "good", Expect::Any);
    let bad = Write::Put {
        collection: NOTES.into(),
        key: "bad".into(),
        json: "1".into(),
        index: vec![
            Some(IndexEntry {
                prefix: Vec::new(),
                sort: 1,
            }),
            None,
            None,
        ],
        expect: Expect::Any,
    };
    let refused = storage.apply(batch([good, bad])).await;
    assert!(
        matches!(refused, Err(StorageError::Shape { .. })),
        "{refused:?}"
    );
    assert_eq!(storage.count(NOTES).await.expect("counts"), 0);
}

pub(super) async fn documents_outlive_the_process(subject: &dyn Subject) {
    let storage = subject.fresh().await;
    define(&*storage).await;
    store(
        &*storage,
        &[
            ("a", Note::new("open", "high", 1)),
            ("b", Note::new("open", "low", 2)),
        ],
    )
    .await;
    store(
        &*storage,
        &[
            ("a", Note::new("open", "high", 3)),
            ("c", Note::new("done", "low", 4)),
        ],
    )
    .await;
    storage.delete(NOTES, "c").await.expect("deletes");
    let Some(storage) = subject.reopen(storage).await else {
        return;
    };
    storage.define(NOTES, DEFINITION).await.expect("defines");
    assert_eq!(storage.count(NOTES).await.expect("counts"), 2);
    assert_eq!(
        keys(&*storage, Query::by_index("time", Vec::new(), 1)).await,
        ["b", "a"]
    );
    let found = storage
        .get(NOTES, "a")
        .await
        .expect("reads")
        .expect("is stored");
    assert_eq!(
        (found.version, found.json),
        (2, Note::new("open", "high", 3).json())
    );
}
