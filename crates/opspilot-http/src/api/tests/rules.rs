//! Rules, with a detector of a test: its rules match what contains their word.

use async_trait::async_trait;
use opspilot_core::clock::Timestamp;
use opspilot_core::config::{ConfigErrors, ModuleOptions};
use opspilot_core::incident::Severity;
use opspilot_core::module::{
    BuildError, Category, Context, Factory, Manifest, Module, Registry, RunError,
};
use opspilot_core::rules::{LineOutcome, RuleDescription, RuleKind, RuleTrial, TestOutcome};
use opspilot_core::signal::Attributes;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Fixture, Setup, strings};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Word {
    /// The name.
    id: String,
    /// What a line must contain.
    word: String,
    /// Lines that it must match.
    #[serde(default)]
    tests: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Options {
    /// The rules.
    rules: Vec<Word>,
}

#[derive(Debug)]
struct Words;

#[derive(Debug)]
struct Trial(Word);

impl RuleKind for Words {
    fn describe(&self, options: &ModuleOptions) -> Result<Vec<RuleDescription>, ConfigErrors> {
        let describe = |word: Word| RuleDescription {
            id: word.id,
            severity: Severity::Info,
            enabled: true,
            title: "A word".into(),
            description: String::new(),
            patterns: Map::from_iter([("word".to_owned(), json!(word.word))]),
            limits: Map::new(),
        };
        let rules = options.parse::<Options>()?.rules;
        Ok(rules.into_iter().map(describe).collect())
    }

    fn prepare(
        &self,
        options: &ModuleOptions,
        at: usize,
    ) -> Result<Box<dyn RuleTrial>, ConfigErrors> {
        Ok(Box::new(Trial(
            options.parse::<Options>()?.rules[at].clone(),
        )))
    }
}

impl RuleTrial for Trial {
    fn look_at(&self, line: &str, attributes: &Attributes) -> LineOutcome {
        match line.contains(&self.0.word) && !attributes.contains_key("quiet") {
            true => LineOutcome {
                matches: true,
                title: Some(format!("A word: {}", self.0.word)),
                ..LineOutcome::default()
            },
            false => LineOutcome::no_match("the word is not there"),
        }
    }

    fn tests(&self) -> Vec<TestOutcome> {
        let tests = self.0.tests.iter();
        tests
            .map(|line| {
                let fails = !line.contains(&self.0.word);
                TestOutcome::new(line, fails.then(|| "no match".to_owned()))
            })
            .collect()
    }
}

/// A detector of words, under two ids.
pub(super) struct Finder<const OTHER: bool>;

#[async_trait]
impl<const OTHER: bool> Module for Finder<OTHER> {
    const MANIFEST: Manifest = match OTHER {
        false => Manifest::new("detector.regex", Category::Detector, "Finds words."),
        true => Manifest::new("detector.threshold", Category::Detector, "Finds words."),
    };

    type Config = Options;

    fn new(_: Options) -> Result<Self, BuildError> {
        Ok(Self)
    }

    fn rules() -> Option<&'static dyn RuleKind> {
        Some(&Words)
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        cx.cancel.cancelled().await;
        Ok(())
    }
}

async fn api() -> Fixture {
    let yaml = "modules:\n  detector.regex:\n    rules:\n      - { id: oom, word: killed, tests: [was killed, spared] }\n      \
                - { id: same, word: x }\n  detector.threshold:\n    enabled: false\n    rules: [{ id: same, word: y }]\n";
    let registry = Registry::default();
    let registry = registry.with([
        Factory::of::<Finder<false>>(),
        Factory::of::<Finder<true>>(),
    ]);
    let api = Fixture::with(Setup {
        built_in: Some((registry, yaml)),
        ..Setup::default()
    })
    .await;
    let cx = api.bench.context(&Finder::<false>::MANIFEST);
    cx.system
        .rule_counts()
        .add(cx.id, "oom", 3, Timestamp::from_millis(0));
    api
}

#[tokio::test]
async fn rules_of_every_detector_are_listed_with_their_tests_and_counts() {
    let api = api().await;
    let body = api.get("/rules").await.json();
    assert_eq!(strings(&body["rules"], "id"), ["oom", "same", "same"]);
    let oom = json!({
        "detector": "detector.regex", "running": true, "id": "oom", "severity": "info", "enabled": true,
        "title": "A word", "description": "", "patterns": { "word": "killed" }, "limits": {},
        "tests": ["was killed", "spared"],
        "matched": { "matches": 3, "lastMatchAt": "1970-01-01T00:00:00.000Z" },
    });
    assert_eq!(body["rules"][0], oom);
    assert_eq!(body["rules"][2]["running"], false);
    assert_eq!(body["rules"][2]["matched"], Value::Null);
    let body = api.get("/rules?detector=detector.threshold").await.json();
    assert_eq!(body["count"], 1);
}

#[tokio::test]
async fn a_rule_is_tried_on_lines_by_its_id_and_as_it_comes_along() {
    let api = api().await;
    let lines = r#""lines": ["it was killed", "it lives", "\u0000\u001b killed"]"#;
    let by_id = format!(r#"{{ "id": "oom", {lines} }}"#);
    let as_object = format!(r#"{{ "rule": {{ "id": "new", "word": "killed" }}, {lines} }}"#);
    let as_text = format!(r#"{{ "rule": "- id: new\n  word: killed\n", {lines} }}"#);
    for body in [by_id, as_object, as_text] {
        let reply = api.post("/rules/test", &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let answer = reply.json();
        assert_eq!(answer["matched"], 2, "{body}");
        assert_eq!(answer["lines"][0]["title"], "A word: killed");
        assert_eq!(answer["lines"][1]["reason"], "the word is not there");
    }
    let answer = api.post("/rules/test", r#"{ "id": "oom" }"#).await.json();
    let passes: Vec<_> = answer["tests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|test| &test["passes"])
        .collect();
    assert_eq!(passes, [&json!(true), &json!(false)]);
    let quiet = r#"{ "id": "oom", "lines": ["killed"], "attributes": { "quiet": 1 } }"#;
    assert_eq!(api.post("/rules/test", quiet).await.json()["matched"], 0);
    // Nothing of that was counted, and no incident came of it.
    let body = api.get("/rules").await.json();
    assert_eq!(body["rules"][0]["matched"]["matches"], 3);
    assert_eq!(api.get("/incidents").await.json()["count"], 0);
}

#[tokio::test]
async fn what_cannot_be_tried_is_refused_with_its_place() {
    let api = api().await;
    let many = format!(
        r#"{{ "id": "oom", "lines": [{}""] }}"#,
        r#""x","#.repeat(1_000)
    );
    let rows = [
        ("{}", 400, "invalid-request"),
        (r#"{ "id": "oom", "rule": {} }"#, 400, "invalid-request"),
        (r#"{ "rule": 7 }"#, 400, "invalid-request"),
        (r#"{ "id": "oom", "lines": "x" }"#, 400, "invalid-request"),
        (r#"{ "id": "oom", "lines": [7] }"#, 400, "invalid-request"),
        (&*many, 400, "invalid-request"),
        (r#"{ "id": "same" }"#, 400, "invalid-request"),
        (
            r#"{ "rule": {}, "detector": "ui.api" }"#,
            400,
            "invalid-request",
        ),
        (r#"{ "id": "none" }"#, 404, "no-such-rule"),
        (r#"{ "rule": { "id": "a" } }"#, 422, "rule-invalid"),
        (r#"{ "rule": "a: [" }"#, 422, "rule-invalid"),
    ];
    for (body, status, code) in rows {
        let reply = api.post("/rules/test", body).await;
        assert_eq!(reply.problem(), (status, code.to_owned()), "{body}");
    }
    let reply = api
        .post("/rules/test", r#"{ "rule": "id: a\nword: 7\n" }"#)
        .await;
    assert_eq!(reply.json()["faults"][0]["line"], 2, "{}", reply.body);
    let body = r#"{ "id": "same", "detector": "detector.threshold", "lines": ["y"] }"#;
    assert_eq!(api.post("/rules/test", body).await.json()["matched"], 1);
}

#[tokio::test]
async fn a_dry_run_counts_what_a_rule_makes_of_stored_evidence_and_says_when_it_stopped() {
    let api = api().await;
    for number in 0..5 {
        let id = format!("i{number}");
        api.incident_with(&id, Severity::Info, |event| {
            let line = if number % 2 == 0 {
                "it was killed"
            } else {
                "it lives"
            };
            event.context.insert("matchedLine".into(), line.into());
        })
        .await;
    }
    api.incident("bare", Severity::Info).await;
    let whole = api
        .post("/rules/dry-run", r#"{ "id": "oom" }"#)
        .await
        .json();
    let figures = |body: &Value| {
        json!([
            body["incidents"],
            body["lines"],
            body["matched"],
            body["complete"]
        ])
    };
    assert_eq!(figures(&whole), json!([6, 5, 3, true]));
    assert_eq!(strings(&whole["matches"], "incidentId"), ["i4", "i2", "i0"]);
    assert_eq!(whole["matches"][0]["line"], "it was killed");
    let part = api
        .post("/rules/dry-run", r#"{ "id": "oom", "incidents": 3 }"#)
        .await
        .json();
    assert_eq!(figures(&part), json!([3, 2, 1, false]));
    assert!(part["stopped"].as_str().unwrap().contains("as many"));
    let reply = api
        .post("/rules/dry-run", r#"{ "id": "oom", "incidents": 5001 }"#)
        .await;
    assert_eq!(reply.status, 400);
}
