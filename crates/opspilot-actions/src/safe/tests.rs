//! The module against a real bus, gate and runner, on clocks that the tests move.

use std::sync::Arc;
use std::time::Duration;

use opspilot_core::clock::{Clock as _, ManualClock, Timestamp};
use opspilot_core::config::Role;
use opspilot_core::event::{IncidentCreated, IncidentRepeated};
use opspilot_core::incident::{Change, IncidentId, Severity, Transition};
use opspilot_core::module::{Context, Module as _};
use opspilot_core::safety::catalogue::Effect;
use opspilot_core::safety::gate::{ProposalFilter, Verb};
use opspilot_core::safety::identity::{Identity, Kind, Method};
use opspilot_core::safety::proposal::{Proposal, ProposalStatus};
use opspilot_core::storage::{MemoryStorage, SharedStorage};
use opspilot_core::testing::Bench;
use serde_json::{Value as Json, json};

use super::testing::{created, keep_incidents, publish};
use super::{Config, Safe};
use crate::process::tests::harness::{is_root, runner};

fn config(json: &Json) -> Config {
    serde_json::from_value(json.clone()).expect("the options of a test are right")
}

fn fault(json: &Json) -> String {
    match serde_json::from_value::<Config>(json.clone()) {
        Ok(config) => Safe::new(config)
            .expect_err("the options are wrong")
            .to_string(),
        Err(error) => error.to_string(),
    }
}

/// A rule for nginx that a person carries out.
fn by_hand() -> Json {
    json!({ "actions": [{ "id": "web-down", "actionType": "restart", "description": "Restart the web server",
                          "triggerSeverity": ["critical"], "triggerPattern": "NGINX", "command": "systemctl restart nginx" }] })
}

/// A rule whose action is in the catalogue and does nothing.
fn by_catalogue(arguments: &Json, parameters: &Json, argv: &[&str]) -> Json {
    json!({
        "actions": [{ "id": "web-down", "actionType": "touch", "description": "Touch", "triggerSeverity": ["critical"],
                      "arguments": arguments }],
        "catalogue": { "touch": { "run": { "type": "command", "argv": argv }, "parameters": parameters } },
    })
}

/// A process with the module in it.
struct Process {
    bench: Bench,
    clock: Arc<ManualClock>,
    cx: Context,
}

impl Process {
    async fn start(options: &Json) -> Self {
        let start = Timestamp::from_millis(1_000_000_000_000);
        Self::on(Arc::new(MemoryStorage::default()), start, options).await
    }

    async fn on(storage: SharedStorage, now: Timestamp, options: &Json) -> Self {
        let clock = ManualClock::starting_at(now);
        let bench = Bench::on(storage, Arc::clone(&clock) as _).await;
        keep_incidents(&bench).await;
        let cx = bench.context(Box::leak(Box::new(Safe::MANIFEST)));
        let mut module = Safe::new(config(options)).expect("the options of a test are right");
        module.runner = runner();
        module.init(&cx).await.expect("the storage of a test works");
        let running = cx.clone();
        cx.tasks.spawn("run", async move {
            module.run(&running).await.expect("the module goes on");
        });
        Self { bench, clock, cx }
    }

    /// Another process on the same storage, after this one ended.
    async fn restart(self, options: &Json) -> Self {
        self.cx.cancel.cancel();
        settle().await;
        self.bench.bus.close(std::future::pending()).await;
        Self::on(self.bench.storage, self.clock.now(), options).await
    }

    async fn publish(&self, event: IncidentCreated) {
        publish(&self.bench, event).await;
        settle().await;
    }

    async fn incident(&self, id: &str) {
        self.publish(created(id, self.clock.now())).await;
    }

    async fn resolve(&self, id: &str) {
        let change = Change::Transition(Transition::Resolve);
        let id = IncidentId::from(id);
        self.bench
            .incidents
            .change(&id, change, "alice", None)
            .await
            .expect("it is open");
        settle().await;
    }

    /// Lets time go by.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            tokio::time::advance(Duration::from_secs(1)).await;
            settle().await;
        }
        // The module looks at the clock of the day now and then.
        tokio::time::advance(Duration::from_secs(15)).await;
        settle().await;
    }

    async fn proposals(&self) -> Vec<Proposal> {
        self.bench
            .gate
            .list(&ProposalFilter::default(), None, 100)
            .await
            .expect("lists")
            .0
    }

    async fn statuses(&self) -> Vec<ProposalStatus> {
        self.proposals()
            .await
            .iter()
            .map(|proposal| proposal.status)
            .collect()
    }

    async fn decide(&self, id: &str, verb: Verb) {
        let alice = Identity::vouch("alice", Role::Operator, Kind::Human, Method::ApiKey);
        self.bench
            .decisions()
            .decide(id, verb, &alice, None)
            .await
            .expect("it is pending");
        settle().await;
    }

    fn detail(&self, key: &str) -> Json {
        let health = self.cx.health.current();
        health.details.get(key).cloned().unwrap_or_default()
    }
}

/// Lets every task do what it can do now.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_matching_incident_is_proposed_after_its_delay() {
    let process = Process::start(&by_hand()).await;
    process.incident("a").await;
    process.pass(4).await;
    assert_eq!(process.statuses().await, []);
    process.pass(1).await;
    let proposals = process.proposals().await;
    let [proposal] = proposals.as_slice() else {
        panic!("{proposals:?}");
    };
    assert_eq!(proposal.requested_by, "action.safe");
    assert_eq!(proposal.incident_id, Some(IncidentId::from("a")));
    assert_eq!(proposal.description, "Restart the web server");
    assert_eq!(proposal.actions[0].action.executor, "manual");
    let expected = Effect::Manual {
        text: "systemctl restart nginx".to_owned(),
    };
    assert_eq!(proposal.actions[0].plan.effect, expected);
    assert_eq!(
        (
            process.detail("actionsProposed"),
            process.detail("pendingApprovals")
        ),
        (json!(1), json!(1))
    );
    assert_eq!(process.detail("activeRules"), json!(1));
}

#[tokio::test(start_paused = true)]
async fn other_severities_titles_and_switched_off_rules_propose_nothing() {
    let mut options = by_hand();
    let mut off = options["actions"][0].clone();
    off["id"] = json!("off");
    off["enabled"] = json!(false);
    off["triggerPattern"] = Json::Null;
    options["actions"].as_array_mut().unwrap().push(off);
    let process = Process::start(&options).await;
    let mut mild = created("mild", process.clock.now());
    mild.severity = Severity::Warning;
    process.publish(mild).await;
    let mut other = created("other", process.clock.now());
    other.title = "postgres is down".into();
    process.publish(other).await;
    process.pass(30).await;
    assert_eq!(process.statuses().await, []);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_proposed_where_proposing_is_off() {
    let mut options = by_hand();
    options["autoPropose"] = json!(false);
    let process = Process::start(&options).await;
    process.incident("a").await;
    process.pass(30).await;
    assert_eq!(process.statuses().await, []);
    // What can be done is there all the same.
    assert!(process.bench.gate.catalogue().get("restart").is_some());
}

#[tokio::test(start_paused = true)]
async fn an_incident_that_is_over_first_is_not_proposed() {
    let process = Process::start(&by_hand()).await;
    process.incident("a").await;
    process.pass(3).await;
    process.resolve("a").await;
    process.pass(30).await;
    assert_eq!(process.statuses().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_proposal_is_withdrawn_when_its_incident_is_over() {
    let process = Process::start(&by_hand()).await;
    process.incident("a").await;
    process.pass(6).await;
    assert_eq!(process.statuses().await, [ProposalStatus::Pending]);
    process.resolve("a").await;
    assert_eq!(process.statuses().await, [ProposalStatus::Cancelled]);
    let ended = process.proposals().await[0].ended.clone().unwrap();
    assert_eq!(
        (ended.by.as_str(), ended.reason.as_deref()),
        ("action.safe", Some("the incident is over"))
    );
    assert_eq!(process.detail("pendingApprovals"), json!(0));
}

#[tokio::test(start_paused = true)]
async fn an_incident_is_proposed_once_whatever_happens_to_it() {
    let process = Process::start(&by_hand()).await;
    process.incident("a").await;
    process.incident("a").await;
    process.pass(10).await;
    let proposal = process.proposals().await.remove(0);
    process.decide(&proposal.id, Verb::Deny).await;
    process.resolve("a").await;
    let again = IncidentRepeated {
        incident_id: IncidentId::from("a"),
        occurrences: 1,
        last_seen_at: process.clock.now(),
        by_rule: std::collections::BTreeMap::new(),
    };
    publish(&process.bench, again).await;
    process.incident("a").await;
    process.pass(60).await;
    assert_eq!(process.statuses().await, [ProposalStatus::Denied]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_forgets_no_delay_and_proposes_nothing_twice() {
    let process = Process::start(&by_hand()).await;
    process.incident("a").await;
    process.pass(6).await;
    process.incident("b").await;
    process.pass(2).await;
    let process = process.restart(&by_hand()).await;
    process.pass(1).await;
    assert_eq!(process.statuses().await.len(), 1);
    process.pass(10).await;
    let incidents: Vec<_> = process
        .proposals()
        .await
        .into_iter()
        .filter_map(|proposal| proposal.incident_id)
        .collect();
    assert_eq!(incidents, [IncidentId::from("b"), IncidentId::from("a")]);
    assert_eq!(process.detail("pendingApprovals"), json!(2));
    process.resolve("a").await;
    assert_eq!(
        process.statuses().await,
        [ProposalStatus::Pending, ProposalStatus::Cancelled]
    );
}

#[tokio::test(start_paused = true)]
async fn a_proposal_whose_row_was_lost_in_a_crash_is_found_again() {
    let process = Process::start(&by_hand()).await;
    process.incident("a").await;
    process.pass(6).await;
    // As it was before the proposal: the crash came between.
    let rows = process
        .cx
        .store
        .collection::<super::pending::Pending>()
        .await
        .unwrap();
    let (page, _) = rows
        .query(&opspilot_core::storage::Query::by_key(10))
        .await
        .unwrap();
    let mut row = page[0].clone();
    row.stage = super::pending::Stage::Waiting;
    row.request = None;
    rows.save(&row).await.unwrap();
    let process = process.restart(&by_hand()).await;
    process.pass(10).await;
    assert_eq!(process.statuses().await, [ProposalStatus::Pending]);
    assert_eq!(process.detail("pendingApprovals"), json!(1));
}

#[tokio::test(start_paused = true)]
async fn arguments_come_from_the_incident_and_are_marked() {
    let parameters = json!({ "host": { "type": "string", "pattern": "[a-z0-9-]+" },
                             "port": { "type": "integer", "min": 1, "max": 65535 },
                             "level": { "type": "enum", "values": ["critical", "warning"] } });
    let arguments =
        json!({ "host": "{context.host}", "port": "{context.port}", "level": "{severity}" });
    let argv = ["/usr/bin/true", "{host}", "{port}", "{level}"];
    let process = Process::start(&by_catalogue(&arguments, &parameters, &argv)).await;
    let mut event = created("a", process.clock.now());
    event.context.insert("host".into(), json!("web-1"));
    event.context.insert("port".into(), json!(8080));
    process.publish(event).await;
    for (id, host) in [
        ("b", json!("web-1; id")),
        ("c", json!("--flag")),
        ("d", json!(["x"])),
        ("e", json!("x\ny")),
    ] {
        let mut event = created(id, process.clock.now());
        event.context.insert("host".into(), host);
        event.context.insert("port".into(), json!(8080));
        process.publish(event).await;
    }
    process.incident("without").await;
    process.pass(6).await;
    let proposals = process.proposals().await;
    let [proposal] = proposals.as_slice() else {
        panic!("{proposals:?}");
    };
    let proposed = &proposal.actions[0];
    assert_eq!(
        Json::Object(proposed.action.arguments.clone()),
        json!({ "host": "web-1", "port": 8080, "level": "critical" })
    );
    assert_eq!(proposed.from_evidence, ["host", "port"]);
    let Effect::Command { argv, .. } = &proposed.plan.effect else {
        panic!("{proposed:?}");
    };
    assert_eq!(argv, &["/usr/bin/true", "web-1", "8080", "critical"]);
}

#[tokio::test(start_paused = true)]
async fn a_manual_action_is_recorded_and_runs_nothing() {
    let process = Process::start(&by_hand()).await;
    process.incident("a").await;
    process.pass(6).await;
    let proposal = process.proposals().await.remove(0);
    process.decide(&proposal.id, Verb::Approve).await;
    process.pass(6).await;
    assert_eq!(process.statuses().await, [ProposalStatus::Approved]);
    assert_eq!(process.detail("pendingApprovals"), json!(0));
    let (executions, _) = process.bench.gate.executions(None, None, 10).await.unwrap();
    assert_eq!(executions, []);
}

/// A rule whose program writes a file if it is given `0`, and that is undone by another.
fn with_program(folder: &std::path::Path, code: i64) -> Json {
    let path = folder.display().to_string();
    let script = format!("echo done >> {path}/done; exit \"$1\"");
    let mut run = json!({ "type": "command", "argv": ["/bin/sh", "-c", script, "sh", "{code}"], "folder": path,
                          "dryRun": ["/usr/bin/printf", "would exit %s", "{code}"] });
    if is_root() {
        run["user"] = json!("nobody");
    }
    json!({
        "proposalDelaySec": 0,
        "actions": [{ "id": "r", "actionType": "act", "description": "Act", "triggerSeverity": ["critical"],
                      "arguments": { "code": code } }],
        "catalogue": {
            "act": { "run": run, "parameters": { "code": { "type": "integer", "min": 0, "max": 9 } },
                     "compensation": { "action": "undo" } },
            "undo": { "run": { "type": "command", "argv": ["/bin/true"] } },
        },
    })
}

/// Runs the only proposal through a real program, and returns all proposals once they are over or wait for people.
async fn approve_and_run(code: i64) -> (Vec<Proposal>, String) {
    let folder = tempfile::TempDir::new().unwrap();
    let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), everyone).unwrap();
    let process = Process::start(&with_program(folder.path(), code)).await;
    process.incident("a").await;
    while process.proposals().await.is_empty() {
        settle().await;
    }
    let proposal = process.proposals().await.remove(0);
    let dry_run = proposal.actions[0].dry_run.clone().unwrap();
    assert!(
        dry_run.ends_with(&format!("would exit {code}")),
        "{dry_run}"
    );
    assert!(!folder.path().join("done").exists());
    process.decide(&proposal.id, Verb::Approve).await;
    let is_over = async || {
        let proposals = process.proposals().await;
        let is_over = proposals.iter().all(|proposal| {
            !matches!(
                proposal.status,
                ProposalStatus::Approved | ProposalStatus::Executing
            )
        });
        is_over && (code == 0 || proposals.len() == 2)
    };
    while !is_over().await {
        settle().await;
    }
    let written = std::fs::read_to_string(folder.path().join("done")).unwrap();
    (process.proposals().await, written)
}

#[tokio::test]
async fn an_approved_program_runs_once() {
    let (proposals, written) = approve_and_run(0).await;
    let statuses: Vec<_> = proposals.iter().map(|proposal| proposal.status).collect();
    assert_eq!(
        (statuses, written.as_str()),
        (vec![ProposalStatus::Succeeded], "done\n")
    );
}

#[tokio::test]
async fn what_undoes_a_failed_program_is_proposed_and_waits_for_a_person() {
    let (proposals, written) = approve_and_run(3).await;
    let statuses: Vec<_> = proposals.iter().map(|proposal| proposal.status).collect();
    assert_eq!(statuses, [ProposalStatus::Pending, ProposalStatus::Failed]);
    assert_eq!(proposals[0].actions[0].action.action_type, "undo");
    assert_eq!(written, "done\n");
}

#[tokio::test(start_paused = true)]
async fn a_module_that_stopped_offers_nothing() {
    let process = Process::start(&by_hand()).await;
    assert!(process.bench.gate.catalogue().get("restart").is_some());
    let mut module = Safe::new(config(&by_hand())).unwrap();
    module.stop(&process.cx).await.unwrap();
    assert!(process.bench.gate.catalogue().get("restart").is_none());
}

#[test]
fn every_fault_of_every_rule_is_named_at_once() {
    let rule = |id: &str, action: &str, more: &Json| {
        let mut rule = json!({ "id": id, "actionType": action, "description": "d", "triggerSeverity": ["critical"] });
        rule.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        rule
    };
    let text = fault(&json!({
        "actions": [
            rule("a", "touch", &json!({ "triggerPattern": "(" , "arguments": { "x": "ok" } })),
            rule("a", "touch", &json!({ "triggerSeverity": [], "arguments": { "x": "NO" } })),
            rule("c", "tuch", &json!({})),
            rule("d", "touch", &json!({ "command": "rm -rf /", "arguments": { "y": "1" } })),
            rule("e", "touch", &json!({ "arguments": { "x": "{password}" } })),
        ],
        "catalogue": { "touch": { "run": { "type": "command", "argv": ["/usr/bin/true", "{x}"] },
                                  "parameters": { "x": { "type": "string", "pattern": "[a-z]+" } } } },
    }));
    for expected in [
        "actions[0].triggerPattern: not a regular expression",
        "actions[1].id: must be a name that no other rule has",
        "actions[1].triggerSeverity: must list at least one severity",
        "actions[1].arguments: x: must match [a-z]+",
        "actions[2].actionType: there is no action `tuch` in the catalogue",
        "actions[3].command: is for actions that a person does",
        "actions[3].arguments.x: is missing",
        "actions[3].arguments.y: `touch` has no such parameter",
        "actions[4].arguments.x: an incident has no `password`",
    ] {
        assert!(text.contains(expected), "`{expected}` is not in: {text}");
    }
}

#[test]
fn the_options_of_old_load_and_bounds_hold() {
    // As it was written for the original: the same type with several commands, and none at all.
    let old = json!({ "autoPropose": true, "proposalDelaySec": 0, "actions": [
        { "id": "a", "actionType": "restart", "description": "Restart", "triggerSeverity": ["critical"], "command": "x" },
        { "id": "b", "actionType": "restart", "description": "Restart", "triggerSeverity": ["info"], "command": "y" },
        { "id": "c", "actionType": "look", "description": "Look at it", "triggerSeverity": ["warning"], "enabled": false },
    ] });
    let module = Safe::new(config(&old)).unwrap();
    let names: Vec<_> = module.rules.manual.keys().map(String::as_str).collect();
    assert_eq!(names, ["restart", "restart:b"]);
    assert!(fault(&json!({ "proposalDelaySec": 86_401 })).contains("must be from 0 to 86400"));
    assert!(fault(&json!({ "unknown": 1 })).contains("unknown field"));
}
