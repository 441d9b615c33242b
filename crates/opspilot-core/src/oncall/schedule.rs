//! Schedules: layers of rotations, and stand-ins above them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::record::Override;
use super::rotation::{Restriction, Rotation, Turn};
use super::zone::Zone;
use crate::clock::Timestamp;

/// After how many hand-overs to the same person an end of their duty is named although it may go on.
const LOOK_AHEAD: usize = 64;

/// Who is on call, by time.
///
/// At every moment the newest stand-in that holds decides. If none does, the first layer that has somebody decides;
/// a layer that is restricted to hours leaves the rest to the layers behind it. If no layer has somebody, nobody is on
/// call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its id in targets.
    pub id: String,
    /// The zone of all its local times.
    pub zone: Zone,
    /// The layers, the one that decides first in front.
    pub layers: Vec<Layer>,
    /// The stand-ins that the configuration names, newest last.
    pub overrides: Vec<Override>,
}

/// A rotation, and when it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Who takes turns.
    pub rotation: Rotation,
    /// When the layer has anybody at all; always if absent.
    pub restriction: Option<Restriction>,
}

/// Who is on call at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Duty {
    /// The person's id; absent when nobody is on call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// When this changes; absent when it does not. Somebody who hands over to themselves dozens of times in a row has an
    /// end here beyond which they may still be on call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Schedule {
    /// Who is on call at `at`. `entered` are the stand-ins that were entered at run time, in the order of entry; those of
    /// other schedules are passed over.
    #[must_use]
    pub fn who_is_on_call(&self, at: Timestamp, entered: &[Override]) -> Duty {
        let (person, mut until) = self.segment(at, entered);
        for _ in 0..LOOK_AHEAD {
            let Some(end) = until else { break };
            let (next, next_until) = self.segment(end, entered);
            if next != person {
                break;
            }
            until = next_until;
        }
        Duty {
            person: person.map(str::to_owned),
            until,
        }
    }

    /// Everybody whom the schedule may name, once for each time it does.
    pub fn people(&self) -> impl Iterator<Item = &str> {
        let layers = self.layers.iter().flat_map(|layer| layer.rotation.people());
        let stand_ins = self.overrides.iter().map(|one| &one.person);
        layers.chain(stand_ins).map(String::as_str)
    }

    /// Who is on call at `at`, and a later moment until which that is certain.
    fn segment<'a>(&'a self, at: Timestamp, entered: &'a [Override]) -> Turn<'a> {
        let entered = entered.iter().filter(|one| one.schedule == self.id);
        let stand_ins: Vec<_> = self.overrides.iter().chain(entered).collect();
        let edges = stand_ins.iter().flat_map(|one| [one.from, one.until]);
        let mut until = edges.filter(|edge| *edge > at).min();
        let mut person = stand_ins
            .iter()
            .rfind(|one| one.holds(at))
            .map(|one| one.person.as_str());
        for layer in &self.layers {
            if person.is_some() {
                break;
            }
            let (found, end) = layer.turn(&self.zone, at);
            person = found;
            until = [until, end].into_iter().flatten().min();
        }
        (person, until)
    }
}

impl Layer {
    /// Whom the layer names at `at`, and until when that is certain.
    fn turn(&self, zone: &Zone, at: Timestamp) -> Turn<'_> {
        let Some(restriction) = &self.restriction else {
            return self.rotation.turn(zone, at);
        };
        let (holds, edge) = restriction.holds(zone, at);
        if !holds {
            // Turns go on outside of the hours, and matter to nobody.
            return (None, edge);
        }
        let (person, end) = self.rotation.turn(zone, at);
        (person, [end, edge].into_iter().flatten().min())
    }
}
