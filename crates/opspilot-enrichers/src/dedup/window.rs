//! The sliding window over what was seen: pure, with time passed in.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::event::IncidentCreated;
use opspilot_core::incident::IncidentId;

use super::Verdict;
use super::fingerprint::Fingerprint;

/// How many absorbed incidents of one fingerprint are remembered by their id, newest last. A detector goes on speaking of
/// its newest incident, so the few newest are enough.
const ALIASES: usize = 4;

/// What is known of one fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sighting {
    /// The incident that the others repeat.
    pub(super) original: IncidentId,
    /// How many signals it stands for.
    pub(super) occurrences: u64,
    /// When the first was seen.
    pub(super) first_seen_at: Timestamp,
    /// When the newest was seen.
    pub(super) last_seen_at: Timestamp,
    /// The newest incidents that were absorbed.
    pub(super) aliases: VecDeque<IncidentId>,
    turn: u64,
}

/// The fingerprints that were seen, least recently seen first.
///
/// Every operation takes time logarithmic in their number.
#[derive(Debug, Clone)]
pub(super) struct Window {
    span: Duration,
    sightings: HashMap<Fingerprint, Sighting>,
    /// The fingerprints in the order in which they were last seen.
    order: BTreeMap<u64, Fingerprint>,
    /// Which fingerprint an original or an alias belongs to.
    ids: HashMap<IncidentId, Fingerprint>,
    turns: u64,
}

impl Window {
    /// A window in which an incident repeats another that was seen less than `span` ago.
    pub(super) fn new(span: Duration) -> Self {
        Self {
            span,
            sightings: HashMap::new(),
            order: BTreeMap::new(),
            ids: HashMap::new(),
            turns: 0,
        }
    }

    /// How many fingerprints are known.
    pub(super) fn len(&self) -> usize {
        self.sightings.len()
    }

    /// What is known of a fingerprint, whether its window has passed or not.
    pub(super) fn get(&self, fingerprint: &Fingerprint) -> Option<&Sighting> {
        self.sightings.get(fingerprint)
    }

    /// The incident that `id` stands for, and its fingerprint.
    pub(super) fn original_of(&self, id: &IncidentId) -> Option<(Fingerprint, &IncidentId)> {
        let fingerprint = self.ids.get(id)?;
        let sighting = self.sightings.get(fingerprint)?;
        Some((*fingerprint, &sighting.original))
    }

    /// What is known of a fingerprint whose window has not passed.
    pub(super) fn live(&self, now: Timestamp, fingerprint: &Fingerprint) -> Option<&Sighting> {
        self.get(fingerprint)
            .filter(|sighting| now.since(sighting.last_seen_at) < self.span)
    }

    /// Judges an incident, and remembers it.
    pub(super) fn check(
        &mut self,
        now: Timestamp,
        fingerprint: Fingerprint,
        event: &IncidentCreated,
    ) -> Verdict {
        if let Some((_, original)) = self.original_of(&event.incident_id) {
            let original = original.clone();
            return Verdict::Known { original };
        }
        if self.live(now, &fingerprint).is_none() {
            self.forget(&fingerprint);
            self.remember(fingerprint, Sighting::of(event, now));
            return Verdict::New;
        }
        self.add_alias(fingerprint, event.incident_id.clone());
        self.touch(now, fingerprint, event.occurrences);
        match self.get(&fingerprint) {
            Some(sighting) => Verdict::Duplicate {
                original: sighting.original.clone(),
                occurrences: sighting.occurrences,
            },
            None => Verdict::New,
        }
    }

    /// Counts `occurrences` more signals of a known fingerprint, seen now.
    pub(super) fn touch(&mut self, now: Timestamp, fingerprint: Fingerprint, occurrences: u64) {
        let turn = self.next_turn();
        let Some(sighting) = self.sightings.get_mut(&fingerprint) else {
            return;
        };
        self.order.remove(&sighting.turn);
        self.order.insert(turn, fingerprint);
        sighting.turn = turn;
        sighting.occurrences = sighting.occurrences.saturating_add(occurrences);
        sighting.last_seen_at = now;
    }

    /// Adds what a store remembered, as the most recently seen.
    pub(super) fn remember(&mut self, fingerprint: Fingerprint, mut sighting: Sighting) {
        let turn = self.next_turn();
        sighting.turn = turn;
        for id in sighting.aliases.iter().chain([&sighting.original]) {
            self.ids.insert(id.clone(), fingerprint);
        }
        self.order.insert(turn, fingerprint);
        self.sightings.insert(fingerprint, sighting);
    }

    /// Forgets a fingerprint.
    pub(super) fn forget(&mut self, fingerprint: &Fingerprint) {
        let Some(sighting) = self.sightings.remove(fingerprint) else {
            return;
        };
        self.order.remove(&sighting.turn);
        for id in sighting.aliases.iter().chain([&sighting.original]) {
            self.ids.remove(id);
        }
    }

    /// Forgets what has passed and, least recently seen first, what exceeds `capacity`; at most `limit` of them. Returns
    /// what it forgot.
    pub(super) fn trim(
        &mut self,
        now: Timestamp,
        capacity: usize,
        limit: usize,
    ) -> Vec<Fingerprint> {
        let mut forgotten = Vec::new();
        while forgotten.len() < limit
            && let Some(oldest) = self.order.values().next().copied()
            && (self.len() > capacity || self.live(now, &oldest).is_none())
        {
            self.forget(&oldest);
            forgotten.push(oldest);
        }
        forgotten
    }

    fn add_alias(&mut self, fingerprint: Fingerprint, id: IncidentId) {
        let Some(sighting) = self.sightings.get_mut(&fingerprint) else {
            return;
        };
        if sighting.aliases.len() >= ALIASES
            && let Some(oldest) = sighting.aliases.pop_front()
        {
            self.ids.remove(&oldest);
        }
        sighting.aliases.push_back(id.clone());
        self.ids.insert(id, fingerprint);
    }

    fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }
}

impl Sighting {
    /// The first sighting.
    fn of(event: &IncidentCreated, now: Timestamp) -> Self {
        let id = event.incident_id.clone();
        Self::stored(id, event.occurrences, (now, now), VecDeque::new())
    }

    /// What a store remembered; `seen` is the first and the last time.
    pub(super) fn stored(
        original: IncidentId,
        occurrences: u64,
        seen: (Timestamp, Timestamp),
        aliases: VecDeque<IncidentId>,
    ) -> Self {
        Self {
            original,
            occurrences,
            first_seen_at: seen.0,
            last_seen_at: seen.1,
            aliases,
            turn: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dedup::fingerprint::Field;
    use crate::testing::created;

    const SPAN: i64 = 1_000;

    /// What the contract says, with a list: the newest sighting of the same title less than `SPAN` ago.
    #[derive(Default)]
    struct Model(Vec<(String, String, u64, i64)>);

    impl Model {
        fn check(&mut self, now: i64, id: &str, title: &str) -> Verdict {
            self.0.retain(|(_, _, _, last)| now - last < SPAN);
            let found = self.0.iter().position(|(known, ..)| known == title);
            let Some(found) = found else {
                self.0.push((title.into(), id.into(), 1, now));
                return Verdict::New;
            };
            let mut entry = self.0.remove(found);
            entry.2 += 1;
            entry.3 = now;
            self.0.push(entry.clone());
            Verdict::Duplicate {
                original: IncidentId::from(entry.1),
                occurrences: entry.2,
            }
        }

        fn evict(&mut self, capacity: usize) {
            let excess = self.0.len().saturating_sub(capacity);
            self.0.drain(..excess);
        }
    }

    /// What is left of a window after its rows were written and read.
    fn restarted(window: &Window) -> Window {
        let mut again = Window::new(window.span);
        for fingerprint in window.order.values() {
            again.remember(*fingerprint, window.sightings[fingerprint].clone());
        }
        again
    }

    proptest! {
        #[test]
        fn agrees_with_a_list(
            steps in prop::collection::vec((0..700i64, 0..8u8, prop::bool::weighted(0.1)), 1..300),
            capacity in 2..10usize,
        ) {
            let mut window = Window::new(Duration::from_millis(SPAN.unsigned_abs()));
            let mut model = Model::default();
            let mut now = 0;
            for (index, (gap, title, restart)) in steps.into_iter().enumerate() {
                now += gap;
                let (id, title) = (format!("i{index}"), format!("t{title}"));
                let event = created(&id, &title);
                let at = Timestamp::from_millis(now);
                let verdict = window.check(at, Fingerprint::of(&[Field::Title], &event), &event);
                prop_assert_eq!(verdict, model.check(now, &id, &title));
                window.trim(at, capacity, usize::MAX);
                model.evict(capacity);
                prop_assert_eq!(window.len(), model.0.len());
                prop_assert_eq!(window.order.len(), model.0.len());
                prop_assert!(window.ids.len() <= model.0.len() * (ALIASES + 1));
                if restart {
                    window = restarted(&window);
                }
            }
        }
    }

    #[test]
    fn the_same_incident_again_counts_nothing() {
        let mut window = Window::new(Duration::from_secs(1));
        let mut check = |id: &str| {
            let event = created(id, "title");
            let fingerprint = Fingerprint::of(&[Field::Title], &event);
            window.check(Timestamp::UNIX_EPOCH, fingerprint, &event)
        };
        let original = IncidentId::from("a");
        assert_eq!(check("a"), Verdict::New);
        let known = Verdict::Known {
            original: original.clone(),
        };
        assert_eq!(check("a"), known);
        let duplicate = Verdict::Duplicate {
            original,
            occurrences: 2,
        };
        assert_eq!(check("b"), duplicate);
        assert_eq!(check("b"), known);
    }
}
