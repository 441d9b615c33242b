//! The service that answers who is on call, and on which channels people are reached.

mod entering;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;

use self::entering::Enter;
use super::escalations::Escalations;
use super::reach::{Reached, State};
use super::record::{Channel, Override, OverrideRequest, Person};
use super::schedule::{Duty, Schedule};
use crate::bus::{Bus, PublishError};
use crate::clock::Timestamp;
use crate::safety::audit::{Audit, Record as AuditRecord};
use crate::storage::{Collection, Query, SharedStorage, StorageError, Store};

/// The namespace of the stand-ins.
const NAMESPACE: &str = "core.oncall";

/// How many stand-ins are kept.
const LIMIT: usize = 1_000;

/// How long a stand-in is kept after its end.
const KEPT: Duration = Duration::from_hours(24 * 30);

/// The longest that somebody stands in.
const LONGEST: Duration = Duration::from_hours(24 * 366);

/// Who is on call; cloning it clones a handle.
#[derive(Debug, Clone)]
pub struct OnCall(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bus: Bus,
    audit: Audit,
    stored: Collection<Override>,
    state: RwLock<State>,
    changes: watch::Sender<u64>,
    /// One change of the stand-ins at a time.
    entering: tokio::sync::Mutex<()>,
}

/// The people and schedules of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    /// The people, in the order of the configuration.
    pub people: Vec<Person>,
    /// The schedules, in the order of the configuration.
    pub schedules: Vec<Schedule>,
}

/// Why a stand-in was not entered or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnCallError {
    /// There is no such schedule.
    #[error("there is no schedule `{0}`")]
    NoSuchSchedule(String),
    /// There is no such person.
    #[error("there is no person `{0}`")]
    NoSuchPerson(String),
    /// There is no such stand-in.
    #[error("there is no override `{0}`")]
    NoSuchOverride(String),
    /// The configuration names it.
    #[error("override `{0}` stands in the configuration file: change it there")]
    Configured(String),
    /// The time is not usable.
    #[error("{0}")]
    Time(&'static str),
    /// There are too many.
    #[error("there are {LIMIT} overrides already: remove some first")]
    TooMany,
    /// The storage does not work.
    #[error("overrides cannot be stored or read")]
    Storage(#[from] StorageError),
    /// The change could not be stored.
    #[error("the change could not be stored")]
    Publish(#[from] PublishError),
}

impl OnCall {
    /// Opens the stand-ins in `storage`; changes go through `bus`, and `audit` tells of each.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn open(
        bus: Bus,
        storage: SharedStorage,
        audit: Audit,
    ) -> Result<Self, StorageError> {
        let stored: Collection<Override> = Store::new(storage, NAMESPACE).collection().await?;
        // Ids are time-ordered, so the order of the keys is the order of entry.
        let (entered, _) = stored.query(&Query::by_key(LIMIT)).await?;
        let state = State {
            entered: entered.into(),
            ..State::default()
        };
        Ok(Self(Arc::new(Inner {
            bus,
            audit,
            stored,
            state: RwLock::new(state),
            changes: watch::channel(0).0,
            entering: tokio::sync::Mutex::default(),
        })))
    }

    /// Replaces the people and schedules of the configuration.
    pub fn offer(&self, roster: Roster) {
        self.change(|state| state.roster = Arc::new(roster));
    }

    /// Replaces the channels that `owner`, a module id, has.
    pub fn offer_channels(&self, owner: &'static str, channels: Vec<Channel>) {
        self.change(|state| {
            state.channels.insert(owner, channels);
        });
    }

    /// Forgets the channels of `owner`, a module that was switched off.
    pub fn withdraw_channels(&self, owner: &str) {
        self.change(|state| {
            state.channels.remove(owner);
        });
    }

    /// Says who escalates; `None` when nobody does any more.
    pub fn offer_escalations(&self, escalations: Option<Arc<dyn Escalations>>) {
        self.change(|state| state.escalations = escalations);
    }

    /// Whoever escalates, if anybody does.
    #[must_use]
    pub fn escalations(&self) -> Option<Arc<dyn Escalations>> {
        self.read(|state| state.escalations.clone())
    }

    /// Follows every change of people, schedules, stand-ins and channels.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// The people and schedules of the configuration.
    #[must_use]
    pub fn roster(&self) -> Arc<Roster> {
        self.read(|state| Arc::clone(&state.roster))
    }

    /// Who is on call on `schedule` at `at`; `None` if there is no such schedule.
    #[must_use]
    pub fn who(&self, schedule: &str, at: Timestamp) -> Option<Duty> {
        self.read(|state| {
            let schedule = state.roster.schedule(schedule)?;
            Some(schedule.who_is_on_call(at, &state.entered))
        })
    }

    /// The stand-ins of `schedule`, those of the configuration first, each in the order of entry.
    ///
    /// # Errors
    /// [`OnCallError::NoSuchSchedule`].
    pub fn overrides(&self, schedule: &str) -> Result<Vec<Override>, OnCallError> {
        self.read(|state| {
            let missing = || OnCallError::NoSuchSchedule(schedule.to_owned());
            let found = state.roster.schedule(schedule).ok_or_else(missing)?;
            let entered = state.entered.iter().filter(|one| one.schedule == schedule);
            Ok(found.overrides.iter().chain(entered).cloned().collect())
        })
    }

    /// Enters a stand-in on behalf of `actor`.
    ///
    /// # Errors
    /// When there is no such schedule or person, the time is not usable, there are too many, or it cannot be stored.
    pub async fn add(
        &self,
        request: OverrideRequest,
        actor: &str,
    ) -> Result<Override, OnCallError> {
        let _entering = self.0.entering.lock().await;
        let now = self.0.bus.clock().now();
        self.check(&request, now)?;
        let expired = |one: &Override| one.until.plus(KEPT) < now;
        let kept = self.read(|state| Arc::clone(&state.entered));
        let (old, mut kept): (Vec<_>, Vec<_>) = kept.iter().cloned().partition(expired);
        if kept.len() >= LIMIT {
            return Err(OnCallError::TooMany);
        }
        let added = request.entered_by(actor, now);
        let deed = AuditRecord::new("oncall.overrideAdded", actor)
            .target(&*added.id)
            .detail("schedule", &*added.schedule)
            .detail("person", &*added.person)
            .detail("from", added.from.to_string())
            .detail("until", added.until.to_string());
        let old = old.into_iter().map(|one| one.id).collect();
        self.store(actor, (deed, Some(added.clone()), old)).await?;
        kept.push(added.clone());
        self.change(|state| state.entered = kept.into());
        Ok(added)
    }

    /// Removes a stand-in that was entered, on behalf of `actor`, and returns it.
    ///
    /// # Errors
    /// When there is no such stand-in, it stands in the configuration, or it cannot be removed.
    pub async fn remove(&self, id: &str, actor: &str) -> Result<Override, OnCallError> {
        let _entering = self.0.entering.lock().await;
        let entered = self.read(|state| Arc::clone(&state.entered));
        let Some(removed) = entered.iter().find(|one| one.id == id) else {
            return Err(self.why_not(id));
        };
        let deed = AuditRecord::new("oncall.overrideRemoved", actor)
            .target(id)
            .detail("schedule", &*removed.schedule)
            .detail("person", &*removed.person);
        self.store(actor, (deed, None, vec![id.to_owned()])).await?;
        let left = entered.iter().filter(|one| one.id != id).cloned().collect();
        self.change(|state| state.entered = left);
        Ok(removed.clone())
    }

    /// Whom and what `targets` reach at `at`: `person:<id>`, `schedule:<id>`, `channel:<id>`, or a bare label, which is
    /// looked for in that order.
    #[must_use]
    pub fn reach(&self, targets: &[String], at: Timestamp) -> Reached {
        self.read(|state| state.reach(targets, at))
    }

    async fn store(
        &self,
        actor: &str,
        (deed, added, old): (AuditRecord, Option<Override>, Vec<String>),
    ) -> Result<(), OnCallError> {
        let enter = Enter {
            audit: self.0.audit.clone(),
            stored: self.0.stored.clone(),
            deed,
            added,
            old,
        };
        Ok(self.0.bus.transact(actor, enter).await??)
    }

    fn check(&self, request: &OverrideRequest, now: Timestamp) -> Result<(), OnCallError> {
        self.read(|state| {
            if state.roster.schedule(&request.schedule).is_none() {
                return Err(OnCallError::NoSuchSchedule(request.schedule.clone()));
            }
            if state.roster.person(&request.person).is_none() {
                return Err(OnCallError::NoSuchPerson(request.person.clone()));
            }
            Ok(())
        })?;
        if request.until <= request.from {
            return Err(OnCallError::Time("the end must be later than the begin"));
        }
        if request.until <= now {
            return Err(OnCallError::Time("the end has passed"));
        }
        if request.until.since(request.from) > LONGEST {
            let message =
                "longer than a year: change the rotation in the configuration file instead";
            return Err(OnCallError::Time(message));
        }
        Ok(())
    }

    fn why_not(&self, id: &str) -> OnCallError {
        let is_configured = self.read(|state| {
            let mut schedules = state.roster.schedules.iter();
            schedules.any(|schedule| schedule.overrides.iter().any(|one| one.id == id))
        });
        if is_configured {
            return OnCallError::Configured(id.to_owned());
        }
        OnCallError::NoSuchOverride(id.to_owned())
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.state.write().unwrap_or_else(PoisonError::into_inner));
        self.0.changes.send_modify(|count| *count += 1);
    }
}

impl Roster {
    /// The person called `id`.
    #[must_use]
    pub fn person(&self, id: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.id == id)
    }

    /// The schedule called `id`.
    #[must_use]
    pub fn schedule(&self, id: &str) -> Option<&Schedule> {
        self.schedules.iter().find(|schedule| schedule.id == id)
    }
}
