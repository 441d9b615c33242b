//! Approvals over HTTP: of what the approver saw, and of nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use opspilot_core::incident::IncidentId;
use opspilot_core::module::{Category, Manifest};
use opspilot_core::safety::action::{Action, Approved, Digest};
use opspilot_core::safety::catalogue::{
    ActionError, ActionType, ArgumentError, Effect, Outcome, Plan, Policy, Verdict,
};
use opspilot_core::safety::gate::{Draft, Item};
use opspilot_core::safety::identity::{Identity, Kind, Method, Role};
use serde_json::{Map, Value, json};

use super::Fixture;

static SAFE: Manifest = Manifest::new("action.safe", Category::Action, "");

/// Something that a person does, by a recipe.
#[derive(Debug)]
struct Chore(&'static str);

#[async_trait]
impl ActionType for Chore {
    fn executor(&self) -> &'static str {
        "manual"
    }

    fn description(&self) -> &str {
        "A chore."
    }

    fn recipe(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    fn policy(&self) -> Policy {
        Policy::default()
    }

    fn plan(&self, _: &Map<String, Value>) -> Result<Plan, ArgumentError> {
        Ok(Plan {
            target: "the rack".into(),
            effect: Effect::Manual {
                text: self.0.into(),
            },
            touches: Vec::new(),
            success: String::new(),
            rollback: None,
            limits: Vec::new(),
        })
    }

    async fn observe(&self, _: &Map<String, Value>) -> Result<Option<String>, ActionError> {
        Ok(None)
    }

    async fn dry_run(&self, _: &Map<String, Value>) -> Result<Option<String>, ActionError> {
        Ok(None)
    }

    async fn execute(&self, _: Approved) -> Outcome {
        Outcome {
            succeeded: true,
            summary: String::new(),
            output: String::new(),
            truncated: false,
        }
    }

    async fn verify(&self, _: &Action, _: Option<&IncidentId>) -> Option<Verdict> {
        None
    }

    fn compensation(&self, _: &Map<String, Value>) -> Option<(String, Map<String, Value>)> {
        None
    }
}

fn offer(api: &Fixture, recipe: &'static str) {
    let chore: Arc<dyn ActionType> = Arc::new(Chore(recipe));
    let types = BTreeMap::from([("chore".to_owned(), chore)]);
    api.bench.context(&SAFE).actions.offer(types);
}

/// A proposal of somebody else, as the API shows it.
async fn proposed(api: &Fixture) -> Value {
    let draft = Draft {
        items: vec![Item {
            action_type: "chore".into(),
            arguments: Map::new(),
            from_evidence: Vec::new(),
        }],
        description: "Unplug it".into(),
        reasoning: "It is hot".into(),
        incident: None,
        asked_by: None,
        held: false,
    };
    let rosa = Identity::vouch("rosa", Role::Operator, Kind::Human, Method::Local);
    let decisions = api.bench.decisions();
    let proposal = decisions.propose(draft, &rosa).await.unwrap();
    api.get(&format!("/approvals/{}", proposal.id)).await.json()
}

async fn approve(api: &Fixture, proposal: &Value, seen: &Value) -> (u16, Value) {
    let path = format!("/approvals/{}/approve", proposal["id"].as_str().unwrap());
    let reply = api.post(&path, &json!({ "seen": seen }).to_string()).await;
    (reply.status, reply.json())
}

#[tokio::test]
async fn what_was_seen_is_approved_as_a_digest_or_a_list_of_digests() {
    let api = Fixture::new().await;
    offer(&api, "pull the plug");
    for as_list in [false, true] {
        let proposal = proposed(&api).await;
        let digest = proposal["actions"][0]["digest"].clone();
        let seen = if as_list { json!([digest]) } else { digest };
        let (status, body) = approve(&api, &proposal, &seen).await;
        assert_eq!(
            (status, &body["message"]),
            (200, &json!("approved")),
            "{body}"
        );
    }
}

#[tokio::test]
async fn anything_else_is_refused_and_the_proposal_waits_on() {
    let api = Fixture::new().await;
    offer(&api, "pull the plug");
    let proposal = proposed(&api).await;
    let digest = proposal["actions"][0]["digest"].clone();
    let other = json!("0".repeat(64));
    for seen in [json!([]), other.clone(), json!([digest, other])] {
        let (status, body) = approve(&api, &proposal, &seen).await;
        assert_eq!(
            (status, &body["code"]),
            (409, &json!("not-as-seen")),
            "{body}"
        );
        assert_eq!(body["reason"], "not-as-seen");
    }
    for seen in [
        json!("abc"),
        json!(7),
        json!([7]),
        json!({ "digest": digest }),
    ] {
        assert_eq!(approve(&api, &proposal, &seen).await.0, 400, "{seen}");
    }
    // The catalogue says something else now than when the proposal was shown.
    offer(&api, "cut the wire");
    let (status, body) = approve(&api, &proposal, &digest).await;
    assert_eq!(
        (status, &body["code"]),
        (409, &json!("not-as-seen")),
        "{body}"
    );
    let path = format!("/approvals/{}", proposal["id"].as_str().unwrap());
    assert_eq!(api.get(&path).await.json()["status"], "pending");
    offer(&api, "pull the plug");
    assert_eq!(approve(&api, &proposal, &digest).await.0, 200);
}
