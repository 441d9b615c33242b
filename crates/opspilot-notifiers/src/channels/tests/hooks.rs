//! The webhook channel against a real server on the loopback interface.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::bus::DeliveryError;
use opspilot_core::config::{KeyPath, Secret};
use opspilot_core::error::chain;
use serde_json::Value;

use super::super::config::{Method, Webhook};
use super::super::webhook::{Target, WebhookNotifier};
use super::notice;
use super::peer::{Answer, Peer};
use crate::driver::Notifier as _;
use crate::testing::Process;

const OK: Answer = Answer::Say("204 No Content");

fn hook(url: &str) -> Webhook {
    Webhook {
        id: "hook".into(),
        events: Vec::new(),
        min_severity: None,
        enabled: true,
        webhook_url: Secret::new(url.into()),
        webhook_method: Method::Put,
        webhook_headers: BTreeMap::from([("X-Token".to_owned(), Secret::new("token".into()))]),
        rate_limit_per_minute: None,
    }
}

async fn start(process: &Process, answers: &'static [Answer]) -> (Peer, WebhookNotifier) {
    let peer = Peer::start(&process.context().tasks, answers).await;
    let target = Target::parse(&hook(&peer.url), &KeyPath::default()).unwrap();
    let timeout = Duration::from_millis(200);
    let notifier = WebhookNotifier::with_timeout(target, Arc::clone(&process.clock) as _, timeout);
    (peer, notifier)
}

async fn failure(answers: &'static [Answer]) -> DeliveryError {
    let process = Process::new().await;
    let (_peer, notifier) = start(&process, answers).await;
    notifier
        .deliver(&notice(&process, "a").await)
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_request_carries_the_event_and_its_identity() {
    let process = Process::new().await;
    let (peer, notifier) = start(&process, &[OK]).await;
    let notice = notice(&process, "a").await;
    notifier.deliver(&notice).await.unwrap();
    let request = peer.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    assert!(head.starts_with("put /hook/secret http/1.1"), "{head}");
    for line in ["content-type: application/json", "x-token: token"] {
        assert!(head.contains(line), "{head}");
    }
    let place = notice.trace().unwrap();
    for line in [
        format!("idempotency-key: {}", notice.id()),
        format!("traceparent: {place}"),
    ] {
        assert!(head.contains(&line), "{head}");
    }
    let body: Value = serde_json::from_str(body).unwrap();
    let keys: Vec<_> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = [
        "id",
        "eventType",
        "source",
        "timestamp",
        "correlationId",
        "payload",
    ];
    expected.sort_unstable();
    let mut keys = keys;
    keys.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(body["eventType"], "incident.created");
    assert_eq!(body["payload"]["context"]["matchedLine"], "line of a");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_the_rest_is_not() {
    for (answer, may_pass) in [
        (&[Answer::Say("500 Oops")], true),
        (&[Answer::Say("503 Busy")], true),
        (&[Answer::Say("429 Slow Down")], true),
        (&[Answer::Say("408 Timeout")], true),
        (&[Answer::Say("425 Too Early")], true),
        (&[Answer::Reset], true),
        (&[Answer::Silence], true),
        (&[Answer::Say("400 Bad Request")], false),
        (&[Answer::Say("404 Not Found")], false),
        (
            &[Answer::Say("301 Moved\nLocation: http://169.254.169.254/")],
            false,
        ),
    ] {
        let error = failure(answer).await;
        assert_eq!(error.is_transient(), may_pass, "{answer:?}: {error}");
        assert!(!chain(&error).contains("secret"), "{}", chain(&error));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let process = Process::new().await;
    let moved = &[Answer::Say("307 Moved\nLocation: /elsewhere"), OK];
    let (peer, notifier) = start(&process, moved).await;
    let error = notifier.deliver(&notice(&process, "a").await).await;
    assert!(!error.unwrap_err().is_transient());
    assert_eq!(peer.requests().len(), 1);
}

#[tokio::test]
async fn a_peer_is_given_the_time_it_asks_for() {
    let error = failure(&[Answer::Say("429 Slow Down\nRetry-After: 120\n\nwait\u{1b}")]).await;
    let text = chain(&error);
    assert!(
        text.contains("answered 429 Too Many Requests: wait\\u{1b}"),
        "{text}"
    );
    assert_eq!(error.least_delay(), Some(Duration::from_secs(120)));
}

#[tokio::test]
async fn a_peer_that_fails_is_left_alone_for_a_while() {
    let process = Process::new().await;
    const FIVE: &[Answer] = &[
        Answer::Say("500 A"),
        Answer::Say("500 B"),
        Answer::Reset,
        Answer::Say("500 D"),
        Answer::Say("500 E"),
        OK,
    ];
    let (peer, notifier) = start(&process, FIVE).await;
    let notice = notice(&process, "a").await;
    for _ in 0..5 {
        notifier.deliver(&notice).await.unwrap_err();
    }
    let error = notifier.deliver(&notice).await.unwrap_err();
    assert!(error.to_string().contains("left alone"), "{error}");
    assert_eq!(peer.requests().len(), 5);
    process.clock.advance(Duration::from_secs(30));
    notifier.deliver(&notice).await.unwrap();
    assert_eq!(peer.requests().len(), 6);
}
