//! Batches: atomic, ordered, compared and concurrent.

use futures_util::future::join_all;

use super::sample::{NOTES, Note, OTHER, assert_conflict, batch, define, keys, store};
use crate::storage::{Expect, Query, Storage, StorageError, Write, WriteBatch};

async fn version(storage: &dyn Storage, collection: &str, key: &str) -> Option<u64> {
    storage
        .get(collection, key)
        .await
        .expect("reads")
        .map(|document| document.version)
}

fn put(collection: &str, key: &str, expect: Expect) -> Write {
    Note::new("open", "high", 1).put(collection, key, expect)
}

fn delete(key: &str, expect: Expect) -> Write {
    Write::Delete {
        collection: NOTES.into(),
        key: key.into(),
        expect,
    }
}

pub(super) async fn versions_count_writes(storage: &dyn Storage) {
    define(storage).await;
    for expected in 1..=3 {
        storage
            .apply(batch([put(NOTES, "a", Expect::Any)]))
            .await
            .expect("writes");
        assert_eq!(version(storage, NOTES, "a").await, Some(expected));
    }
    storage
        .apply(batch([put(NOTES, "a", Expect::Version(3))]))
        .await
        .expect("writes");
    assert_conflict(
        &storage
            .apply(batch([put(NOTES, "a", Expect::Version(3))]))
            .await,
        "a",
    );
    assert_conflict(
        &storage
            .apply(batch([put(NOTES, "a", Expect::Absent)]))
            .await,
        "a",
    );
    assert_conflict(
        &storage
            .apply(batch([put(NOTES, "b", Expect::Version(1))]))
            .await,
        "b",
    );
    assert_conflict(
        &storage
            .apply(batch([delete("a", Expect::Version(3))]))
            .await,
        "a",
    );
    assert_eq!(version(storage, NOTES, "a").await, Some(4));
    storage
        .apply(batch([delete("a", Expect::Version(4))]))
        .await
        .expect("deletes");
    storage
        .apply(batch([delete("a", Expect::Absent)]))
        .await
        .expect("deletes nothing");
    storage
        .apply(batch([put(NOTES, "a", Expect::Absent)]))
        .await
        .expect("writes");
    assert_eq!(version(storage, NOTES, "a").await, Some(1));
}

pub(super) async fn a_batch_is_written_whole_or_not_at_all(storage: &dyn Storage) {
    define(storage).await;
    store(storage, &[("old", Note::new("open", "high", 1))]).await;
    let range = Write::DeleteRange {
        collection: NOTES.into(),
        from: String::new(),
        to: None,
    };
    let writes = [
        put(NOTES, "new", Expect::Any),
        put(OTHER, "new", Expect::Absent),
        range,
        put(OTHER, "old", Expect::Version(1)),
    ];
    assert_conflict(&storage.apply(batch(writes.clone())).await, "old");
    assert_eq!(keys(storage, Query::by_key(9)).await, ["old"]);
    assert_eq!(storage.count(OTHER).await.expect("counts"), 0);

    storage
        .apply(batch([put(OTHER, "old", Expect::Any)]))
        .await
        .expect("writes");
    storage.apply(batch(writes)).await.expect("writes now");
    assert_eq!(storage.count(NOTES).await.expect("counts"), 0);
    assert_eq!(storage.count(OTHER).await.expect("counts"), 2);
    storage
        .apply(WriteBatch::default())
        .await
        .expect("an empty batch is no fault");
}

pub(super) async fn expectations_are_about_the_state_before(storage: &dyn Storage) {
    define(storage).await;
    let twice = [
        put(NOTES, "a", Expect::Absent),
        put(NOTES, "a", Expect::Absent),
    ];
    storage.apply(batch(twice)).await.expect("writes");
    assert_eq!(version(storage, NOTES, "a").await, Some(2));
    let gone = [
        delete("a", Expect::Version(2)),
        put(NOTES, "a", Expect::Version(2)),
    ];
    storage.apply(batch(gone)).await.expect("writes");
    assert_eq!(version(storage, NOTES, "a").await, Some(1));
}

pub(super) async fn writes_of_a_batch_happen_in_order(storage: &dyn Storage) {
    define(storage).await;
    let range = |from: &str, to: &str| Write::DeleteRange {
        collection: NOTES.into(),
        from: from.into(),
        to: Some(to.into()),
    };
    let second = Note::new("done", "low", 2).put(NOTES, "a", Expect::Any);
    let writes = [
        put(NOTES, "a", Expect::Any),
        put(OTHER, "x", Expect::Any),
        second,
        put(NOTES, "b", Expect::Any),
        delete("b", Expect::Any),
        put(NOTES, "c", Expect::Any),
        range("c", "d"),
        put(NOTES, "c", Expect::Any),
        put(OTHER, "x", Expect::Any),
        range("d", "c"),
    ];
    storage.apply(batch(writes)).await.expect("writes");
    assert_eq!(keys(storage, Query::by_key(9)).await, ["a", "c"]);
    assert_eq!(version(storage, NOTES, "a").await, Some(2));
    assert_eq!(version(storage, NOTES, "c").await, Some(1));
    assert_eq!(version(storage, OTHER, "x").await, Some(2));
    let found = storage
        .get(NOTES, "a")
        .await
        .expect("reads")
        .expect("is stored");
    assert_eq!(found.json, Note::new("done", "low", 2).json());
    assert_eq!(
        keys(storage, Query::by_index("time", Vec::new(), 9)).await,
        ["c", "a"]
    );
}

pub(super) async fn ranges_are_removed(storage: &dyn Storage) {
    define(storage).await;
    store(
        storage,
        &["a", "b", "b1", "c", "ä"].map(|key| (key, Note::new("open", "high", 1))),
    )
    .await;
    for (from, to, expected) in [
        ("b", Some("b"), &["a", "b", "b1", "c", "ä"][..]),
        ("b", Some("c"), &["a", "c", "ä"]),
        ("", Some("b"), &["c", "ä"]),
        ("d", None, &["c"]),
        ("", None, &[]),
    ] {
        let mut batch = WriteBatch::default();
        batch.delete_range(NOTES, from, to.map(str::to_owned));
        storage.apply(batch).await.expect("removes");
        assert_eq!(
            keys(storage, Query::by_key(2)).await,
            expected,
            "{from:?}..{to:?}"
        );
        assert_eq!(
            keys(storage, Query::by_index("time", Vec::new(), 2)).await,
            expected
        );
        assert_eq!(
            storage.count(NOTES).await.expect("counts"),
            expected.len() as u64
        );
    }
}

pub(super) async fn a_conflict_spares_its_neighbours(storage: &dyn Storage) {
    define(storage).await;
    let writes = (0..30).map(|number| {
        let expect = if number % 3 == 1 {
            Expect::Version(7)
        } else {
            Expect::Absent
        };
        storage.apply(batch([
            put(OTHER, &number.to_string(), Expect::Any),
            put(NOTES, &number.to_string(), expect),
        ]))
    });
    for (number, outcome) in join_all(writes).await.iter().enumerate() {
        if number % 3 == 1 {
            assert_conflict(outcome, &number.to_string());
        } else {
            assert!(outcome.is_ok(), "{number}: {outcome:?}");
        }
    }
    assert_eq!(storage.count(NOTES).await.expect("counts"), 20);
    assert_eq!(storage.count(OTHER).await.expect("counts"), 20);
}

/// Of many who expect the same state at once, one may change it.
pub(super) async fn one_of_many_wins(storage: &dyn Storage) {
    define(storage).await;
    let range = Write::DeleteRange {
        collection: NOTES.into(),
        from: "a".into(),
        to: Some("b".into()),
    };
    for (write, expected) in [
        (put(NOTES, "a", Expect::Absent), Some(1)),
        (put(NOTES, "a", Expect::Version(1)), Some(2)),
        (delete("a", Expect::Version(2)), None),
        (put(NOTES, "a", Expect::Absent), Some(1)),
    ] {
        let outcomes = join_all((0..10).map(|_| storage.apply(batch([write.clone()])))).await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 9), "{write:?}");
        lost.iter()
            .for_each(|outcome| assert_conflict(outcome, "a"));
        assert_eq!(version(storage, NOTES, "a").await, expected, "{write:?}");
    }
    let renewal = storage.apply(batch([put(NOTES, "a", Expect::Version(1))]));
    let (removed, _) = futures_util::future::join(storage.apply(batch([range])), renewal).await;
    removed.expect("removes");
    assert_eq!(
        version(storage, NOTES, "a").await,
        None,
        "whichever came first, nothing is left"
    );
}

/// Each writer raises the counter by compare-and-set, and repeats after a conflict.
pub(super) async fn concurrent_writers_lose_nothing(storage: &dyn Storage) {
    const WRITERS: u64 = 8;
    const ROUNDS: u64 = 10;
    define(storage).await;
    store(storage, &[("counter", Note::new("open", "high", 1))]).await;
    let writers = (0..WRITERS).map(|writer| async move {
        for round in 0..ROUNDS {
            raise(storage, &format!("{writer}-{round}")).await;
        }
    });
    join_all(writers).await;
    assert_eq!(
        version(storage, NOTES, "counter").await,
        Some(1 + WRITERS * ROUNDS)
    );
    assert_eq!(
        storage.count(OTHER).await.expect("counts"),
        WRITERS * ROUNDS
    );
}

async fn raise(storage: &dyn Storage, witness: &str) {
    loop {
        let seen = version(storage, NOTES, "counter").await.expect("is stored");
        let writes = [
            put(NOTES, "counter", Expect::Version(seen)),
            put(OTHER, witness, Expect::Absent),
        ];
        match storage.apply(batch(writes)).await {
            Err(StorageError::Conflict { .. }) => {}
            outcome => return outcome.expect("writes or conflicts"),
        }
    }
}
