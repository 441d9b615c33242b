//! Who is on call when, by example.

use super::{WORKDAYS, at, layer, schedule, stand_in};
use crate::oncall::{Duty, Override, Restriction, Schedule, Step, Weekday};

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

#[test]
fn turns_of_a_layer_outside_of_its_hours_end_nobody_elses_duty() {
    let mut office = layer(&["ann", "bob"], "2026-01-01T08:30", Step::Hours(1));
    office.restriction = Some(Restriction::parse("02:00", "02:30", &WORKDAYS).unwrap());
    let rest = layer(&["cleo"], "2026-01-01T10:00", Step::Days(1));
    let plan = schedule("Asia/Kathmandu", vec![office, rest]);
    // From Friday to Monday more than 64 hours pass, and as many turns of the office.
    check(
        &plan,
        &[],
        "2026-03-06T02:30:00+05:45",
        "cleo",
        "2026-03-09T02:00:00+05:45",
    );
}
