//! Stand-ins that are entered, and whom targets reach.

use std::sync::Arc;

use super::{at, layer, names, schedule};
use crate::clock::{Clock, ManualClock};
use crate::oncall::{Channel, OnCall, OnCallError, OverrideRequest, Person, Roster, Source, Step};
use crate::safety::audit::AuditFilter;
use crate::storage::{MemoryStorage, SharedStorage};
use crate::testing::Bench;

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
