//! Random operations, compared after each step with the simplest thing that could be right.

use std::collections::BTreeMap;

use super::Subject;
use super::sample::{NOTES, Note, OTHER, all_pages, batch, define, prefix};
use crate::storage::{
    Document, Expect, Order, Query, SharedStorage, Storage, StorageError, Write, WriteBatch,
};

const STEPS: usize = 150;
const STATES: &[&str] = &["open", "done", "lost"];
const SEVERITIES: &[&str] = &["high", "low"];

/// Runs one seeded history; a failure names the seed and step.
pub(super) async fn agrees_with_the_model(subject: &dyn Subject, seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut model = Model::default();
    let mut storage = subject.fresh().await;
    define(&*storage).await;
    for step in 0..STEPS {
        let batch = random.batch(&model);
        let outcome = storage.apply(batch.clone()).await;
        let agrees = match outcome {
            Ok(()) => model.apply(&batch),
            Err(StorageError::Conflict { .. }) => !model.clone().apply(&batch),
            Err(_) => false,
        };
        assert!(agrees, "seed {seed} step {step}: {outcome:?} of {batch:?}");
        model
            .compare(&*storage, &mut random, &format!("seed {seed} step {step}"))
            .await;
        if random.below(50) == 0 {
            storage = reopened(subject, storage, &mut model).await;
        }
    }
}

async fn reopened(
    subject: &dyn Subject,
    storage: SharedStorage,
    model: &mut Model,
) -> SharedStorage {
    let storage = match subject.reopen(storage).await {
        Some(storage) => storage,
        None => {
            *model = Model::default();
            subject.fresh().await
        }
    };
    define(&*storage).await;
    storage
}

#[derive(Debug, Default, Clone)]
struct Model {
    notes: BTreeMap<(String, String), (u64, Note)>,
}

impl Model {
    fn version(&self, collection: &str, key: &str) -> Option<u64> {
        self.notes
            .get(&(collection.to_owned(), key.to_owned()))
            .map(|(version, _)| *version)
    }

    fn apply(&mut self, batch: &WriteBatch) -> bool {
        let holds = |write: &Write| {
            let Some((key, expect)) = write.expectation() else {
                return true;
            };
            let version = self.version(write.collection(), key);
            match expect {
                Expect::Any => true,
                Expect::Absent => version.is_none(),
                Expect::Version(expected) => version == Some(expected),
            }
        };
        let holds = batch.writes().iter().all(holds);
        if holds {
            batch.writes().iter().for_each(|write| self.write(write));
        }
        holds
    }

    fn write(&mut self, write: &Write) {
        match write {
            Write::Put {
                collection,
                key,
                json,
                ..
            } => {
                let version = self.version(collection, key).unwrap_or(0) + 1;
                let note = serde_json::from_str(json).expect("the suite writes notes");
                self.notes
                    .insert((collection.clone(), key.clone()), (version, note));
            }
            Write::Delete {
                collection, key, ..
            } => {
                self.notes.remove(&(collection.clone(), key.clone()));
            }
            Write::DeleteRange {
                collection,
                from,
                to,
            } => self.notes.retain(|(owner, key), _| {
                owner != collection || key < from || to.as_ref().is_some_and(|to| key >= to)
            }),
        }
    }

    async fn compare(&self, storage: &dyn Storage, random: &mut Random, place: &str) {
        for collection in [NOTES, OTHER] {
            let expected = self.query(collection, &Query::by_key(1));
            assert_eq!(
                storage.count(collection).await.expect("counts"),
                expected.len() as u64,
                "{place}"
            );
            assert_eq!(
                all_pages(storage, collection, Query::by_key(100)).await,
                expected,
                "{place}"
            );
            let query = random.query();
            let found = all_pages(storage, collection, query.clone()).await;
            assert_eq!(found, self.query(collection, &query), "{place}: {query:?}");
            let key = random.key();
            let found = storage
                .get(collection, &key)
                .await
                .expect("reads")
                .map(|document| document.version);
            assert_eq!(found, self.version(collection, &key), "{place}: {key}");
        }
    }

    /// Every document that `query` asks for, whatever its limit.
    fn query(&self, collection: &str, query: &Query) -> Vec<Document> {
        let mut found: Vec<_> = self
            .notes
            .iter()
            .filter(|((owner, _), _)| owner == collection)
            .collect();
        found.retain(|(_, (_, note))| is_match(note, query));
        found.sort_by_key(|((_, key), (_, note))| (query.index.map(|_| note.time), key));
        if query.order == Order::Descending {
            found.reverse();
        }
        let document = |((_, key), (version, note)): (&(String, String), &(u64, Note))| Document {
            key: key.clone(),
            version: *version,
            json: note.json(),
        };
        found.into_iter().map(document).collect()
    }
}

fn is_match(note: &Note, query: &Query) -> bool {
    let prefix = match query.index {
        None => return true,
        Some("state") => vec![note.state.clone(), note.severity.clone()],
        Some("owner") => note.owner.iter().cloned().collect(),
        Some(_) => Vec::new(),
    };
    let in_range = query.from.is_none_or(|from| note.time >= from)
        && query.until.is_none_or(|until| note.time < until);
    in_range && (query.index == Some("time") || query.prefixes.contains(&prefix))
}

/// Numbers that look random and repeat with the seed: xorshift64 (Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    fn pick<'a>(&mut self, values: &[&'a str]) -> &'a str {
        let position = self.below(values.len() as u64);
        values[usize::try_from(position).expect("smaller than a length")]
    }

    fn time(&mut self) -> i64 {
        self.below(12).cast_signed() - 4
    }

    fn key(&mut self) -> String {
        format!("key-{}", self.below(14))
    }

    fn note(&mut self) -> Note {
        let mut note = Note::new(self.pick(STATES), self.pick(SEVERITIES), self.time());
        note.owner = (self.below(3) == 0).then(|| self.pick(&["ann", "bob"]).to_owned());
        note
    }

    fn batch(&mut self, model: &Model) -> WriteBatch {
        let count = 1 + self.below(4);
        batch((0..count).map(|_| self.write(model)).collect::<Vec<_>>())
    }

    fn write(&mut self, model: &Model) -> Write {
        let collection = self.pick(&[NOTES, OTHER]).to_owned();
        let key = self.key();
        let expect = self.expect(model.version(&collection, &key));
        match self.below(20) {
            0 => Write::DeleteRange {
                collection,
                from: key,
                to: (self.below(4) > 0).then(|| self.key()),
            },
            1..=4 => Write::Delete {
                collection,
                key,
                expect,
            },
            _ => self.note().put(&collection, &key, expect),
        }
    }

    /// Mostly what holds, so that most batches are written.
    fn expect(&mut self, version: Option<u64>) -> Expect {
        match (self.below(20), version) {
            (0, _) => Expect::Absent,
            (1, _) => Expect::Version(self.below(4)),
            (2..=6, Some(version)) => Expect::Version(version),
            (2..=6, None) => Expect::Absent,
            _ => Expect::Any,
        }
    }

    fn query(&mut self) -> Query {
        let limit = usize::try_from(1 + self.below(6)).expect("small");
        let query = match self.below(4) {
            0 => Query::by_key(limit),
            1 => Query::by_index("time", Vec::new(), limit),
            2 => Query::by_index("owner", vec![prefix(&["ann"]), prefix(&["bob"])], limit),
            _ => Query::by_index("state", self.states(), limit),
        };
        let (from, until) = match query.index {
            None => (None, None),
            Some(_) => (
                (self.below(3) == 0).then(|| self.time()),
                (self.below(3) == 0).then(|| self.time()),
            ),
        };
        let query = Query {
            from,
            until,
            ..query
        };
        if self.below(2) == 0 {
            query
        } else {
            query.descending()
        }
    }

    fn states(&mut self) -> Vec<Vec<String>> {
        let count = self.below(4);
        (0..count)
            .map(|_| prefix(&[self.pick(STATES), self.pick(SEVERITIES)]))
            .collect()
    }
}
