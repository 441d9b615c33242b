//! What a request is, and where it cannot be made to go (SECURITY.md, row A11).

use opspilot_core::safety::catalogue::{ActionType as _, Effect};
use serde_json::{Value as Json, json};
use wiremock::matchers::{any, body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::safe::testing::{action, arguments, catalogue, entry, offer, world};

fn purge(url: &str, more: &Json) -> Json {
    let mut run = json!({ "type": "http", "method": "POST", "url": url });
    for (key, value) in arguments(more) {
        run[key] = value;
    }
    json!({ "run": run })
}

fn with_text(mut options: Json) -> Json {
    options["parameters"] =
        json!({ "x": { "type": "string", "pattern": "(?s).*", "maxLength": 4096 } });
    options
}

fn refused(options: &Json, expected: &str) {
    let fault = catalogue(&json!({ "it": options })).expect_err("the entry has faults");
    assert!(fault.contains(expected), "`{expected}` is not in: {fault}");
}

#[test]
fn only_listed_hosts_and_public_addresses_are_asked() {
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://10.0.0.1/",
        "http://[fd00::1]/",
        "http://192.168.0.1:8080/",
    ] {
        refused(&purge(url, &json!({})), "set `allowPrivate: true`");
    }
    refused(
        &purge(
            "https://cdn.example/",
            &json!({ "hosts": ["other.example"] }),
        ),
        "must list the host of `url`",
    );
    refused(
        &purge(
            "https://cdn.example.evil/",
            &json!({ "hosts": ["cdn.example"] }),
        ),
        "must list the host of `url`",
    );
    refused(
        &purge(
            "https://169.254.169.254/",
            &json!({ "hosts": ["169.254.169.254"], "allowPrivate": true }),
        ),
        "never asked",
    );
    entry(&purge(
        "http://10.0.0.1/",
        &json!({ "hosts": ["10.0.0.1"] }),
    ));
    entry(&purge("http://[::1]:8080/", &json!({ "hosts": ["[::1]"] })));
    entry(&purge(
        "https://cdn.example/",
        &json!({ "hosts": ["a.example", "CDN.example"] }),
    ));
}

#[test]
fn no_value_reaches_the_scheme_the_host_or_the_port() {
    for url in [
        "{x}",
        "{x}://cdn.example/",
        "https://{x}/",
        "https://cdn.example{x}",
        "https://cdn.example:{x}/",
        "https://{x}@cdn.example/",
        "https://cdn.{x}.example/",
    ] {
        refused(
            &with_text(purge(url, &json!({}))),
            "values may stand in the path and the query only",
        );
    }
}

#[test]
fn values_are_encoded_and_cannot_climb() {
    let prepared = entry(&with_text(purge(
        "https://cdn.example/purge/{x}?again={x}",
        &json!({}),
    )));
    let planned = |value: &str| {
        let values = prepared
            .parameters
            .check(&arguments(&json!({ "x": value })))
            .unwrap();
        match prepared.deed.plan(&values)?.effect {
            Effect::Request { url, .. } => Ok(url),
            other => panic!("{other:?}"),
        }
    };
    let check = |value: &str, encoded: &str| {
        let expected = format!("https://cdn.example/purge/{encoded}?again={encoded}");
        assert_eq!(planned(value), Ok(expected), "{value}");
    };
    check("a b&c=d#e", "a%20b%26c%3Dd%23e");
    check("../../admin", "..%2F..%2Fadmin");
    check("@evil.example/", "%40evil.example%2F");
    check("é%2e", "%C3%A9%252e");
    let within = entry(&with_text(purge(
        "https://cdn.example/a/b/{x}/c",
        &json!({}),
    )));
    let values = within
        .parameters
        .check(&arguments(&json!({ "x": ".." })))
        .unwrap();
    assert!(within.deed.plan(&values).is_err());
    for climbing in ["..", "."] {
        let faults: Result<String, Vec<String>> = planned(climbing);
        assert!(
            faults.unwrap_err()[0].contains("would change the path"),
            "{climbing}"
        );
    }
}

#[test]
fn values_stay_within_the_strings_of_the_body() {
    let body =
        json!({ "body": r#"{"files": ["/{x}"], "name": "{x}", "count": "{n}", "raw": "n={n}"}"# });
    let mut options = with_text(purge("https://cdn.example/", &body));
    options["parameters"]["n"] = json!({ "type": "integer", "min": 0, "max": 9 });
    let prepared = entry(&options);
    let hostile = r#"","admin":true,"x":"{n}\u0022"#;
    let values = prepared
        .parameters
        .check(&arguments(&json!({ "x": hostile, "n": 3 })))
        .unwrap();
    let Effect::Request { body, headers, .. } = prepared.deed.plan(&values).unwrap().effect else {
        panic!("a request");
    };
    let body: Json = serde_json::from_str(&body.unwrap()).unwrap();
    let expected =
        json!({ "files": [format!("/{hostile}")], "name": hostile, "count": 3, "raw": "n=3" });
    assert_eq!((body, headers), (expected, vec!["content-type".to_owned()]));
    for outside in [r#"{"n": {x}}"#, r#"{"{x}": 1}"#, "x={x}"] {
        let options = with_text(purge("https://cdn.example/", &json!({ "body": outside })));
        assert!(catalogue(&json!({ "it": options })).is_err(), "{outside}");
    }
}

#[test]
fn headers_are_secret_and_cannot_reframe_the_request() {
    let headers = json!({ "headers": { "authorization": "Bearer s3cret" } });
    let prepared = entry(&purge("https://cdn.example/", &headers));
    let planned = prepared
        .deed
        .plan(&std::collections::BTreeMap::new())
        .unwrap();
    for shown in [format!("{planned:?}"), format!("{prepared:?}")] {
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    assert!(format!("{planned:?}").contains("authorization"));
    for (name, value) in [
        ("host", "evil"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("a b", "c"),
        ("x", "a\r\nEvil: 1"),
        ("", "x"),
    ] {
        let options = purge(
            "https://cdn.example/",
            &json!({ "headers": { name: value } }),
        );
        assert!(catalogue(&json!({ "it": options })).is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_request_is_sent_as_it_was_planned() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/purge/a%20b"))
        .and(query_param("soft", "1"))
        .and(header("authorization", "Bearer s3cret"))
        .and(body_json(json!({ "name": "a b" })))
        .respond_with(ResponseTemplate::new(202).set_body_string("purged"))
        .expect(1)
        .mount(&server)
        .await;
    let more = json!({ "hosts": ["127.0.0.1"], "headers": { "authorization": "Bearer s3cret" },
                       "body": r#"{"name": "{x}"}"# });
    let options = with_text(purge(
        &format!("{}/purge/{{x}}?soft=1", server.uri()),
        &more,
    ));
    let (world, ..) = world().await;
    let offered = offer(&options, &world);
    let outcome = offered
        .perform(&action(&offered, &json!({ "x": "a b" })))
        .await;
    assert_eq!(
        (outcome.succeeded, outcome.summary.as_str()),
        (true, "202 Accepted")
    );
    assert_eq!(
        (outcome.output.as_str(), outcome.truncated),
        ("purged", false)
    );
}

#[tokio::test]
async fn redirects_are_told_and_not_followed() {
    let server = MockServer::start().await;
    let elsewhere = ResponseTemplate::new(302)
        .insert_header("location", "http://169.254.169.254/latest/meta-data/");
    Mock::given(any())
        .respond_with(elsewhere)
        .expect(1)
        .mount(&server)
        .await;
    let options = purge(&server.uri(), &json!({ "hosts": ["127.0.0.1"] }));
    let (world, ..) = world().await;
    let offered = offer(&options, &world);
    let outcome = offered.perform(&action(&offered, &json!({}))).await;
    assert_eq!(
        (outcome.succeeded, outcome.summary.as_str()),
        (false, "302 Found")
    );
}

#[tokio::test]
async fn a_long_answer_is_cut_and_a_bad_one_is_a_failure() {
    let server = MockServer::start().await;
    let long = ResponseTemplate::new(500).set_body_string("x".repeat(1 << 20));
    Mock::given(any()).respond_with(long).mount(&server).await;
    let options = purge(&server.uri(), &json!({ "hosts": ["127.0.0.1"] }));
    let (world, ..) = world().await;
    let offered = offer(&options, &world);
    let outcome = offered.perform(&action(&offered, &json!({}))).await;
    assert_eq!(
        (outcome.succeeded, outcome.summary.as_str()),
        (false, "500 Internal Server Error")
    );
    assert_eq!((outcome.output.len(), outcome.truncated), (64 * 1024, true));
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused_before_connecting() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&server)
        .await;
    let url = server.uri().replace("127.0.0.1", "localhost");
    let (world, ..) = world().await;
    let offered = offer(&purge(&url, &json!({})), &world);
    let outcome = offered.perform(&action(&offered, &json!({}))).await;
    assert!(
        outcome
            .summary
            .contains("the name leads to a loopback address"),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn the_plan_names_host_limits_and_success() {
    let (world, ..) = world().await;
    let mut options = purge(
        "https://cdn.example:8443/purge",
        &json!({ "timeoutSeconds": 7 }),
    );
    options["description"] = json!("Empties the cache");
    let offered = offer(&options, &world);
    let plan = offered.plan(&arguments(&json!({}))).unwrap();
    assert_eq!(plan.target, "host cdn.example:8443");
    assert_eq!(plan.success, "a status from 200 to 299");
    assert!(plan.limits.contains(&"time: 7 s".to_owned()));
    assert_eq!(offered.description(), "Empties the cache");
}
