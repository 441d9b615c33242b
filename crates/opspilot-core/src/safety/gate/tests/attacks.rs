//! Attacks on the gate: reuse, forgery, expiry, replay and races. Never thinned out.

use std::sync::atomic::Ordering;

use super::*;
use crate::safety::catalogue::Policy;

/// Approves without the runner, so that the test holds the token.
async fn token_for(place: &Place, id: &str) -> ApprovalToken {
    let by = fake::person("otto");
    let decided = place
        .gate
        .decide(id, Verb::Approve, &by, None)
        .await
        .unwrap();
    decided.token.unwrap()
}

async fn refused(place: &Place, id: &str, token: &ApprovalToken) -> Refusal {
    match place.gate.redeem(id, 0, token).await {
        Err(GateError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_uses_of_one_token_exactly_one_executes() {
    let place = Place::new().await;
    let proposal = place.propose("rosa").await;
    let token = token_for(&place, &proposal.id).await;
    let uses = (0..1_000).map(|_| place.gate.redeem(&proposal.id, 0, &token));
    let results = futures_util::future::join_all(uses).await;
    let approved = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(approved, 1);
    assert_eq!(place.refusals(Refusal::Used).await, 999);
    let (executions, _) = place.gate.executions(None, None, 1_000).await.unwrap();
    assert_eq!(executions.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_with_any_bit_flipped_is_refused_and_audited() {
    let place = Place::new().await;
    let proposal = place.propose("rosa").await;
    token_for(&place, &proposal.id).await;
    let stored = place.gate.get(&proposal.id).await.unwrap().unwrap();
    let digest = *stored.token.unwrap().digest.as_bytes();
    // Neither the stored digest nor anything near it opens the gate.
    for bit in 0..=256_usize {
        let mut bytes = digest;
        if let Some(byte) = bytes.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
        let forged = ApprovalToken::from_bytes(bytes);
        assert_eq!(
            refused(&place, &proposal.id, &forged).await,
            Refusal::Foreign
        );
    }
    assert_eq!(place.refusals(Refusal::Foreign).await, 257);
}

#[tokio::test(start_paused = true)]
async fn a_token_opens_its_own_proposal_alone() {
    let place = Place::new().await;
    let (first, second) = (place.propose("rosa").await, place.propose("rosa").await);
    let token = token_for(&place, &first.id).await;
    token_for(&place, &second.id).await;
    assert_eq!(refused(&place, &second.id, &token).await, Refusal::Foreign);
    assert_eq!(refused(&place, "nothing", &token).await, Refusal::Unknown);
    let waiting = place.propose("rosa").await;
    assert_eq!(
        refused(&place, &waiting.id, &token).await,
        Refusal::NotApproved
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_is_refused_a_millisecond_after_its_time() {
    let place = Place::new().await;
    let proposal = place.propose("rosa").await;
    let token = token_for(&place, &proposal.id).await;
    place.clock.advance(Duration::from_mins(15));
    assert_eq!(
        refused(&place, &proposal.id, &token).await,
        Refusal::Expired
    );
    // Setting the clock back does not bring it to life again.
    place
        .clock
        .set(place.clock.now().minus(Duration::from_mins(20)));
    assert_eq!(
        refused(&place, &proposal.id, &token).await,
        Refusal::Expired
    );
    assert_eq!(place.refusals(Refusal::Expired).await, 2);
}

#[tokio::test(start_paused = true)]
async fn what_changed_since_the_approval_is_refused_with_its_reason() {
    type Change = fn(&Fake);
    let rows: [(Change, Refusal); 3] = [
        (
            |fake| fake.pid.store(8, Ordering::SeqCst),
            Refusal::WorldChanged,
        ),
        (
            |fake| *fake.recipe.lock().unwrap() = "/bin/rm",
            Refusal::Altered,
        ),
        (
            |fake| fake.policy.lock().unwrap().approvers = 2,
            Refusal::PolicyChanged,
        ),
    ];
    for (change, refusal) in rows {
        let place = Place::new().await;
        let proposal = place.propose("rosa").await;
        let token = token_for(&place, &proposal.id).await;
        change(&place.fake);
        assert_eq!(refused(&place, &proposal.id, &token).await, refusal);
        let after = place.gate.get(&proposal.id).await.unwrap().unwrap();
        assert_eq!(after.status, ProposalStatus::Refused);
        assert_eq!(place.refusals(refusal).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_weaker_policy_does_not_reach_what_was_proposed_under_a_stronger_one() {
    let place = Place::new().await;
    place.fake.policy.lock().unwrap().approvers = 2;
    let proposal = place.propose("rosa").await;
    place.fake.policy.lock().unwrap().approvers = 1;
    let by = fake::person("otto");
    let decided = place
        .gate
        .decide(&proposal.id, Verb::Approve, &by, None)
        .await
        .unwrap();
    assert!(decided.token.is_none(), "two people were asked for");
    let by = fake::person("anna");
    let decided = place
        .gate
        .decide(&proposal.id, Verb::Approve, &by, None)
        .await
        .unwrap();
    let token = decided.token.unwrap();
    assert_eq!(
        refused(&place, &proposal.id, &token).await,
        Refusal::PolicyChanged
    );
}

#[tokio::test(start_paused = true)]
async fn an_action_made_up_inside_of_the_process_is_refused() {
    let place = Place::new().await;
    let proposal = place.propose("rosa").await;
    let token = token_for(&place, &proposal.id).await;
    let mut action = proposal.actions[0].action.clone();
    action.arguments.insert("unit".into(), json!("db"));
    let forged = place
        .gate
        .redeem_as(&proposal.id, 0, &token, (action, Policy::default()))
        .await;
    assert!(matches!(forged, Err(GateError::Refused(Refusal::Altered))));
    assert_eq!(place.refusals(Refusal::Altered).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_type_that_left_the_catalogue_is_not_executed() {
    let place = Place::new().await;
    let proposal = place.propose("rosa").await;
    let token = token_for(&place, &proposal.id).await;
    place
        .gate
        .catalogue()
        .offer("action.safe", std::collections::BTreeMap::new());
    assert_eq!(
        refused(&place, &proposal.id, &token).await,
        Refusal::TypeGone
    );
    place.offer();
    assert_eq!(refused(&place, &proposal.id, &token).await, Refusal::Used);
}

#[tokio::test(start_paused = true)]
async fn denied_and_cancelled_approvals_are_refused() {
    let place = Place::new().await;
    let proposal = place.propose("rosa").await;
    let token = token_for(&place, &proposal.id).await;
    place
        .module("rosa")
        .cancel(&proposal.id, None)
        .await
        .unwrap();
    assert_eq!(
        refused(&place, &proposal.id, &token).await,
        Refusal::Cancelled
    );
    let foreign = place.propose("rosa").await;
    let by_another = place.module("action.safe").cancel(&foreign.id, None).await;
    assert!(matches!(
        by_another,
        Err(GateError::Refused(Refusal::NotTheProposer))
    ));
}

#[tokio::test(start_paused = true)]
async fn refusals_of_people_are_audited_with_their_names() {
    let place = Place::new().await;
    let proposal = place.propose("rosa").await;
    let own = place.approve(&proposal.id, "rosa").await;
    assert!(matches!(own, Err(GateError::Refused(Refusal::OwnProposal))));
    let viewer = Identity::vouch("vera", Role::Viewer, Kind::Human, Method::Session);
    let weak = place
        .decisions
        .decide(&proposal.id, Verb::Approve, &viewer, None)
        .await;
    assert!(matches!(weak, Err(GateError::Refused(Refusal::RoleTooLow))));
    let names: Vec<_> = place
        .audited()
        .await
        .into_iter()
        .filter(|(action, _)| action == "action.refused")
        .map(|(_, actor)| actor)
        .collect();
    assert_eq!(names, ["rosa", "vera"]);
}
