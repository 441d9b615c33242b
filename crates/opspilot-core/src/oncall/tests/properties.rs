//! What holds for every zone, rotation and moment; above all around changes of clocks.

use std::time::Duration;

use proptest::prelude::*;

use super::{WORKDAYS, layer, names, schedule};
use crate::clock::Timestamp;
use crate::oncall::{Restriction, Rotation, Step, Zone};

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
