//! Whom targets reach: people, whoever is on call, channels, and words that mean something elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::escalations::Escalations;
use super::record::{Channel, Override, Person};
use super::service::Roster;
use crate::clock::Timestamp;

/// What is known at present.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) roster: Arc<Roster>,
    /// The stand-ins that were entered, in the order of entry.
    pub(super) entered: Arc<[Override]>,
    pub(super) channels: BTreeMap<&'static str, Vec<Channel>>,
    /// Whoever escalates.
    pub(super) escalations: Option<Arc<dyn Escalations>>,
}

/// Whom and what a list of targets reaches at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// The ids of the people, each once.
    pub people: Vec<String>,
    /// The ids of the channels, each once; empty if every channel that hears escalations is meant.
    pub channels: Vec<String>,
    /// The targets by which nobody is reached, each with the reason in brackets.
    pub nobody_by: Vec<String>,
}

/// What one target stands for.
enum Meaning<'a> {
    Person(&'a Person),
    Channel(&'a str),
    /// A word that means nothing here: whoever listens to all escalations understands it.
    Label,
    Nobody(&'static str),
}

impl State {
    pub(super) fn reach(&self, targets: &[String], at: Timestamp) -> Reached {
        let mut reached = Reached::default();
        let mut labels = Vec::new();
        for target in targets {
            match self.meaning(target, at) {
                Meaning::Person(person) => {
                    if !person.channels.iter().any(|id| self.carries(id)) {
                        reached.nobody_by(target, "no notifier has a channel of theirs");
                    }
                    add(&mut reached.people, &person.id);
                    let channels = person.channels.iter().filter(|id| self.carries(id));
                    channels.for_each(|id| add(&mut reached.channels, id));
                }
                Meaning::Channel(id) => add(&mut reached.channels, id),
                Meaning::Label => labels.push(target),
                Meaning::Nobody(reason) => reached.nobody_by(target, reason),
            }
        }
        let is_heard = reached.channels.is_empty() && self.all().any(|channel| channel.hears_all);
        for label in labels.into_iter().filter(|_| !is_heard) {
            reached.nobody_by(label, "neither a person nor a schedule nor a channel");
        }
        reached
    }

    fn meaning<'a>(&'a self, target: &'a str, at: Timestamp) -> Meaning<'a> {
        let (kind, name) = match target.split_once(':') {
            Some((kind @ ("person" | "schedule" | "channel"), name)) => (kind, name),
            _ => ("", target),
        };
        let is = |wanted: &str| kind == wanted || kind.is_empty();
        if is("person")
            && let Some(person) = self.roster.person(name)
        {
            return Meaning::Person(person);
        }
        if is("schedule")
            && let Some(schedule) = self.roster.schedule(name)
        {
            let duty = schedule.who_is_on_call(at, &self.entered);
            let person = duty.person.and_then(|id| self.roster.person(&id));
            return person.map_or(Meaning::Nobody("nobody is on call"), Meaning::Person);
        }
        if is("channel") && self.carries(name) {
            return Meaning::Channel(name);
        }
        match kind {
            "person" => Meaning::Nobody("there is no such person"),
            "schedule" => Meaning::Nobody("there is no such schedule"),
            "channel" => Meaning::Nobody("no notifier has such a channel"),
            _ => Meaning::Label,
        }
    }

    fn carries(&self, id: &str) -> bool {
        self.all().any(|channel| channel.id == id)
    }

    fn all(&self) -> impl Iterator<Item = &Channel> {
        self.channels.values().flatten()
    }
}

impl Reached {
    fn nobody_by(&mut self, target: &str, reason: &str) {
        self.nobody_by.push(format!("`{target}` ({reason})"));
    }
}

/// Adds `id` unless it is there.
fn add(list: &mut Vec<String>, id: &str) {
    if !list.iter().any(|known| known == id) {
        list.push(id.to_owned());
    }
}
