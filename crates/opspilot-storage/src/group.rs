//! Group commit: many callers, one writer, one flush for all who wait.
//!
//! While a group is being flushed, the next one gathers in the queue. So a group is as large as the disk is slow, and a
//! lone write waits for nobody.

use std::collections::HashMap;

use opspilot_core::storage::{Definition, StorageError, Write, WriteBatch};
use tokio::sync::{mpsc, oneshot};

/// How many requests may wait; further callers wait to enter.
const QUEUE_SIZE: usize = 1024;
/// A group takes no further batch when it has this many batches ...
const MOST_BATCHES: usize = 256;
/// ... or this many writes.
const MOST_WRITES: usize = 8192;

pub(crate) type Reply = oneshot::Sender<Result<(), StorageError>>;

/// What callers ask of the writer.
#[derive(Debug)]
pub(crate) enum Request {
    Apply {
        batch: WriteBatch,
        reply: Reply,
    },
    Define {
        collection: String,
        definition: Definition,
        reply: Reply,
    },
    Close {
        reply: Reply,
    },
}

/// The callers' end.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    requests: mpsc::Sender<Request>,
}

impl Queue {
    pub(crate) fn new() -> (Self, Receiver) {
        let (requests, receiver) = mpsc::channel(QUEUE_SIZE);
        (
            Self { requests },
            Receiver {
                requests: receiver,
                next: None,
            },
        )
    }

    pub(crate) async fn apply(&self, batch: WriteBatch) -> Result<(), StorageError> {
        self.ask(|reply| Request::Apply { batch, reply }).await
    }

    pub(crate) async fn define(
        &self,
        collection: &str,
        definition: Definition,
    ) -> Result<(), StorageError> {
        let collection = collection.to_owned();
        self.ask(|reply| Request::Define {
            collection,
            definition,
            reply,
        })
        .await
    }

    pub(crate) async fn close(&self) -> Result<(), StorageError> {
        self.ask(|reply| Request::Close { reply }).await
    }

    async fn ask(&self, request: impl FnOnce(Reply) -> Request) -> Result<(), StorageError> {
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(request(reply))
            .await
            .map_err(|_| StorageError::Closed)?;
        answer.await.map_err(|_| StorageError::Closed)?
    }
}

/// The writer's end.
#[derive(Debug)]
pub(crate) struct Receiver {
    requests: mpsc::Receiver<Request>,
    /// A request that ended the last group.
    next: Option<Request>,
}

/// What the writer does next.
#[derive(Debug)]
pub(crate) enum Work {
    Group(Vec<Pending>),
    Define {
        collection: String,
        definition: Definition,
        reply: Reply,
    },
    Close {
        reply: Option<Reply>,
    },
}

/// A batch and who waits for it.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) batch: WriteBatch,
    pub(crate) reply: Reply,
}

impl Receiver {
    /// Waits for work. Cancel safe: nothing is taken before it is returned.
    pub(crate) async fn next(&mut self) -> Work {
        let first = match self.next.take() {
            Some(request) => Some(request),
            None => self.requests.recv().await,
        };
        self.gather(first)
    }

    /// Waits for work on a thread of its own.
    pub(crate) fn blocking_next(&mut self) -> Work {
        let first = self.next.take().or_else(|| self.requests.blocking_recv());
        self.gather(first)
    }

    fn gather(&mut self, first: Option<Request>) -> Work {
        match first {
            None => Work::Close { reply: None },
            Some(Request::Close { reply }) => Work::Close { reply: Some(reply) },
            Some(Request::Define {
                collection,
                definition,
                reply,
            }) => Work::Define {
                collection,
                definition,
                reply,
            },
            Some(Request::Apply { batch, reply }) => {
                Work::Group(self.gather_group(Pending { batch, reply }))
            }
        }
    }

    fn gather_group(&mut self, first: Pending) -> Vec<Pending> {
        let mut writes = first.batch.len();
        let mut group = vec![first];
        while group.len() < MOST_BATCHES && writes < MOST_WRITES {
            match self.requests.try_recv() {
                Ok(Request::Apply { batch, reply }) => {
                    writes += batch.len();
                    group.push(Pending { batch, reply });
                }
                Ok(other) => {
                    self.next = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        group
    }
}

/// The batches that `check` passes; whoever gave another is answered.
pub(crate) fn retain(
    group: Vec<Pending>,
    mut check: impl FnMut(&WriteBatch) -> Result<(), StorageError>,
) -> Vec<Pending> {
    let mut kept = Vec::with_capacity(group.len());
    for pending in group {
        match check(&pending.batch) {
            Ok(()) => kept.push(pending),
            Err(error) => answer(pending.reply, Err(error)),
        }
    }
    kept
}

/// Separates batches from those who wait for them.
pub(crate) fn split(group: Vec<Pending>) -> (Vec<WriteBatch>, Vec<Reply>) {
    group
        .into_iter()
        .map(|pending| (pending.batch, pending.reply))
        .unzip()
}

/// Answers a caller, who may have gone.
pub(crate) fn answer(reply: Reply, outcome: Result<(), StorageError>) {
    // A caller that stopped waiting has given up its right to know.
    drop(reply.send(outcome));
}

/// The versions of those documents that batches of a group expect something of, as they change within the group.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    collections: HashMap<String, HashMap<String, Option<u64>>>,
}

impl Versions {
    /// The documents whose versions [`Versions::admit`] will ask for, by collection.
    pub(crate) fn wanted(group: &[Pending]) -> Self {
        let mut wanted = Self::default();
        for write in group.iter().flat_map(|pending| pending.batch.writes()) {
            if let Some((key, _)) = write.expectation() {
                let keys = wanted
                    .collections
                    .entry(write.collection().to_owned())
                    .or_default();
                keys.insert(key.to_owned(), None);
            }
        }
        wanted
    }

    /// For each collection the versions to fill in before the first [`Versions::admit`]; `None` is absent.
    pub(crate) fn collections_mut(
        &mut self,
    ) -> impl Iterator<Item = (&str, &mut HashMap<String, Option<u64>>)> {
        self.collections
            .iter_mut()
            .map(|(name, versions)| (name.as_str(), versions))
    }

    /// Checks what `batch` expects after the batches admitted before it, and if it holds, counts its writes.
    pub(crate) fn admit(&mut self, batch: &WriteBatch) -> Result<(), StorageError> {
        if self.collections.is_empty() {
            return Ok(());
        }
        for write in batch.writes() {
            let Some((key, expect)) = write.expectation() else {
                continue;
            };
            let version = || {
                self.collections
                    .get(write.collection())?
                    .get(key)
                    .copied()
                    .flatten()
            };
            expect.check(write.collection(), key, version)?;
        }
        batch.writes().iter().for_each(|write| self.count(write));
        Ok(())
    }

    fn count(&mut self, write: &Write) {
        let Some(versions) = self.collections.get_mut(write.collection()) else {
            return;
        };
        match write {
            Write::Put { key, .. } => {
                if let Some(version) = versions.get_mut(key) {
                    *version = Some(version.unwrap_or(0) + 1);
                }
            }
            Write::Delete { key, .. } => {
                if let Some(version) = versions.get_mut(key) {
                    *version = None;
                }
            }
            Write::DeleteRange { from, to, .. } => {
                let is_removed =
                    |key: &String| key >= from && to.as_ref().is_none_or(|to| key < to);
                versions
                    .iter_mut()
                    .filter(|(key, _)| is_removed(key))
                    .for_each(|(_, version)| *version = None);
            }
        }
    }
}
