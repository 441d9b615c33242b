//! The ledger in a world of late events, pages, crashes and a detector that passes over what it stored.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const LATE: i64 = 20;

#[derive(Debug, Clone)]
struct Event {
    time: i64,
    visible: i64,
    id: u64,
}

impl Event {
    /// Where the service shows it.
    const fn place(&self) -> (u64, i64, u64) {
        (self.id % 2, self.time, self.id)
    }
}

impl Dated for Event {
    fn time(&self) -> i64 {
        self.time
    }

    fn id(&self) -> u64 {
        self.id
    }
}

/// Where a life ends.
#[derive(Debug, Clone, Copy)]
struct Crash {
    /// In this page with news.
    page: usize,
    /// 0: before it is stored; 1: before it is sent; 2: when some of it is published; 3: before it is done; 4: after.
    stage: u8,
    /// How much of it was published.
    published: usize,
}

/// All that survives a crash.
struct World {
    events: Vec<Event>,
    size: usize,
    now: i64,
    place: Place,
    pages: BTreeMap<u64, Page>,
    /// What the detector stored lies before this position.
    mark: u64,
    told: Vec<(u64, u64)>,
}

impl World {
    fn new(events: Vec<Event>, size: usize) -> Self {
        let place = Place {
            format: 1,
            stream: "s".to_owned(),
            from: 0,
            next: 0,
            done: 0,
        };
        Self {
            events,
            size,
            now: 0,
            place,
            pages: BTreeMap::new(),
            mark: 0,
            told: Vec::new(),
        }
    }

    fn ledger(&self) -> Ledger {
        Ledger::restored(self.place.clone(), self.pages.values().cloned().collect())
    }

    /// What the service shows behind `after`: one half in the order of times, then the other.
    fn page(&self, from: i64, after: Option<(u64, i64, u64)>) -> Vec<Event> {
        let mut found: Vec<_> = self
            .events
            .iter()
            .filter(|event| event.visible <= self.now && event.time >= from)
            .filter(|event| after.is_none_or(|after| event.place() > after))
            .cloned()
            .collect();
        found.sort_by_key(Event::place);
        found.truncate(self.size);
        found
    }

    fn begin(&mut self, ledger: &Ledger) {
        self.place = ledger.place().clone();
        let page = ledger.pending().unwrap().clone();
        self.pages.insert(page.first, page);
    }

    fn keep(&mut self, ledger: &mut Ledger, complete: i64, reached: i64) {
        for page in ledger.advance(complete, reached) {
            self.pages.remove(&page.first);
        }
        self.place = ledger.place().clone();
    }

    /// The detector stores what is new of the first `count`.
    fn publish(&mut self, numbered: &[(u64, Event)], count: usize) {
        for (number, event) in numbered.iter().take(count) {
            if *number >= self.mark {
                self.told.push((*number, event.id));
                self.mark = number + 1;
            }
        }
    }

    /// One poll, as the poller does it; false when the life ended.
    fn poll(&mut self, ledger: &mut Ledger, mut crash: Option<Crash>) -> bool {
        let (began, mut after) = (self.now, None);
        if let Some(page) = ledger.pending() {
            let from = page.times().0;
            let size = std::mem::replace(&mut self.size, usize::MAX);
            let mut numbered = ledger.find(self.page(from, None));
            self.size = size;
            numbered.sort_by_key(|(number, _)| *number);
            self.publish(&numbered, usize::MAX);
            ledger.settle();
            let from = ledger.place().from;
            self.keep(ledger, from, from);
        }
        let from = ledger.place().from;
        loop {
            let events = self.page(from, after);
            let Some(last) = events.last() else { break };
            after = Some(last.place());
            let reached = last.time;
            self.now += 1;
            let numbered = ledger.assign(events);
            if numbered.is_empty() {
                continue;
            }
            let due = crash.filter(|crash| crash.page == 0);
            let ends_at = |stage| due.is_some_and(|crash| crash.stage == stage);
            if ends_at(0) {
                return false;
            }
            self.begin(ledger);
            if ends_at(1) {
                return false;
            }
            if let Some(crash) = due.filter(|crash| crash.stage == 2) {
                self.publish(&numbered, crash.published);
                return false;
            }
            self.publish(&numbered, usize::MAX);
            if ends_at(3) {
                return false;
            }
            ledger.settle();
            self.keep(ledger, from, reached);
            if ends_at(4) {
                return false;
            }
            crash = crash.map(|crash| Crash {
                page: crash.page.wrapping_sub(1),
                ..crash
            });
        }
        self.keep(ledger, began - LATE, began);
        true
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0..300i64, 0..=LATE);
    prop::collection::vec(event, 0..80).prop_map(|events| {
        let numbered = (0..).zip(events);
        numbered
            .map(|(id, (time, late))| Event {
                time,
                visible: time + late,
                // Not in the order of times.
                id: (id * 7919) % 10_007,
            })
            .collect()
    })
}

fn crash() -> impl Strategy<Value = Option<Crash>> {
    let crash = (0..3usize, 0..5u8, 0..6usize);
    prop::option::of(crash.prop_map(|(page, stage, published)| Crash {
        page,
        stage,
        published,
    }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_is_lost_and_nothing_is_told_twice(
        events in events(),
        size in 1..8usize,
        polls in prop::collection::vec((1..40i64, crash()), 1..30),
    ) {
        let mut world = World::new(events, size);
        let mut ledger = world.ledger();
        for (step, crash) in polls {
            world.now += step;
            if !world.poll(&mut ledger, crash) {
                ledger = world.ledger();
            }
        }
        world.now += 1000;
        prop_assert!(world.poll(&mut ledger, None));
        let mut told: Vec<_> = world.told.iter().map(|(_, id)| *id).collect();
        let mut all: Vec<_> = world.events.iter().map(|event| event.id).collect();
        told.sort_unstable();
        all.sort_unstable();
        prop_assert_eq!(told, all);
        // What is far behind is forgotten.
        world.now += 1000;
        prop_assert!(world.poll(&mut ledger, None));
        prop_assert!(world.pages.is_empty() && ledger.seen.is_empty());
    }
}

fn event(time: i64, id: u64) -> Event {
    Event {
        time,
        visible: time,
        id,
    }
}

fn fresh() -> Ledger {
    World::new(Vec::new(), 1).ledger()
}

#[test]
fn a_latecomer_gets_a_later_number() {
    let mut ledger = fresh();
    let numbers = |numbered: Vec<(u64, Event)>| {
        let pairs = numbered.into_iter();
        pairs
            .map(|(number, event)| (number, event.id))
            .collect::<Vec<_>>()
    };
    let first = ledger.assign(vec![event(30, 3), event(10, 1), event(10, 1)]);
    assert_eq!(numbers(first), [(0, 1), (1, 3)]);
    ledger.settle();
    let second = ledger.assign(vec![event(10, 1), event(20, 2), event(30, 3)]);
    assert_eq!(numbers(second), [(2, 2)]);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut ledger = fresh();
    let mut forgotten = 0;
    for round in 0..60 {
        let base = round * 10_000;
        let times = base..base + 10_000;
        let events = times.map(|time| event(time, u64::try_from(time).unwrap()));
        ledger.assign(events.collect());
        ledger.settle();
        forgotten += ledger.advance(0, base + 9_999).len();
    }
    assert_eq!((forgotten, ledger.seen.len()), (10, MOST_SEEN));
    assert_eq!(ledger.place().from, 100_000);
}
