//! Who is reached, and when nobody is.

use opspilot_core::clock::{Clock as _, Timestamp};
use opspilot_core::oncall::{Channel, OverrideRequest};
use serde_json::{Value, json};

use super::{MINUTE, Scene};

fn rota() -> Value {
    json!({
        "people": [
            { "id": "ann", "channels": ["ann-hook"] },
            { "id": "bob", "channels": ["bob-hook", "ops-file"] },
        ],
        "schedules": [{
            "id": "primary",
            "timeZone": "Europe/Berlin",
            "layers": [{ "people": ["ann", "bob"], "start": "2026-03-16T09:00", "every": { "weeks": 1 } }],
        }],
        "policies": [{
            "id": "all",
            "levels": [
                { "level": 1, "afterMs": 60_000, "notify": ["schedule:primary"] },
                { "level": 2, "afterMs": 300_000, "notify": ["person:ann", "bob"] },
            ],
        }],
    })
}

fn channels(ids: &[&str]) -> Vec<Channel> {
    let channel = |id: &&str| Channel {
        id: (*id).to_owned(),
        hears_all: false,
    };
    ids.iter().map(channel).collect()
}

async fn scene() -> Scene {
    let scene = Scene::new(rota()).await;
    scene.cx.on_call.offer_channels(
        "notifier.channels",
        channels(&["ann-hook", "bob-hook", "ops-file"]),
    );
    scene
}

#[tokio::test(start_paused = true)]
async fn whoever_is_on_call_is_told_on_their_channels() {
    let scene = scene().await;
    // Clocks went forward on 29 March; the hand-over is at 09:00 in Berlin, which is 07:00 UTC now.
    for (id, start) in [("a", "2026-03-30T06:58:00Z"), ("b", "2026-03-30T06:59:30Z")] {
        scene.clock.set(Timestamp::parse(start).unwrap());
        scene.create(id).await;
        scene.pass(1).await;
    }
    scene.pass(6).await;
    let told: Vec<_> = scene
        .escalated()
        .await
        .into_iter()
        .map(|event| {
            (
                event.incident_id.to_string(),
                event.level,
                event.people,
                event.channels,
            )
        })
        .collect();
    let line = |id: &str, level, people: &[&str], channels: &[&str]| {
        let owned = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        (id.to_owned(), level, owned(people), owned(channels))
    };
    let all = ["ann-hook", "bob-hook", "ops-file"];
    let expected = [
        line("a", 1, &["bob"], &["bob-hook", "ops-file"]),
        line("b", 1, &["ann"], &["ann-hook"]),
        line("a", 2, &["ann", "bob"], &all),
        line("b", 2, &["ann", "bob"], &all),
    ];
    assert_eq!(told, expected);
    assert_eq!(scene.trouble(), "");
}

#[tokio::test(start_paused = true)]
async fn a_stand_in_that_was_entered_is_told_instead() {
    let scene = scene().await;
    scene
        .clock
        .set(Timestamp::parse("2026-03-17T12:00:00Z").unwrap());
    let now = scene.clock.now();
    let request = OverrideRequest {
        schedule: "primary".into(),
        person: "bob".into(),
        from: now,
        until: now.plus(60 * MINUTE),
        reason: None,
    };
    scene.cx.on_call.add(request, "ann").await.unwrap();
    scene.create("a").await;
    scene.pass(2).await;
    assert_eq!(scene.escalated().await[0].people, ["bob"]);
}

#[tokio::test(start_paused = true)]
async fn health_names_the_targets_that_reach_nobody_until_somebody_carries_them() {
    let scene = Scene::new(rota()).await;
    scene.pass(1).await;
    let trouble = scene.trouble();
    // Before the first turn nobody is on call.
    for expected in [
        "nobody is reached by",
        "`person:ann` (no notifier",
        "`bob` (no notifier",
        "`schedule:primary` (nobody is on call)",
    ] {
        assert!(trouble.contains(expected), "{expected}: {trouble}");
    }
    scene
        .cx
        .on_call
        .offer_channels("notifier.channels", channels(&["ann-hook", "ops-file"]));
    scene.pass(1).await;
    assert_eq!(
        scene.trouble(),
        "nobody is reached by `schedule:primary` (nobody is on call)"
    );
    scene
        .clock
        .set(Timestamp::parse("2026-03-16T08:00:00Z").unwrap());
    scene.pass(61).await;
    assert_eq!(scene.trouble(), "");
}
