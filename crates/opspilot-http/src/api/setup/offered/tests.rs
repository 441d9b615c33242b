use serde_json::json;

use super::*;

fn source(id: &str, options: &Value) -> Result<(), Refusal> {
    check_source(id, options.as_object().unwrap(), &mut Files::default())
}

#[test]
fn what_the_form_offers_is_taken() {
    let mut files = Files::default();
    for (id, options) in [
        (
            "connector.fileTail",
            json!({ "paths": ["/a", "/b/*.log"], "enabled": false }),
        ),
        (
            "connector.healthCheck",
            json!({ "endpoints": [{ "id": "a", "name": "http://h", "url": "http://h" }] }),
        ),
        ("connector.journald", json!({ "units": ["a.service"] })),
        ("connector.kubernetes", json!({ "namespace": "shop" })),
        ("connector.metrics", json!({})),
        (
            "connector.syslog",
            json!({ "protocol": "udp", "host": "127.0.0.1", "port": 1514 }),
        ),
    ] {
        let taken = check_source(id, options.as_object().unwrap(), &mut files);
        assert_eq!(taken, Ok(()), "{id} {options}");
    }
    let common = json!({ "id": "a", "events": ["incident.created"] });
    for (kind, key, value) in [
        ("console", "type", "console"),
        ("file", "path", "/c.jsonl"),
        ("webhook", "webhookUrl", "${OPS_WEBHOOK_URL}"),
    ] {
        let mut channel = common.clone();
        channel["type"] = json!(kind);
        channel[key] = json!(value);
        assert_eq!(check_channel(&channel, &mut files), Ok(()), "{channel}");
    }
    let texts = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
    let expected = Files {
        reads: texts(&["/a", "/b/*.log"]),
        writes: texts(&["/c.jsonl"]),
    };
    assert_eq!(files, expected);
}

#[test]
fn everything_else_is_left_to_the_file_by_its_name() {
    for (id, options, name) in [
        (
            "connector.journald",
            json!({ "journalctlPath": "/tmp/x" }),
            "`connector.journald.journalctlPath` is not set from here: write it into the configuration file by hand",
        ),
        (
            "connector.healthCheck",
            json!({ "endpoints": [{ "url": "http://h", "headers": { "a": "${JWT}" } }] }),
            "`connector.healthCheck.endpoints[].headers` is",
        ),
        (
            "connector.healthCheck",
            json!({ "allowedNetworks": ["0.0.0.0/0"] }),
            "allowedNetworks",
        ),
        (
            "connector.kubernetes",
            json!({ "kubeconfig": "/k" }),
            "kubeconfig",
        ),
        (
            "connector.fileTail",
            json!({ "path": "/etc/shadow" }),
            "fileTail.path`",
        ),
        ("connector.fileTail", json!({ "pa\nths": 1 }), "pa\\u{a}ths"),
        (
            "connector.cloudwatch",
            json!({}),
            "`connector.cloudwatch` is",
        ),
    ] {
        let Err(Refusal::ByHand(message)) = source(id, &options) else {
            panic!("{id} {options}");
        };
        assert!(message.contains(name), "{message}");
    }
    for (channel, name) in [
        (json!({ "type": "slack" }), "a channel of the type `slack`"),
        (
            json!({ "type": "webhook", "webhookHeaders": {} }),
            "channels[].webhookHeaders",
        ),
        (
            json!({ "type": "console", "path": "/x" }),
            "channels[].path",
        ),
        (
            json!({ "type": "file", "enabled": false }),
            "channels[].enabled",
        ),
    ] {
        let Err(Refusal::ByHand(message)) = check_channel(&channel, &mut Files::default()) else {
            panic!("{channel}");
        };
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn nothing_that_is_offered_is_filled_in_but_the_address_of_a_hook() {
    for (id, options) in [
        (
            "connector.fileTail",
            json!({ "paths": ["${file:/etc/shadow}"] }),
        ),
        ("connector.fileTail", json!({ "paths": ["/a", "$${X}"] })),
        (
            "connector.healthCheck",
            json!({ "endpoints": [{ "url": "http://h/${JWT_SECRET}" }] }),
        ),
        ("connector.healthCheck", json!({ "endpoints": [["${X}"]] })),
        ("connector.journald", json!({ "units": ["${X}"] })),
        ("connector.syslog", json!({ "host": "${X}" })),
        ("connector.syslog", json!({ "port": "${X}" })),
        (
            "connector.kubernetes",
            json!({ "namespace": { "a": "${X}" } }),
        ),
        ("connector.metrics", json!({ "enabled": "${X}" })),
        (
            "connector.fileTail",
            json!({ "paths": vec!["/a"; MOST + 1] }),
        ),
        (
            "connector.fileTail",
            json!({ "paths": ["a".repeat(LONGEST + 1)] }),
        ),
    ] {
        let refused = source(id, &options);
        assert!(matches!(refused, Err(Refusal::Wrong(_))), "{id} {options}");
    }
    for address in [
        "http://h/s3cret",
        "http://evil/${JWT_SECRET}",
        "${A}${B}",
        "${A:-http://evil}",
        "${file:/run/secrets/hook}",
        "$${A}",
        "${}",
        "",
    ] {
        let channel = json!({ "type": "webhook", "webhookUrl": address });
        let Err(Refusal::Wrong(message)) = check_channel(&channel, &mut Files::default()) else {
            panic!("{address}");
        };
        assert!(!message.contains("s3cret"), "{message}");
    }
}
