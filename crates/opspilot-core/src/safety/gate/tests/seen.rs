//! An approval of what somebody saw, and of nothing else.

use super::fake::{Fake, Place, person};
use super::*;
use crate::safety::action::Digest;

fn said(seen: &[Digest]) -> Said {
    Said {
        reason: Some("it is down".into()),
        seen: Some(seen.to_vec()),
    }
}

fn digests(proposal: &Proposal) -> Vec<Digest> {
    let actions = proposal.actions.iter();
    actions.map(|proposed| proposed.action.digest()).collect()
}

async fn approve(place: &Place, proposal: &Proposal, seen: &[Digest]) -> Result<(), Refusal> {
    let decided = place
        .gate
        .decide(&proposal.id, Verb::Approve, &person("otto"), said(seen))
        .await;
    match decided {
        Ok(_) => Ok(()),
        Err(GateError::Refused(refusal)) => Err(refusal),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_is_approved_and_anything_else_is_refused_and_waits() {
    let place = Place::new().await;
    let proposal = place.propose("rosa").await;
    let other = Digest::of(b"another action");
    let right = digests(&proposal);
    for wrong in [
        vec![other],
        Vec::new(),
        [right.clone(), vec![other]].concat(),
    ] {
        let refused = approve(&place, &proposal, &wrong).await;
        assert_eq!(refused, Err(Refusal::NotAsSeen), "{wrong:?}");
    }
    assert_eq!(place.refusals(Refusal::NotAsSeen).await, 3);
    let still = place.gate.get(&proposal.id).await.unwrap().unwrap();
    assert_eq!(still, proposal);
    assert_eq!(approve(&place, &proposal, &right).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_catalogue_that_changed_since_is_noticed_at_the_approval() {
    type Change = fn(&Place);
    let changes: [Change; 2] = [
        |place| *place.fake.recipe.lock().unwrap() = "/bin/rm",
        |place| {
            place
                .gate
                .catalogue()
                .offer("action.safe", std::collections::BTreeMap::new());
        },
    ];
    for change in changes {
        let place = Place::new().await;
        let proposal = place.propose("rosa").await;
        change(&place);
        let refused = approve(&place, &proposal, &digests(&proposal)).await;
        assert_eq!(refused, Err(Refusal::NotAsSeen));
        assert_eq!(Fake::runs(&place.fake), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_decide_is_told_that_and_not_what_would_be_done() {
    let place = Place::new().await;
    let proposal = place.propose("otto").await;
    let refused = approve(&place, &proposal, &[Digest::of(b"another action")]).await;
    assert_eq!(refused, Err(Refusal::OwnProposal));
}
