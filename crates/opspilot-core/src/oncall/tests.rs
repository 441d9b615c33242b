//! What schedules and the service promise.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::{
    Channel, Duty, Layer, OnCall, OnCallError, Override, OverrideRequest, Person, Restriction,
    Roster, Rotation, Schedule, Source, Step, Weekday, Zone,
};
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::safety::audit::AuditFilter;
use crate::storage::{MemoryStorage, SharedStorage};
use crate::testing::Bench;

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

fn check(schedule: &Schedule, entered: &[Override], now: &str, person: &str, until: &str) {
    let expected = Duty {
        person: (!person.is_empty()).then(|| person.to_owned()),
        until: (!until.is_empty()).then(|| at(until)),
    };
    assert_eq!(schedule.who_is_on_call(at(now), entered), expected, "{now}");
}

#[test]
fn people_take_weekly_turns_at_the_same_local_time_all_year() {
    let weekly = layer(&["ann", "bob"], "2026-03-16T09:00", Step::Weeks(1));
    let berlin = schedule("Europe/Berlin", vec![weekly]);
    check(
        &berlin,
        &[],
        "2026-03-16T07:59:59.999Z",
        "",
        "2026-03-16T08:00:00Z",
    );
    check(
        &berlin,
        &[],
        "2026-03-16T08:00:00Z",
        "ann",
        "2026-03-23T08:00:00Z",
    );
    // Clocks went forward on 29 March: 09:00 is an hour earlier in UTC, and the turn an hour shorter.
    check(
        &berlin,
        &[],
        "2026-03-23T08:00:00Z",
        "bob",
        "2026-03-30T07:00:00Z",
    );
    check(
        &berlin,
        &[],
        "2026-03-30T07:00:00Z",
        "ann",
        "2026-04-06T07:00:00Z",
    );
    // Clocks went back on 25 October: the turn is an hour longer.
    check(
        &berlin,
        &[],
        "2026-10-25T22:00:00Z",
        "bob",
        "2026-10-26T08:00:00Z",
    );
}

#[test]
fn shifts_of_hours_keep_to_the_clock_too() {
    let shifts = layer(&["day", "night"], "2026-01-05T09:00", Step::Hours(12));
    let berlin = schedule("Europe/Berlin", vec![shifts]);
    check(
        &berlin,
        &[],
        "2026-03-28T21:00:00Z",
        "night",
        "2026-03-29T07:00:00Z",
    );
    check(
        &berlin,
        &[],
        "2026-10-24T20:00:00Z",
        "night",
        "2026-10-25T08:00:00Z",
    );
}

#[test]
fn a_restricted_layer_leaves_the_rest_to_the_next() {
    let mut office = layer(&["ann"], "2026-01-05T09:00", Step::Weeks(1));
    office.restriction = Some(Restriction::parse("09:00", "17:00", &WORKDAYS).unwrap());
    let nights = layer(&["bob"], "2026-01-05T09:00", Step::Weeks(1));
    let berlin = schedule("Europe/Berlin", vec![office.clone(), nights]);
    check(
        &berlin,
        &[],
        "2026-07-10T08:00:00Z",
        "ann",
        "2026-07-10T15:00:00Z",
    );
    // From Friday evening over the week-end until Monday morning.
    check(
        &berlin,
        &[],
        "2026-07-10T15:00:00Z",
        "bob",
        "2026-07-13T07:00:00Z",
    );
    let alone = schedule("Europe/Berlin", vec![office]);
    check(
        &alone,
        &[],
        "2026-07-10T15:00:00Z",
        "",
        "2026-07-13T07:00:00Z",
    );
}

#[test]
fn a_night_belongs_to_the_day_on_which_it_begins() {
    let mut nights = layer(&["ann"], "2026-01-01T00:00", Step::Weeks(1));
    nights.restriction = Some(Restriction::parse("22:00", "06:00", &[Weekday::Fri]).unwrap());
    let utc = schedule("UTC", vec![nights]);
    check(
        &utc,
        &[],
        "2026-07-11T05:59:59Z",
        "ann",
        "2026-07-11T06:00:00Z",
    );
    check(
        &utc,
        &[],
        "2026-07-11T22:30:00Z",
        "",
        "2026-07-17T22:00:00Z",
    );
}

#[test]
fn the_newest_stand_in_that_holds_decides() {
    let weekly = layer(&["ann", "bob"], "2026-01-05T09:00", Step::Weeks(1));
    let mut utc = schedule("UTC", vec![weekly]);
    let week = ("2026-01-06T00:00:00Z", "2026-01-10T00:00:00Z");
    utc.overrides.push(stand_in("cid", week.0, week.1));
    let entered = [
        stand_in("dee", "2026-01-07T00:00:00Z", "2026-01-08T00:00:00Z"),
        Override {
            schedule: "secondary".into(),
            ..stand_in("eve", week.0, week.1)
        },
    ];
    check(&utc, &entered, "2026-01-05T10:00:00Z", "ann", week.0);
    check(
        &utc,
        &entered,
        "2026-01-06T00:00:00Z",
        "cid",
        "2026-01-07T00:00:00Z",
    );
    check(
        &utc,
        &entered,
        "2026-01-07T12:00:00Z",
        "dee",
        "2026-01-08T00:00:00Z",
    );
    check(&utc, &entered, "2026-01-08T00:00:00Z", "cid", week.1);
    check(&utc, &entered, week.1, "ann", "2026-01-12T09:00:00Z");
}

#[test]
fn who_hands_over_to_themselves_stays() {
    let weekly = layer(&["ann", "ann", "bob"], "2026-01-05T09:00", Step::Weeks(1));
    let utc = schedule("UTC", vec![weekly]);
    check(
        &utc,
        &[],
        "2026-01-06T00:00:00Z",
        "ann",
        "2026-01-19T09:00:00Z",
    );
    check(
        &schedule("UTC", Vec::new()),
        &[],
        "2026-01-06T00:00:00Z",
        "",
        "",
    );
}

/// Zones with changes of an hour, of half an hour, at midnight, of a whole day, and none.
const ZONES: [&str; 9] = [
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Havana",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Pacific/Apia",
    "Asia/Kathmandu",
];

/// A moment near a change of clocks in `zone`, between 2000 and 2050.
fn near_a_change(zone: &str, from: i64, offset: i64) -> i64 {
    let zone = jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap();
    let from = jiff::Timestamp::from_second(from).unwrap();
    let change = zone.following(from).next().map(|change| change.timestamp());
    change.unwrap_or(from).as_millisecond() + offset
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..50u32).prop_map(Step::Hours),
        (1..10u32).prop_map(Step::Days),
        (1..4u32).prop_map(Step::Weeks),
    ]
}

proptest! {
    /// The definition, without any calculation: the turn is the last whose hand-over is not later.
    #[test]
    fn every_moment_has_the_turn_that_began_last(
        zone in prop::sample::select(&ZONES[..]),
        step in steps(),
        people in 1..5usize,
        from in 946_684_800..2_524_608_000i64,
        offset in -200_000_000..200_000_000i64,
        start_minute in 0..60u32,
    ) {
        let now = near_a_change(zone, from, offset);
        let parsed = Zone::parse(zone).unwrap();
        let begin = parsed.local(Timestamp::from_millis(now - 90 * 86_400_000)).date();
        let start = format!("{begin}T09:{start_minute:02}");
        let who: Vec<_> = (0..people).map(|number| format!("p{number}")).collect();
        let rotation = Rotation::parse(who.clone(), &start, step).unwrap();
        let now = Timestamp::from_millis(now);
        let (person, until) = rotation.turn(&parsed, now);
        let mut number = 0;
        let hours = match step {
            Step::Hours(hours) => hours,
            Step::Days(days) => days * 24,
            Step::Weeks(weeks) => weeks * 7 * 24,
        };
        let first: jiff::civil::DateTime = start.parse().unwrap();
        let hand_over = |number: u32| {
            let span = jiff::SignedDuration::from_hours(i64::from(hours * number));
            parsed.first(first.checked_add(span).unwrap()).unwrap()
        };
        while hand_over(number + 1) <= now {
            number += 1;
        }
        let index = usize::try_from(number).unwrap() % people;
        prop_assert_eq!(person, Some(who[index].as_str()));
        prop_assert_eq!(until, Some(hand_over(number + 1)));
    }

    /// Later local times are never earlier moments, so no turn overlaps another and none is left out.
    #[test]
    fn later_local_times_are_never_earlier(
        zone in prop::sample::select(&ZONES[..]),
        from in 946_684_800..2_524_608_000i64,
        offset in -100_000_000..100_000_000i64,
        minutes in 1..3_000i64,
    ) {
        let parsed = Zone::parse(zone).unwrap();
        let now = Timestamp::from_millis(near_a_change(zone, from, offset));
        let local = parsed.local(now);
        let later = local.checked_add(jiff::SignedDuration::from_mins(minutes)).unwrap();
        prop_assert!(parsed.first(local).unwrap() <= parsed.first(later).unwrap());
        // The clocks show that time at that moment, unless they skip it.
        let first = parsed.first(local).unwrap();
        prop_assert_eq!(parsed.local(first), local);
        prop_assert!(first <= now);
    }

    /// Hand-overs of days and weeks happen when the clocks show the time of the start, or jump over it.
    #[test]
    fn hand_overs_keep_their_local_time(
        zone in prop::sample::select(&ZONES[..]),
        days in 1..15u32,
        from in 946_684_800..2_524_608_000i64,
        hour in 0..24i8,
    ) {
        let parsed = Zone::parse(zone).unwrap();
        let begin = parsed.local(Timestamp::from_millis(from * 1_000)).date();
        let start = begin.at(hour, 0, 0, 0);
        let rotation = Rotation::parse(names(&["a", "b"]), &start.to_string(), Step::Days(days)).unwrap();
        let mut now = parsed.first(start).unwrap();
        for _ in 0..40 {
            let end = rotation.turn(&parsed, now).1.unwrap();
            prop_assert!(end > now);
            let shown = parsed.local(end).time();
            if shown != start.time() {
                let before = parsed.local(Timestamp::from_millis(end.as_millis() - 1));
                let jump = parsed.local(end).duration_since(before);
                prop_assert!(jump > jiff::SignedDuration::from_mins(1), "{} {}", end, shown);
            }
            now = end;
        }
    }

    /// What is said to hold until a moment holds until then, and the next answer differs.
    #[test]
    fn a_duty_lasts_exactly_until_its_end(
        zone in prop::sample::select(&ZONES[..]),
        step in steps(),
        from in 946_684_800..2_524_608_000i64,
        offset in -100_000_000..100_000_000i64,
        hours in (0..24u8, 0..24u8),
        part in 0..1_000u64,
    ) {
        let now = Timestamp::from_millis(near_a_change(zone, from, offset));
        let begin = Zone::parse(zone).unwrap().local(now.minus(Duration::from_hours(24 * 60))).date();
        let mut office = layer(&["a", "b"], &format!("{begin}T08:30"), step);
        let (open, close) = (format!("{:02}:00", hours.0), format!("{:02}:30", hours.1));
        office.restriction = Some(Restriction::parse(&open, &close, &WORKDAYS).unwrap());
        let rest = layer(&["c"], &format!("{begin}T10:00"), Step::Days(1));
        let plan = schedule(zone, vec![office, rest]);
        let duty = plan.who_is_on_call(now, &[]);
        let end = duty.until.unwrap();
        prop_assert!(end > now);
        let length = end.as_millis() - now.as_millis();
        let inside = now.as_millis() + length * i64::try_from(part).unwrap() / 1_000;
        let inside = plan.who_is_on_call(Timestamp::from_millis(inside), &[]);
        prop_assert_eq!(&inside.person, &duty.person);
        prop_assert_ne!(plan.who_is_on_call(end, &[]).person, duty.person);
    }
}

fn person(id: &str, channels: &[&str]) -> Person {
    Person {
        id: id.into(),
        name: None,
        channels: names(channels),
        time_zone: None,
    }
}

async fn bench(storage: &SharedStorage, clock: &Arc<ManualClock>) -> Bench {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    let bench = Bench::on(Arc::clone(storage), clock).await;
    offer(&bench.on_call);
    bench
}

async fn service(storage: &SharedStorage, clock: &Arc<ManualClock>) -> OnCall {
    bench(storage, clock).await.on_call
}

fn offer(on_call: &OnCall) {
    let weekly = layer(&["ann", "bob"], "2026-01-05T09:00", Step::Weeks(1));
    on_call.offer(Roster {
        people: vec![
            person("ann", &["ann-hook", "ops-file"]),
            person("bob", &["bob-hook"]),
            person("cid", &["gone"]),
        ],
        schedules: vec![schedule("UTC", vec![weekly])],
    });
}

fn request(person: &str, from: &str, until: &str) -> OverrideRequest {
    OverrideRequest {
        schedule: "primary".into(),
        person: person.into(),
        from: at(from),
        until: at(until),
        reason: None,
    }
}

#[tokio::test]
async fn stand_ins_are_kept_over_a_restart_until_they_are_removed() {
    let storage: SharedStorage = Arc::new(MemoryStorage::default());
    let clock = ManualClock::starting_at(at("2026-01-05T10:00:00Z"));
    let on_call = service(&storage, &clock).await;
    let changes = on_call.changes();
    let wanted = request("bob", "2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z");
    let added = on_call.add(wanted, "dee").await.unwrap();
    assert_eq!(
        (added.added_by.as_str(), added.source),
        ("dee", Source::Entered)
    );
    assert!(changes.has_changed().unwrap());
    let again = service(&storage, &clock).await;
    let who = |on_call: &OnCall| {
        on_call
            .who("primary", at("2026-01-06T12:00:00Z"))
            .unwrap()
            .person
    };
    assert_eq!(who(&again).as_deref(), Some("bob"));
    let one = std::slice::from_ref(&added);
    assert_eq!(again.overrides("primary").unwrap(), one);
    assert_eq!(again.remove(&added.id, "eve").await.unwrap(), added);
    assert_eq!(who(&again).as_deref(), Some("ann"));
    assert!(
        service(&storage, &clock)
            .await
            .overrides("primary")
            .unwrap()
            .is_empty()
    );
    let missing = again.remove(&added.id, "eve").await;
    assert!(matches!(missing, Err(OnCallError::NoSuchOverride(_))));
}

#[tokio::test]
async fn the_audit_log_tells_who_entered_and_removed_a_stand_in() {
    let storage: SharedStorage = Arc::new(MemoryStorage::default());
    let clock = ManualClock::starting_at(at("2026-01-05T10:00:00Z"));
    let bench = bench(&storage, &clock).await;
    let wanted = request("bob", "2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z");
    let added = bench.on_call.add(wanted, "dee").await.unwrap();
    bench.on_call.remove(&added.id, "eve").await.unwrap();
    let filter = AuditFilter::default();
    let (entries, _) = bench.audit.list(&filter, None, 10).await.unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (&*entry.action, &*entry.actor, entry.target.as_deref()))
        .collect();
    let expected = [
        ("oncall.overrideRemoved", "eve", Some(&*added.id)),
        ("oncall.overrideAdded", "dee", Some(&*added.id)),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_stand_in_that_makes_no_sense_is_refused() {
    let storage: SharedStorage = Arc::new(MemoryStorage::default());
    let clock = ManualClock::starting_at(at("2026-01-05T10:00:00Z"));
    let on_call = service(&storage, &clock).await;
    let day = ("2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z");
    let good = request("bob", day.0, day.1);
    let refused = [
        (request("zoe", day.0, day.1), "there is no person `zoe`"),
        (
            OverrideRequest {
                schedule: "x".into(),
                ..good.clone()
            },
            "there is no schedule `x`",
        ),
        (
            request("bob", day.1, day.0),
            "the end must be later than the begin",
        ),
        (
            request("bob", "2026-01-01T00:00:00Z", "2026-01-05T10:00:00Z"),
            "the end has passed",
        ),
    ];
    for (request, message) in refused {
        assert_eq!(
            on_call.add(request, "dee").await.unwrap_err().to_string(),
            message
        );
    }
    assert!(on_call.overrides("primary").unwrap().is_empty());
}

#[tokio::test]
async fn old_stand_ins_make_room() {
    let storage: SharedStorage = Arc::new(MemoryStorage::default());
    let clock = ManualClock::starting_at(at("2026-01-05T10:00:00Z"));
    let on_call = service(&storage, &clock).await;
    on_call
        .add(
            request("bob", "2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z"),
            "dee",
        )
        .await
        .unwrap();
    clock.set(at("2026-03-01T00:00:00Z"));
    let kept = request("bob", "2026-03-06T00:00:00Z", "2026-03-07T00:00:00Z");
    let kept = on_call.add(kept, "dee").await.unwrap();
    let one = std::slice::from_ref(&kept);
    assert_eq!(on_call.overrides("primary").unwrap(), one);
    let again = service(&storage, &clock).await;
    assert_eq!(again.overrides("primary").unwrap(), one);
}

#[tokio::test]
async fn targets_are_people_then_schedules_then_channels_then_labels() {
    let storage: SharedStorage = Arc::new(MemoryStorage::default());
    let now = at("2026-01-05T10:00:00Z");
    let on_call = service(&storage, &ManualClock::starting_at(now)).await;
    let channel = |id: &str, hears_all| Channel {
        id: id.into(),
        hears_all,
    };
    on_call.offer_channels(
        "notifier.channels",
        vec![channel("ann-hook", false), channel("bob-hook", false)],
    );
    let reach = |targets: &[&str]| on_call.reach(&names(targets), now);
    let check = |targets: &[&str], people: &[&str], channels: &[&str], nobody: &[&str]| {
        let found = reach(targets);
        assert_eq!(
            (found.people, found.channels),
            (names(people), names(channels)),
            "{targets:?}"
        );
        assert_eq!(found.nobody_by, names(nobody), "{targets:?}");
    };
    check(&["person:bob"], &["bob"], &["bob-hook"], &[]);
    check(&["schedule:primary", "ann"], &["ann"], &["ann-hook"], &[]);
    check(&["primary"], &["ann"], &["ann-hook"], &[]);
    check(&["channel:ann-hook", "ann-hook"], &[], &["ann-hook"], &[]);
    check(
        &["channel:x"],
        &[],
        &[],
        &["`channel:x` (no notifier has such a channel)"],
    );
    check(
        &["cid"],
        &["cid"],
        &[],
        &["`cid` (no notifier has a channel of theirs)"],
    );
    let label = "`team-lead` (neither a person nor a schedule nor a channel)";
    check(&["team-lead"], &[], &[], &[label]);
    // A channel that hears every escalation understands labels, as long as the event names no channel.
    on_call.offer_channels("notifier.slack", vec![channel("notifier.slack", true)]);
    check(&["team-lead"], &[], &[], &[]);
    check(
        &["team-lead", "person:bob"],
        &["bob"],
        &["bob-hook"],
        &[label],
    );
    on_call.withdraw_channels("notifier.channels");
    check(
        &["bob"],
        &["bob"],
        &[],
        &["`bob` (no notifier has a channel of theirs)"],
    );
}
