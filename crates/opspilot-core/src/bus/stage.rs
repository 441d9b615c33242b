//! Stages: ordered, named interceptors that see an event before it is stored and before any consumer does.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use tracing::error;

use super::publication::Draft;
use super::tx::Tx;
use crate::event::Event;

/// The place of a stage among the stages of the same event type; smaller is earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StageOrder(pub u16);

impl StageOrder {
    /// Absorbs what repeats something known.
    pub const DEDUP: Self = Self(10);
    /// Groups what belongs together.
    pub const CORRELATE: Self = Self(50);
    /// Stores what is left; comes last.
    pub const STORE: Self = Self(90);
}

/// Sees events before they are stored, and passes, amends or absorbs them.
///
/// A stage gets a whole group at once, in order, and works on it in the transaction that stores it. Stages of all event
/// types run one at a time, so a stage needs no locks against others.
#[async_trait]
pub trait Stage<E: Event>: Send + 'static {
    /// Works on a group. Events that it absorbs reach no later stage, no journal and no consumer.
    async fn process(&mut self, staged: &mut [Staged<E>], tx: &mut Tx);
}

/// An event that passes through the stages.
#[derive(Debug)]
pub struct Staged<E> {
    /// The event, which a stage may amend.
    pub event: Box<E>,
    source: Arc<str>,
    position: Option<u64>,
    depth: u8,
    absorbed: bool,
}

impl<E> Staged<E> {
    /// The module that published it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Ends the event's way here: it is not stored and nobody hears of it.
    pub fn absorb(&mut self) {
        self.absorbed = true;
    }

    /// True if a stage absorbed it.
    #[must_use]
    pub fn is_absorbed(&self) -> bool {
        self.absorbed
    }
}

/// The stages of all event types.
#[derive(Default)]
pub(super) struct Stages(HashMap<&'static str, Vec<Slot>>);

struct Slot {
    order: StageOrder,
    module: &'static str,
    stage: Box<dyn ErasedStage>,
}

#[async_trait]
trait ErasedStage: Send {
    async fn process(&mut self, drafts: Vec<Draft>, tx: &mut Tx) -> Vec<Draft>;
}

impl Stages {
    /// Adds the stage of `module`, in place of an earlier one of the same module for the same type.
    pub(super) fn add<E: Event>(
        &mut self,
        module: &'static str,
        order: StageOrder,
        stage: impl Stage<E>,
    ) {
        let slots = self.0.entry(E::TYPE).or_default();
        slots.retain(|slot| slot.module != module);
        slots.push(Slot {
            order,
            module,
            stage: Box::new(Typed(stage, PhantomData)),
        });
        slots.sort_by_key(|slot| (slot.order, slot.module));
    }

    /// Removes every stage of `module`.
    pub(super) fn remove(&mut self, module: &str) {
        for slots in self.0.values_mut() {
            slots.retain(|slot| slot.module != module);
        }
    }

    /// Sends drafts of one type through its stages and returns what is left.
    pub(super) async fn process(
        &mut self,
        kind: &str,
        mut drafts: Vec<Draft>,
        tx: &mut Tx,
    ) -> Vec<Draft> {
        let Some(slots) = self.0.get_mut(kind) else {
            return drafts;
        };
        for slot in slots {
            if drafts.is_empty() {
                break;
            }
            tx.source = slot.module.into();
            drafts = slot.stage.process(drafts, tx).await;
        }
        drafts
    }
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |slots: &Vec<Slot>| slots.iter().map(|slot| slot.module).collect::<Vec<_>>();
        f.debug_map()
            .entries(self.0.iter().map(|(kind, slots)| (kind, names(slots))))
            .finish()
    }
}

struct Typed<E, S>(S, PhantomData<fn(E)>);

#[async_trait]
impl<E: Event, S: Stage<E>> ErasedStage for Typed<E, S> {
    async fn process(&mut self, drafts: Vec<Draft>, tx: &mut Tx) -> Vec<Draft> {
        tx.depth = drafts.iter().map(|draft| draft.depth).max().unwrap_or(0);
        let mut staged: Vec<Staged<E>> = drafts.into_iter().filter_map(open).collect();
        let work = AssertUnwindSafe(self.0.process(&mut staged, tx));
        if work.catch_unwind().await.is_err() {
            // The events go on without this stage: a repeated incident is better than a lost one.
            error!(
                module = &*tx.source,
                event = E::TYPE,
                "stage panicked and was skipped"
            );
        }
        staged
            .into_iter()
            .filter(|staged| !staged.absorbed)
            .map(close)
            .collect()
    }
}

fn open<E: Event>(draft: Draft) -> Option<Staged<E>> {
    let Draft {
        event,
        source,
        position,
        depth,
    } = draft;
    let event = event.into_any().downcast().ok()?;
    Some(Staged {
        event,
        source,
        position,
        depth,
        absorbed: false,
    })
}

fn close<E: Event>(staged: Staged<E>) -> Draft {
    let Staged {
        event,
        source,
        position,
        depth,
        ..
    } = staged;
    Draft {
        event,
        source,
        position,
        depth,
    }
}
