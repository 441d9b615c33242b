//! Setting a server up over its API: what it takes is what the dashboard's form offers, and nothing more.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use opspilot_core::module::Category;
use serde_json::{Value, json};

use crate::common::files::Site;
use crate::common::server::Server;

/// What the dashboard's form sends. A new option of a module is refused until it is listed, here and there.
const OFFERED: [&str; 21] = [
    "channels.console.events",
    "channels.console.id",
    "channels.console.type",
    "channels.file.events",
    "channels.file.id",
    "channels.file.path",
    "channels.file.type",
    "channels.webhook.events",
    "channels.webhook.id",
    "channels.webhook.type",
    "channels.webhook.webhookUrl",
    "connector.fileTail.paths",
    "connector.healthCheck.endpoints",
    "connector.healthCheck.endpoints[].id",
    "connector.healthCheck.endpoints[].name",
    "connector.healthCheck.endpoints[].url",
    "connector.journald.units",
    "connector.kubernetes.namespace",
    "connector.syslog.host",
    "connector.syslog.port",
    "connector.syslog.protocol",
];

/// How deep sections are followed: some contain themselves.
const DEPTH: usize = 8;

/// A way to an option: a key, or any entry of a list or of a map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    Item,
    Entry,
}

/// Every way to an option that a schema has.
fn ways(root: &Value, schema: &Value, way: &[Step], found: &mut BTreeSet<Vec<Step>>) {
    if way.len() > DEPTH {
        return;
    }
    let further = |step: Step| [way, &[step]].concat();
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#'));
        ways(
            root,
            target.expect("a reference leads to something"),
            way,
            found,
        );
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        for choice in schema[keyword].as_array().into_iter().flatten() {
            ways(root, choice, way, found);
        }
    }
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let way = further(Step::Key(key.clone()));
        found.insert(way.clone());
        ways(root, schema, &way, found);
    }
    if schema["items"].is_object() {
        ways(root, &schema["items"], &further(Step::Item), found);
    }
    if schema["additionalProperties"].is_object() {
        ways(
            root,
            &schema["additionalProperties"],
            &further(Step::Entry),
            found,
        );
    }
}

/// Options with nothing but what is at the end of a way.
fn options(way: &[Step]) -> Value {
    match way.split_first() {
        None => json!("x"),
        Some((Step::Key(key), rest)) => json!({ key: options(rest) }),
        Some((Step::Item, rest)) => json!([options(rest)]),
        Some((Step::Entry, rest)) => json!({ "entry": options(rest) }),
    }
}

fn shown(way: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Key(key) => format!(".{key}"),
        Step::Item => "[]".to_owned(),
        Step::Entry => ".*".to_owned(),
    };
    way.iter().map(step).collect()
}

/// Whether the server takes the option that a wish has, if not its value.
fn is_taken(server: &Server<'_>, name: &str, wish: &Value) -> bool {
    let reply = server.post("/setup/preview", &wish.to_string());
    let body = reply.json();
    let detail = body["detail"].as_str().unwrap_or_default();
    if !detail.contains("is not set from here") {
        return true;
    }
    assert_eq!(
        (reply.status, &body["code"]),
        (422, &json!("by-hand")),
        "{name}"
    );
    assert!(
        detail.contains("into the configuration file by hand"),
        "{detail}"
    );
    false
}

#[test]
fn every_option_that_the_form_does_not_offer_is_refused() {
    let site = Site::new();
    let server = Server::unconfigured(&site);
    let registry = opspilot_server::registry();
    let (mut taken, mut asked) = (BTreeSet::new(), 0);
    for factory in registry.iter() {
        let id = factory.manifest().id;
        if factory.manifest().category != Category::Connector {
            continue;
        }
        let schema = factory.schema().to_value();
        let mut found = BTreeSet::new();
        ways(&schema, &schema, &[], &mut found);
        for way in found {
            let name = format!("{id}{}", shown(&way));
            let wish = json!({ "sources": { id: options(&way) } });
            asked += 1;
            if is_taken(&server, &name, &wish) {
                taken.insert(name);
            }
        }
    }
    assert!(asked > 150, "{asked}");
    let channels = registry.get("notifier.channels").expect("it is built in");
    let schema = channels.schema().to_value();
    let kinds = schema["$defs"]["Channel"]["oneOf"].as_array();
    for kind in kinds.expect("channels have types") {
        let name = kind["properties"]["type"]["const"]
            .as_str()
            .expect("a name");
        let mut found = BTreeSet::new();
        ways(&schema, kind, &[], &mut found);
        assert!(found.len() > 5, "{name}: {found:?}");
        for way in found {
            let mut channel = options(&way);
            channel["type"] = json!(name);
            let wish = json!({ "channels": [channel] });
            if is_taken(&server, name, &wish) {
                taken.insert(format!("channels.{name}{}", shown(&way)));
            }
        }
    }
    assert_eq!(
        taken.iter().map(String::as_str).collect::<Vec<_>>(),
        OFFERED
    );
    server.stop();
}

#[test]
fn a_trial_over_the_api_starts_no_program_and_asks_for_no_metadata() {
    let site = Site::new();
    let program = site.write("program", "#!/bin/sh\ntouch started\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode can be set");
    let server = Server::unconfigured(&site);
    for (options, name) in [
        (json!({ "journalctlPath": &program }), "journalctlPath"),
        (
            json!({ "backend": "journalctl", "journalctlPath": &program }),
            "backend",
        ),
    ] {
        let wish = json!({ "sources": { "connector.journald": options } });
        for path in ["/setup/try", "/setup/preview"] {
            let refused = server.post(path, &wish.to_string());
            assert_eq!(refused.status, 422, "{refused:?}");
            let detail = refused.json()["detail"].clone();
            let words = format!("`connector.journald.{name}` is not set from here");
            let is_told = detail
                .as_str()
                .is_some_and(|detail| detail.contains(&words));
            assert!(is_told, "{detail}");
        }
    }
    assert!(!site.path("started").exists());
    let endpoint =
        json!({ "id": "a", "name": "A", "url": "http://169.254.169.254/latest/meta-data/" });
    let wish = json!({ "sources": { "connector.healthCheck": { "endpoints": [endpoint] } } });
    let tried = server.post("/setup/try", &wish.to_string()).json();
    let fault = tried["trials"][0]["fault"].as_str().unwrap_or_default();
    assert!(
        fault.contains("refused: leads to a link-local address"),
        "{tried:#}"
    );
    let entries = server.get("/audit").json();
    let entries = entries["entries"].as_array().expect("a list");
    let told: Vec<_> = entries
        .iter()
        .filter_map(|entry| entry["action"].as_str())
        .collect();
    for action in ["setup.refused", "setup.trying", "setup.tried"] {
        assert!(told.contains(&action), "{told:?}");
    }
    server.stop();
}
