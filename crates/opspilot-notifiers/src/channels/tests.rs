//! The options, and the module behind the bus.

mod files;
mod hooks;
mod lines;
mod peer;

use std::sync::Arc;

use opspilot_core::clock::Timestamp;
use opspilot_core::config::ModuleOptions;
use opspilot_core::module::Factory;
use serde_json::{Value, json};

use super::Channels;
use crate::driver::Notice;
use crate::testing::Process;

/// A notice of an incident.
async fn notice(process: &Process, id: &str) -> Notice {
    process.publish([id.to_owned()]).await;
    let head = process.bench.bus.journal().head();
    Notice::Event(Arc::clone(&process.event(head).await))
}

fn faults(channels: &Value) -> String {
    let options = ModuleOptions::from_json("notifier.channels", json!({ "channels": channels }));
    let built = Factory::of::<Channels>().build(&options);
    built
        .err()
        .map(|errors| errors.to_string())
        .unwrap_or_default()
}

#[test]
fn the_original_options_are_taken() {
    let channels = json!([
        {
            "id": "console",
            "type": "console",
            "events": ["incident.created", "action.proposed", "action.approved", "action.executed",
                "enrichment.completed", "runbook.completed"],
            "enabled": true,
        },
        {
            "id": "hook",
            "type": "webhook",
            "events": ["incident.created"],
            "minSeverity": "warning",
            "webhookUrl": "https://hooks.example.com/services/T0/B0/secret",
            "webhookMethod": "PUT",
            "webhookHeaders": { "Authorization": "Bearer secret" },
        },
    ]);
    assert_eq!(faults(&channels), "");
}

#[test]
fn every_fault_is_named_and_no_secret_is_repeated() {
    let hook = |url: &str, headers: Value| {
        json!({ "id": url, "type": "webhook", "events": ["incident.created"], "webhookUrl": url,
            "webhookHeaders": headers })
    };
    let channels = json!([
        { "id": "a", "type": "console", "events": ["incident.craeted", "nonsense"] },
        { "id": "a", "type": "file", "path": "", "events": ["incident.created"] },
        hook("ftp://secret.example.com/secret", json!({})),
        hook("secret", json!({ "X Y": "secret", "Z": "secret\r\nInjected: 1" })),
        hook("https://secret:secret@example.com/", json!({})),
        hook("http://169.254.169.254/secret", json!({})),
        hook("http://2852039166/secret", json!({})),
        hook("http://[::ffff:a9fe:a9fe]/secret", json!({})),
        hook("http://example.com/secret\r\nHost: other", json!({})),
    ]);
    let faults = faults(&channels);
    for expected in [
        "channels[0].events[0]",
        "did you mean `incident.created`?",
        "channels[0].events[1]",
        "channels[1].id",
        "channels[1].path",
        "channels[2].webhookUrl",
        "channels[3].webhookUrl",
        "channels[3].webhookHeaders",
        "channels[4].webhookUrl",
        "channels[5].webhookUrl",
        "channels[6].webhookUrl",
        "channels[7].webhookUrl",
        "channels[8].webhookUrl",
    ] {
        assert!(faults.contains(expected), "{expected}: {faults}");
    }
    // The ids of this test are the URLs; only the messages count.
    assert!(!faults.contains("secret"), "{faults}");
}

#[tokio::test]
async fn escalations_can_be_meant_for_every_channel_that_is_switched_on() {
    let process = Process::new().await;
    let options = json!({
        "channels": [
            { "id": "ann", "type": "console", "events": ["incident.created"] },
            { "id": "off", "type": "console", "events": ["incident.created"], "enabled": false },
        ],
    });
    let options = ModuleOptions::from_json("notifier.channels", options);
    let mut module = Factory::of::<Channels>().build(&options).unwrap();
    let cx = process.context();
    module.init(&cx).await.unwrap();
    let targets = ["channel:ann".to_owned(), "channel:off".to_owned()];
    let reached = cx.on_call.reach(&targets, Timestamp::UNIX_EPOCH);
    assert_eq!(reached.channels, ["ann"]);
    assert_eq!(
        reached.nobody_by,
        ["`channel:off` (no notifier has such a channel)"]
    );
}
