//! The metrics page and the dashboard over it, judged by the tool of Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::files::Site;
use crate::common::server::{Ended, Server};
use crate::common::settings::settings;

const DASHBOARD: &str = include_str!("../../../../docs/grafana.json");

/// Labels that a scraper adds.
const ADDED: &[&str] = &["instance", "job"];

/// Gives `input` to `promtool`; `None` where it is not installed.
fn promtool(arguments: &[&str], input: &str) -> Option<Ended> {
    #[expect(clippy::disallowed_methods, reason = "the test needs the real program")]
    let started = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        eprintln!("SKIPPED: promtool is missing: install prometheus");
        return None;
    };
    let mut stdin = child.stdin.take().expect("it was asked for");
    stdin
        .write_all(input.as_bytes())
        .expect("promtool reads what it is given");
    drop(stdin);
    let output = child.wait_with_output().expect("promtool ends");
    Some(Ended {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

#[test]
fn promtool_has_nothing_to_say_about_the_page() {
    let site = Site::new();
    site.configure(&settings(&site));
    site.write("app.log", "MARK-1\nMARK-2\n");
    let server = Server::start(&site);
    server.until_incidents(2);
    assert_eq!(server.get("/nothing").status, 404);
    let page = server.get("/metrics").text;
    if let Some(ended) = promtool(&["check", "metrics"], &page) {
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(ended.status.success() && said.is_empty(), "{said}\n{page}");
    }
    server.stop();
}

/// What the program says that it measures: the labels of each name.
fn measured() -> BTreeMap<String, BTreeSet<String>> {
    let site = Site::new();
    let ended = Ended::run(site.folder(), &["schema", "metrics"]);
    let list: Vec<Value> = serde_json::from_str(&ended.stdout).expect("it prints JSON");
    let mut measured = BTreeMap::new();
    for metric in list {
        let text = |key: &str| metric[key].as_str().expect("a text").to_owned();
        let labels = metric["labels"].as_array().expect("a list").iter();
        let labels = labels
            .filter_map(Value::as_str)
            .chain(ADDED.iter().copied());
        let mut labels: BTreeSet<String> = labels.map(str::to_owned).collect();
        if text("name").starts_with("opspilot_") {
            labels.insert("module".to_owned());
        }
        let name = text("name");
        if text("type") == "histogram" {
            for suffix in ["_sum", "_count"] {
                measured.insert(format!("{name}{suffix}"), labels.clone());
            }
            labels.insert("le".to_owned());
            measured.insert(format!("{name}_bucket"), labels);
        } else {
            measured.insert(name, labels);
        }
    }
    measured
}

/// Every expression of the dashboard.
fn expressions() -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("expr").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| collect(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    let dashboard = serde_json::from_str(DASHBOARD).expect("the dashboard is JSON");
    collect(&dashboard, &mut found);
    found
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// What is wrong in an expression: metrics that there are not, and labels that they do not have.
fn faults(expression: &str, measured: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let is_ours = |word: &&str| word.starts_with("opspilot_") || word.starts_with("process_");
    let names: Vec<&str> = words(expression).filter(is_ours).collect();
    let unknown = names.iter().filter(|name| !measured.contains_key(**name));
    let mut faults: Vec<String> = unknown.map(|name| format!("no metric {name}")).collect();
    if names.is_empty() {
        faults.push("no metric at all".to_owned());
    }
    let grouped = expression.split("by (").skip(1);
    let grouped = grouped.flat_map(|rest| words(rest.split(')').next().unwrap_or_default()));
    for label in grouped {
        let has = |name: &&&str| measured.get(**name).is_some_and(|of| of.contains(label));
        if names.iter().find(has).is_none() {
            faults.push(format!("no label {label}"));
        }
    }
    faults
}

#[test]
fn the_dashboard_shows_only_what_is_measured() {
    let measured = measured();
    let expressions = expressions();
    assert!(expressions.len() > 20, "{expressions:?}");
    for expression in &expressions {
        let faults = faults(expression, &measured);
        assert!(faults.is_empty(), "{faults:?} in {expression}");
    }
    let wrong = [
        (
            "rate(opspilot_nothing_total[5m])",
            "no metric opspilot_nothing_total",
        ),
        ("sum by (colour) (opspilot_incidents)", "no label colour"),
        (
            "opspilot_storage_duration_seconds",
            "no metric opspilot_storage_duration_seconds",
        ),
        ("up", "no metric at all"),
    ];
    for (expression, fault) in wrong {
        assert_eq!(faults(expression, &measured), [fault], "{expression}");
    }
}

#[test]
fn promtool_understands_every_expression_of_the_dashboard() {
    let expressions = expressions().into_iter().map(|expression| {
        let plain = expression
            .replace("$__rate_interval", "5m")
            .replace("$instance", ".*");
        format!("  - record: a:b\n    labels: {{ text: {plain:?} }}\n    expr: {plain:?}\n")
    });
    let expressions: String = expressions.collect();
    let site = Site::new();
    let rules = site.write(
        "rules.yml",
        format!("groups:\n- name: dashboard\n  rules:\n{expressions}"),
    );
    let path = rules.to_str().expect("temporary folders have plain names");
    if let Some(ended) = promtool(&["check", "rules", path], "") {
        assert!(ended.status.success(), "{ended:?}");
    }
}
