//! Against a `systemctl` of the tests' own: the machines of tests have no service manager.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use opspilot_core::safety::catalogue::{ActionType as _, Effect};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::safe::deed::World;
use crate::safe::testing::{action, arguments, catalogue, entry, offer, world};

/// Says what it was asked, and answers as a service manager with one unit, `web.service`, would.
const SYSTEMCTL: &str = r#"#!/bin/bash
printf '%s\n' "$*" >> "$0.log"
unit="${@: -1}"
case "$*" in
  *" show "*|"show "*|"--no-pager show "*)
    if [ "$unit" = web.service ]; then
      printf 'MainPID=%s\nLoadState=loaded\nActiveState=active\nInvocationID=%s\n' "$(cat "$0.pid")" 0af1
    else
      printf 'MainPID=0\nLoadState=not-found\nActiveState=inactive\nInvocationID=\n'
    fi ;;
  *" restart -- web.service") echo 2 > "$0.pid" ;;
  *) echo "Failed: access denied" >&2; exit 4 ;;
esac
"#;

async fn machine() -> (World, TempDir) {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("systemctl");
    fs::write(&program, SYSTEMCTL).unwrap();
    fs::write(folder.path().join("systemctl.pid"), "1\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let (mut world, ..) = world().await;
    world.systemctl = program;
    (world, folder)
}

fn unit(verb: &str, unit: &str) -> Json {
    json!({ "run": { "type": "systemd", "verb": verb, "unit": unit } })
}

#[tokio::test]
async fn a_unit_is_observed_and_restarted() {
    let (world, folder) = machine().await;
    let offered = offer(&unit("restart", "web.service"), &world);
    // What the test harness prints stands before the first line here, and nowhere else.
    let observe = async || {
        let seen = offered
            .observe(&arguments(&json!({})))
            .await
            .unwrap()
            .unwrap();
        seen.split_whitespace()
            .filter(|word| word.contains('='))
            .map(|word| word.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(observe().await.len(), 4);
    assert!(observe().await.join(" ").contains("MainPID=1"));
    let outcome = offered.perform(&action(&offered, &json!({}))).await;
    assert_eq!(
        (outcome.succeeded, outcome.summary.as_str()),
        (true, "exit code 0")
    );
    assert!(observe().await.join(" ").contains("MainPID=2"));
    let log = fs::read_to_string(folder.path().join("systemctl.log")).unwrap();
    assert!(
        log.contains("--no-ask-password --no-pager restart -- web.service\n"),
        "{log}"
    );
}

#[tokio::test]
async fn a_refusal_of_the_service_manager_is_a_failure_that_is_told() {
    let (world, _folder) = machine().await;
    let offered = offer(&unit("stop", "web.service"), &world);
    let outcome = offered.perform(&action(&offered, &json!({}))).await;
    assert_eq!(
        (outcome.succeeded, outcome.summary.as_str()),
        (false, "exit code 4")
    );
    assert!(outcome.output.contains("access denied"), "{outcome:?}");
}

#[tokio::test]
async fn a_unit_that_is_not_there_cannot_be_observed() {
    let (world, _folder) = machine().await;
    let offered = offer(&unit("restart", "gone.service"), &world);
    let error = offered.observe(&arguments(&json!({}))).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no unit gone.service");
}

#[test]
fn units_come_from_a_list_of_whole_names() {
    let fault = |options: &Json| catalogue(&json!({ "it": options })).unwrap_err();
    for name in [
        "web",
        "*.service",
        "web.service db.service",
        "-web.service",
        "--all",
        "web.service;id",
        "",
        ".service",
        "web.exe",
        "we[b].service",
        "web\n.service",
    ] {
        assert!(
            fault(&unit("restart", name)).contains("is not the whole name of a unit"),
            "{name}"
        );
    }
    let mut options = unit("restart", "{unit}");
    options["parameters"] = json!({ "unit": { "type": "string", "pattern": ".*" } });
    assert!(fault(&options).contains("must be a parameter of type `enum`"));
    options["parameters"] =
        json!({ "unit": { "type": "enum", "values": ["a.service", "-b.service"] } });
    assert!(fault(&options).contains("`-b.service` is not the whole name"));
    options["run"]["unit"] = json!("pre{unit}");
    assert!(fault(&options).contains("one parameter and nothing else"));
    options["run"]["unit"] = json!("{unit}");
    options["parameters"] =
        json!({ "unit": { "type": "enum", "values": ["a.service", "b@1.service"] } });
    let prepared = entry(&options);
    let values = prepared
        .parameters
        .check(&arguments(&json!({ "unit": "b@1.service" })))
        .unwrap();
    let argv = [
        "systemctl",
        "--no-ask-password",
        "--no-pager",
        "restart",
        "--",
        "b@1.service",
    ];
    let planned = prepared.deed.plan(&values).unwrap();
    let expected = Effect::Command {
        argv: argv.map(str::to_owned).to_vec(),
        folder: None,
        user: None,
    };
    assert_eq!(
        (planned.target.as_str(), planned.effect),
        ("unit b@1.service", expected)
    );
    assert!(
        prepared
            .parameters
            .check(&arguments(&json!({ "unit": "ssh.service" })))
            .is_err()
    );
}
