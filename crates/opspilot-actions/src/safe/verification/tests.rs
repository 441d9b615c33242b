//! Post-conditions, with a clock that the tests move.

use std::time::Duration;

use opspilot_core::clock::Clock as _;
use opspilot_core::incident::IncidentId;
use opspilot_core::safety::catalogue::{ActionType as _, Verdict};
use serde_json::{Value as Json, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::safe::deed::World;
use crate::safe::testing::{action, catalogue, offer, repeat, store_incident, world};

fn with_check(check: &Json) -> Json {
    json!({ "run": { "type": "command", "argv": ["/bin/true"] }, "postCondition": check })
}

async fn verify(check: &Json, world: &World, incident: Option<&str>) -> Verdict {
    let offered = offer(&with_check(check), world);
    let incident = incident.map(IncidentId::from);
    let action = action(&offered, &json!({}));
    offered
        .verify(&action, incident.as_ref())
        .await
        .expect("there is a post-condition")
}

#[tokio::test]
async fn an_address_that_answers_in_the_end_passes() {
    let server = MockServer::start().await;
    let starting = Mock::given(any())
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .mount_as_scoped(&server);
    let _starting = starting.await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let (world, ..) = world().await;
    let check = json!({ "type": "http", "url": server.uri(), "expectStatus": [200, 204], "withinSeconds": 30 });
    let expected = Verdict {
        passed: true,
        detail: "204 No Content".to_owned(),
    };
    assert_eq!(verify(&check, &world, None).await, expected);
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_address_that_does_not_answer_rightly_in_time_fails() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(503))
        .mount(&server)
        .await;
    let (world, clock, _bench) = world().await;
    let check = json!({ "type": "http", "url": server.uri(), "withinSeconds": 1 });
    let verdict = tokio::select! {
        verdict = verify(&check, &world, None) => verdict,
        () = async {
            while server.received_requests().await.unwrap().is_empty() { tokio::task::yield_now().await }
            clock.advance(Duration::from_secs(1));
            std::future::pending::<()>().await;
        } => unreachable!("it never ends"),
    };
    let expected = Verdict {
        passed: false,
        detail: "still after 1 s: 503 Service Unavailable".to_owned(),
    };
    assert_eq!(verdict, expected);
}

#[tokio::test]
async fn a_program_decides_by_its_exit_code() {
    let (world, ..) = world().await;
    for (program, passed) in [("/bin/true", true), ("/bin/false", false)] {
        let mut check = json!({ "type": "command", "argv": [program] });
        if crate::process::tests::harness::is_root() {
            check["user"] = json!("nobody");
        }
        let verdict = verify(&check, &world, None).await;
        assert_eq!(verdict.passed, passed, "{verdict:?}");
    }
}

/// Moves both clocks on, a second at a time.
async fn pass(clock: &opspilot_core::clock::ManualClock, seconds: u64) {
    for _ in 0..seconds {
        clock.advance(Duration::from_secs(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_incident_that_stays_quiet_passes() {
    let (world, clock, bench) = world().await;
    store_incident(&bench, "a", clock.now()).await;
    let begin = clock.now();
    let check = json!({ "type": "quiet", "minutes": 2 });
    let verdict = tokio::select! {
        verdict = verify(&check, &world, Some("a")) => verdict,
        () = async { pass(&clock, 600).await } => unreachable!("it took too long"),
    };
    assert_eq!(
        verdict,
        Verdict {
            passed: true,
            detail: "quiet for 2 minutes".to_owned()
        }
    );
    assert!(clock.now().since(begin) >= Duration::from_mins(2));
}

#[tokio::test(start_paused = true)]
async fn an_incident_that_repeats_fails_at_once() {
    let (world, clock, bench) = world().await;
    store_incident(&bench, "a", clock.now()).await;
    let begin = clock.now();
    let check = json!({ "type": "quiet", "minutes": 10 });
    let verdict = tokio::select! {
        verdict = verify(&check, &world, Some("a")) => verdict,
        () = async {
            pass(&clock, 65).await;
            repeat(&bench, "a", clock.now()).await;
            pass(&clock, 1_200).await;
        } => unreachable!("it took too long"),
    };
    assert!(
        !verdict.passed && verdict.detail.contains("was seen again at"),
        "{verdict:?}"
    );
    assert!(clock.now().since(begin) < Duration::from_mins(2));
}

#[tokio::test(start_paused = true)]
async fn without_an_incident_nothing_can_be_quiet() {
    let (world, ..) = world().await;
    let check = json!({ "type": "quiet", "minutes": 10 });
    assert!(!verify(&check, &world, None).await.passed);
}

#[test]
fn wrong_post_conditions_are_refused() {
    for (check, expected) in [
        (
            json!({ "type": "http", "url": "http://169.254.169.254/" }),
            "postCondition.url: the host is a link-local",
        ),
        (
            json!({ "type": "http", "url": "http://a/", "expectStatus": [] }),
            "expectStatus: must list statuses",
        ),
        (
            json!({ "type": "http", "url": "http://a/", "withinSeconds": 0 }),
            "withinSeconds: must be from 1",
        ),
        (
            json!({ "type": "quiet", "minutes": 0 }),
            "minutes: must be from 1 to 1440",
        ),
        (
            json!({ "type": "command", "argv": ["true"] }),
            "postCondition.argv[0]: must be the absolute path",
        ),
    ] {
        let fault = catalogue(&json!({ "it": with_check(&check) })).unwrap_err();
        assert!(fault.contains(expected), "{fault}");
    }
}
