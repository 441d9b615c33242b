//! What the console shows.

use std::sync::Arc;

use opspilot_core::bus::Publication;
use opspilot_core::clock::Timestamp;
use opspilot_core::event::{ActionExecuted, ActionResult, ActionWithdrawn, IncidentCreated};
use opspilot_core::incident::Severity;

use super::super::console::line;
use crate::driver::Notice;
use crate::testing::{Process, created, repeated};

async fn shown(all: Publication, is_coloured: bool) -> String {
    let process = Process::new().await;
    process.send(all).await;
    line(
        &Notice::Event(Arc::clone(&process.event(1).await)),
        is_coloured,
    )
}

#[tokio::test]
async fn an_incident_is_one_line_in_the_colour_of_its_severity() {
    let all = || Publication::new().event(created("a", Severity::Critical));
    let plain = "2001-09-09T01:46:40.000Z CRITICAL title of a: line of a [detector.regex a]";
    assert_eq!(shown(all(), false).await, plain);
    let coloured = plain.replace("CRITICAL", "\u{1b}[1;31mCRITICAL\u{1b}[0m");
    assert_eq!(shown(all(), true).await, coloured);
}

#[tokio::test]
async fn a_hostile_line_drives_no_terminal() {
    let event = IncidentCreated {
        title: "a\u{1b}]8;;http://x\u{7}b\r\nc\u{202e}d".into(),
        ..created("a", Severity::Info)
    };
    let line = shown(Publication::new().event(event), false).await;
    assert!(
        !line.chars().any(char::is_control) && !line.contains('\u{202e}'),
        "{line:?}"
    );
    assert!(
        line.contains("a\\u{1b}]8;;http://x\\u{7}b\\u{d}\\u{a}c\\u{202e}d"),
        "{line}"
    );
}

#[tokio::test]
async fn what_becomes_of_an_action_is_said_in_words() {
    let executed = ActionExecuted {
        request_id: "p".into(),
        action_type: "restart-web".into(),
        result: ActionResult::Unknown,
        output: None,
        executed_by: "systemd".into(),
        executed_at: Timestamp::UNIX_EPOCH,
        incident_id: None,
    };
    let failed = ActionExecuted {
        result: ActionResult::Failure,
        output: Some("exit code 0; check: exit code 1".into()),
        ..executed.clone()
    };
    for (event, expected) in [
        (
            executed,
            "restart-web ended in a way that nobody knows: LOOK AT THE TARGET [systemd p]",
        ),
        (
            failed,
            "restart-web FAILED: exit code 0; check: exit code 1 [systemd p]",
        ),
    ] {
        let line = shown(Publication::new().event(event), false).await;
        assert!(line.ends_with(expected), "{line}");
    }
    let withdrawn = ActionWithdrawn {
        request_id: "p".into(),
        status: "expired".into(),
        ended_by: "core".into(),
        reason: None,
        incident_id: None,
    };
    let line = shown(Publication::new().event(withdrawn), false).await;
    assert!(
        line.ends_with("action.withdrawn expired by core [p]"),
        "{line}"
    );
}

#[tokio::test]
async fn an_enrichment_names_its_kind_and_module() {
    let line = shown(Publication::new().event(repeated("a")), false).await;
    assert!(
        line.ends_with("enrichment.completed dedup_occurrence [enricher.dedup a]"),
        "{line}"
    );
}
