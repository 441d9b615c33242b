//! What the API shows and does of a whole server: modules, rules, sources, notifications, topology.

use serde_json::{Value, json};

use crate::common::files::Site;
use crate::common::server::Server;
use crate::common::settings::{settings, with};

fn strings(list: &Value, key: &str) -> Vec<String> {
    let list = list.as_array().expect("a list");
    let text = |entry: &Value| entry[key].as_str().unwrap_or_default().to_owned();
    list.iter().map(text).collect()
}

fn line(number: usize) -> String {
    format!("2026-02-20T12:00:00Z ERROR worker MARK-{number}\n")
}

#[test]
fn a_module_is_restarted_while_the_others_go_on_and_no_line_is_lost() {
    let site = Site::new();
    site.configure(&settings(&site));
    site.write("app.log", line(0));
    let server = Server::start(&site);
    server.until_incidents(1);
    let mut lines = 1;
    for module in [
        "detector.regex",
        "connector.fileTail",
        "enricher.incidentStore",
        "notifier.channels",
    ] {
        site.append("app.log", line(lines));
        let answer = server.post(&format!("/modules/{module}/restart"), "{}");
        assert_eq!(answer.status, 200, "{module}: {answer:?}");
        assert_eq!(answer.json()["module"]["state"], "running", "{module}");
        site.append("app.log", line(lines + 1));
        lines += 2;
        server.until_incidents(lines);
    }
    assert_eq!(server.post("/modules/core/restart", "").status, 409);
    assert_eq!(server.post("/modules/ui.none/restart", "").status, 404);
    let audit = server.get("/audit?action=module.restarted").json();
    assert_eq!(audit["count"], 4, "{audit}");
    // The API serves the request that restarts it, and comes back.
    assert_eq!(server.post("/modules/ui.api/restart", "").status, 202);
    server.stop();
}

#[test]
fn rules_are_tried_on_lines_and_on_evidence_and_count_their_matches() {
    let site = Site::new();
    site.configure(&settings(&site));
    site.write("app.log", (0..5).map(line).collect::<String>());
    let server = Server::start(&site);
    server.until_incidents(5);
    let rules = server.get("/rules").json();
    assert_eq!(strings(&rules["rules"], "id"), ["mark"]);
    assert_eq!(rules["rules"][0]["patterns"]["pattern"], r"MARK-(\d+)");
    assert_eq!(rules["rules"][0]["matched"]["matches"], 5, "{rules}");
    let rule = "id: odd\npattern: 'MARK-([13])'\nseverity: info\ntitle: Odd\ndescription: odd $1\n";
    let body = json!({ "rule": rule, "lines": ["MARK-3", "MARK-4"] });
    let tried = server.post("/rules/test", &body.to_string()).json();
    assert_eq!(tried["lines"][0]["description"], "odd 3", "{tried}");
    assert_eq!(tried["lines"][1]["matches"], false);
    let dry = server
        .post("/rules/dry-run", &json!({ "rule": rule }).to_string())
        .json();
    assert_eq!(
        (&dry["incidents"], &dry["matched"]),
        (&json!(5), &json!(2)),
        "{dry}"
    );
    assert_eq!(dry["complete"], true);
    let wrong = json!({ "rule": "id: a\npattern: '('\nseverity: info\ntitle: A\n" });
    let answer = server.post("/rules/test", &wrong.to_string());
    assert_eq!(answer.status, 422, "{answer:?}");
    assert_eq!(answer.json()["faults"][0]["line"], 2, "{answer:?}");
    // What runs was not touched by any of that.
    assert_eq!(server.incidents().len(), 5);
    server.stop();
}

#[test]
fn sources_notifications_and_topology_tell_of_what_went_through() {
    let site = Site::new();
    site.configure(&settings(&site));
    site.write("app.log", (0..3).map(line).collect::<String>());
    let server = Server::start(&site);
    server.until_incidents(3);
    let sources = server.get("/sources").json();
    let tail = &sources["sources"][0];
    assert_eq!(tail["id"], "connector.fileTail", "{sources}");
    let stream = &tail["streams"][0];
    assert_eq!(stream["records"], 3, "{sources}");
    assert!(
        stream["name"]
            .as_str()
            .is_some_and(|name| name.ends_with("app.log")),
        "{sources}"
    );
    assert_eq!(stream["position"], line(0).len() * 3, "{sources}");
    assert_eq!(tail["lag"][0]["value"], 0, "{sources}");
    let sent = server.until("notifications are on record", || {
        Some(server.get("/notifications?channel=file").json()).filter(|body| body["count"] == 3)
    });
    assert_eq!(strings(&sent["notifications"], "state"), ["sent"; 3]);
    let topology = server.get("/topology").json();
    let edges = topology["edges"].as_array().expect("edges");
    let flows = |from: &str, to: &str, kind: &str| {
        let is_it = |edge: &&Value| edge["from"] == from && edge["to"] == to;
        let edge = edges.iter().find(is_it);
        edge.is_some_and(|edge| {
            edge["types"]
                .as_array()
                .is_some_and(|types| types.contains(&json!(kind)))
        })
    };
    assert!(
        flows("connector.fileTail", "detector.regex", "log.ingested"),
        "{topology}"
    );
    assert!(
        flows("detector.regex", "notifier.channels", "incident.created"),
        "{topology}"
    );
    assert!(
        !flows("notifier.channels", "detector.regex", "log.ingested"),
        "{topology}"
    );
    server.stop();
}

#[test]
fn a_reload_names_faults_with_their_place_and_modules_that_do_not_start() {
    let site = Site::new();
    site.configure(&settings(&site));
    site.write("app.log", line(0));
    let server = Server::start(&site);
    server.until_incidents(1);
    site.write(
        "config.yaml",
        "modules:\n  detector.regex:\n    rulez: []\n",
    );
    let answer = server.post("/reload", "{}");
    assert_eq!(answer.status, 422, "{answer:?}");
    let fault = &answer.json()["faults"][0];
    assert_eq!(
        (&fault["line"], &fault["column"]),
        (&json!(3), &json!(5)),
        "{fault}"
    );
    assert_eq!(fault["key"], "modules.\"detector.regex\".rulez", "{fault}");
    let changed = with(
        settings(&site),
        "/modules/detector.regex/maxIncidentsPerMinute",
        json!(7),
    );
    site.configure(&with(changed, "/logging", json!({ "level": "debug" })));
    let report = server.post("/reload", "{}").json();
    assert_eq!(report["restarted"], json!(["detector.regex"]), "{report}");
    assert_eq!(report["needsRestart"], json!(["logging"]), "{report}");
    let module = server.get("/modules/detector.regex").json();
    assert_eq!(
        module["configuration"]["maxIncidentsPerMinute"], 7,
        "{module}"
    );
    assert_eq!(module["status"]["state"], "running", "{module}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let syslog = json!({ "enabled": true, "host": "127.0.0.1", "port": port, "protocol": "tcp" });
    site.configure(&with(settings(&site), "/modules/connector.syslog", syslog));
    let answer = server.post("/reload", "{}");
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(answer.json()["code"], "module-failed");
    assert_eq!(
        answer.json()["report"]["failed"][0]["module"],
        "connector.syslog",
        "{answer:?}"
    );
    drop(taken);
    server.until("the module starts by itself once it can", || {
        let state = &server.get("/modules/connector.syslog").json()["status"]["state"];
        (*state == "running").then_some(())
    });
    server.stop();
}
