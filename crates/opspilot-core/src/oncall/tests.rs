//! What schedules and the service promise.

mod properties;
mod service;
mod turns;

use super::{Layer, Override, Rotation, Schedule, Source, Step, Weekday, Zone};
use crate::clock::Timestamp;

const WORKDAYS: [Weekday; 5] = [
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
    Weekday::Thu,
    Weekday::Fri,
];

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn names(people: &[&str]) -> Vec<String> {
    people.iter().map(|&name| name.to_owned()).collect()
}

fn layer(people: &[&str], start: &str, step: Step) -> Layer {
    Layer {
        rotation: Rotation::parse(names(people), start, step).unwrap(),
        restriction: None,
    }
}

fn schedule(zone: &str, layers: Vec<Layer>) -> Schedule {
    Schedule {
        id: "primary".into(),
        zone: Zone::parse(zone).unwrap(),
        layers,
        overrides: Vec::new(),
    }
}

fn stand_in(person: &str, from: &str, until: &str) -> Override {
    Override {
        id: format!("{person}-{from}"),
        schedule: "primary".into(),
        person: person.into(),
        from: at(from),
        until: at(until),
        source: Source::Entered,
        added_by: "ann".into(),
        added_at: Timestamp::UNIX_EPOCH,
        reason: None,
    }
}
