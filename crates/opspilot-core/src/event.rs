//! Everything that can happen: the typed events of the incident plane.
//!
//! An event is a plain struct that names its wire type. Each file below holds one family; [`CORE_EVENTS`] lists them
//! all. Raw signals (log lines, samples) are not events: they travel in batches, see [`crate::signal`].

mod action;
mod enrichment;
mod envelope;
mod incident;
mod runbook;
mod system;
mod trace;

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use action::{
    ActionApproved, ActionDenied, ActionExecuted, ActionProposed, ActionResult, ActionWithdrawn,
};
pub use enrichment::EnrichmentCompleted;
pub(crate) use envelope::Header;
pub use envelope::{Envelope, EnvelopeError, EventId};
pub use incident::{
    IncidentCleared, IncidentCreated, IncidentEscalated, IncidentRepeated, IncidentStorm,
    IncidentSuppressed, IncidentUpdated,
};
pub use runbook::{RunbookCompleted, RunbookStarted, RunbookStepCompleted};
pub use system::{DeliveryFailed, ModuleLifecycle, ModuleState};
pub use trace::{TARGET as TRACE_TARGET, TracePlace};

/// A fact of the incident plane.
///
/// The type's JSON form (camelCase, RFC 3339 times) is its wire form and the `payload` of its envelope.
pub trait Event:
    Serialize + DeserializeOwned + schemars::JsonSchema + fmt::Debug + Clone + Send + Sync + 'static
{
    /// The wire type, for example `incident.created`.
    const TYPE: &'static str;

    /// The thread through a chain of events: the id of the incident that it is about, if any.
    fn correlation_id(&self) -> Option<&str> {
        None
    }
}

/// One row of the event table.
#[derive(Debug, Clone, Copy)]
pub struct EventKind {
    /// The wire type.
    pub name: &'static str,
    /// Makes the JSON Schema of the payload.
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
}

impl EventKind {
    /// The row of `E`.
    #[must_use]
    pub const fn of<E: Event>() -> Self {
        Self {
            name: E::TYPE,
            schema: |generator| generator.subschema_for::<E>(),
        }
    }
}

/// Every event type of the core. A module crate may add types of its own.
pub const CORE_EVENTS: &[EventKind] = &[
    EventKind::of::<IncidentCreated>(),
    EventKind::of::<IncidentRepeated>(),
    EventKind::of::<IncidentCleared>(),
    EventKind::of::<IncidentUpdated>(),
    EventKind::of::<IncidentSuppressed>(),
    EventKind::of::<IncidentStorm>(),
    EventKind::of::<IncidentEscalated>(),
    EventKind::of::<EnrichmentCompleted>(),
    EventKind::of::<ActionProposed>(),
    EventKind::of::<ActionApproved>(),
    EventKind::of::<ActionDenied>(),
    EventKind::of::<ActionExecuted>(),
    EventKind::of::<RunbookStarted>(),
    EventKind::of::<RunbookStepCompleted>(),
    EventKind::of::<RunbookCompleted>(),
    EventKind::of::<ActionWithdrawn>(),
    EventKind::of::<ModuleLifecycle>(),
    EventKind::of::<DeliveryFailed>(),
];

/// Declares the wire type of event structs, and the field that names their incident, if there always is one or maybe.
macro_rules! wire_types {
    ($($event:ty => $name:literal $(about $id:ident)? $(maybe about $maybe:ident)?),+ $(,)?) => {
        $(impl $crate::event::Event for $event {
            const TYPE: &'static str = $name;
            $(fn correlation_id(&self) -> Option<&str> {
                Some(self.$id.as_str())
            })?
            $(fn correlation_id(&self) -> Option<&str> {
                Some(self.$maybe.as_ref()?.as_str())
            })?
        })+
    };
}
use wire_types;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::CORE_EVENTS;

    #[test]
    fn wire_types_are_unique_and_well_formed() {
        let names: BTreeSet<_> = CORE_EVENTS.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), CORE_EVENTS.len());
        for name in names {
            let (family, fact) = name.split_once('.').unwrap();
            assert!(
                [family, fact]
                    .iter()
                    .all(|part| part.chars().all(char::is_alphanumeric)),
                "{name}"
            );
        }
    }
}
