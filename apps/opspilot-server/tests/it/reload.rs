//! A new configuration for a running server.

use rustix::process::Signal;
use serde_json::json;

use crate::common::files::Site;
use crate::common::server::Server;
use crate::common::settings::{settings, with};

#[test]
fn a_hangup_loads_the_rules_again_and_a_bad_file_changes_nothing() {
    let site = Site::new();
    site.configure(&settings(&site));
    site.write("app.log", "2026-02-20T12:00:00Z ERROR MARK-0\n");
    let server = Server::start(&site);
    server.until_incidents(1);

    let changed = with(
        settings(&site),
        "/modules/detector.regex/rules/0/pattern",
        json!(r"SIGN-(\d+)"),
    );
    site.configure(&changed);
    server.signal(Signal::HUP);
    // Numbers that no mark has.
    let mut signs = 1_000;
    server.until("the new rule works", || {
        site.append(
            "app.log",
            format!("2026-02-20T12:00:00Z ERROR SIGN-{signs}\n"),
        );
        signs += 1;
        Some(()).filter(|()| server.incidents().len() > 1)
    });

    site.write(
        "config.yaml",
        "modules: { detector.regex: { rulez: [] } }\n",
    );
    server.signal(Signal::HUP);
    server.until("the refusal is told", || {
        Some(()).filter(|()| site.read("stderr.log").contains("not reloaded"))
    });
    assert!(
        site.read("stderr.log").contains("rules"),
        "{}",
        server.messages()
    );
    let answer = server.post("/reload", "{}");
    assert!((400..500).contains(&answer.status), "{answer:?}");

    site.append("app.log", "2026-02-20T12:00:00Z ERROR SIGN-777777\n");
    server.until("the rule still works", || {
        server
            .incidents()
            .iter()
            .any(|incident| incident["description"] == "mark 777777")
            .then_some(())
    });

    site.configure(&settings(&site));
    let answer = server.post("/reload", "{}");
    assert_eq!(answer.status, 200, "{answer:?}");
    site.append("app.log", "2026-02-20T12:00:00Z ERROR MARK-888888\n");
    server.until("the first rule works again", || {
        server
            .incidents()
            .iter()
            .any(|incident| incident["description"] == "mark 888888")
            .then_some(())
    });
    // Nothing was read twice or passed over meanwhile.
    let marks = server
        .incidents()
        .iter()
        .filter(|incident| incident["description"] == "mark 0")
        .count();
    assert_eq!(marks, 1);
    server.stop();
}
