//! The gate and the runner on a storage, with a fake type of action.

mod attacks;
mod fake;
mod seen;

use std::time::Duration;

use serde_json::json;

use self::fake::{Fake, Place};
use super::*;
use crate::clock::Clock as _;
use crate::safety::execution::ExecutionState;
use crate::safety::identity::{Kind, Method};
use crate::safety::runner::StartError;

#[tokio::test(start_paused = true)]
async fn an_approved_action_is_done_once_and_everything_is_on_record() {
    let place = Place::new().await;
    let proposal = place.propose("rosa").await;
    assert_eq!(place.fake.runs(), 0);
    let decided = place.approve(&proposal.id, "otto").await.unwrap();
    assert_eq!(decided.status, ProposalStatus::Approved);
    let done = place.ended(&proposal.id).await;
    assert_eq!(done.status, ProposalStatus::Succeeded);
    assert_eq!(place.fake.runs(), 1);
    let (executions, _) = place
        .gate
        .executions(Some(&proposal.id), None, 10)
        .await
        .unwrap();
    let [execution] = executions.as_slice() else {
        panic!("{executions:?}")
    };
    assert_eq!(execution.state, ExecutionState::Succeeded);
    assert_eq!(execution.approved_by, ["otto"]);
    assert_eq!(
        place.audited().await,
        [
            ("action.requested", "rosa"),
            ("action.approved", "otto"),
            ("action.started", "core"),
            ("action.executed", "core"),
        ]
        .map(|(action, actor)| (action.to_owned(), actor.to_owned()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_proposal_shows_what_will_be_done() {
    let place = Place::new().await;
    let proposal = place.propose("rosa").await;
    let [proposed] = proposal.actions.as_slice() else {
        panic!("{proposal:?}")
    };
    assert_eq!(proposed.plan.target, "unit web");
    assert_eq!(proposed.dry_run.as_deref(), Some("would restart web"));
    assert_eq!(proposed.action.precondition.as_deref(), Some("pid 1"));
    assert_eq!(place.gate.get(&proposal.id).await.unwrap(), Some(proposal));
}

#[tokio::test(start_paused = true)]
async fn wrong_arguments_and_unknown_types_are_not_proposed() {
    let place = Place::new().await;
    let mut draft = fake::draft();
    draft.items[0].arguments.insert("unit".into(), json!("a;b"));
    let wrong = place.decisions.propose(draft, &fake::person("rosa")).await;
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "the arguments of `restart` are wrong: unit: must be `web`"
    );
    let mut draft = fake::draft();
    draft.items[0].action_type = "reboot".into();
    let unknown = place.decisions.propose(draft, &fake::person("rosa")).await;
    assert_eq!(
        unknown.unwrap_err().to_string(),
        "there is no type of action `reboot` in the catalogue"
    );
    let mut draft = fake::draft();
    draft.items.push(draft.items[0].clone());
    let two = place.decisions.propose(draft, &fake::person("rosa")).await;
    assert!(matches!(two, Err(GateError::Count { count: 2, limit: 1 })));
    let refused = ("action.refused".to_owned(), "rosa".to_owned());
    assert_eq!(place.audited().await, vec![refused; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_post_condition_decides_and_the_compensation_is_only_proposed() {
    let place = Place::new().await;
    place.fake.fail_check();
    let proposal = place.propose("rosa").await;
    place.approve(&proposal.id, "otto").await.unwrap();
    assert_eq!(
        place.ended(&proposal.id).await.status,
        ProposalStatus::Failed
    );
    let undo = place.next_of("action.compensation").await;
    assert_eq!(undo.status, ProposalStatus::Pending);
    assert_eq!(undo.actions[0].action.action_type, "restart");
    assert_eq!(place.fake.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_denied_proposal_is_not_done() {
    let place = Place::new().await;
    let proposal = place.propose("rosa").await;
    let denied = place
        .decisions
        .decide(
            &proposal.id,
            Verb::Deny,
            &fake::person("otto"),
            Some("not now".into()),
        )
        .await
        .unwrap();
    assert_eq!(denied.status, ProposalStatus::Denied);
    let late = place.approve(&proposal.id, "anna").await;
    assert!(matches!(late, Err(GateError::Refused(Refusal::Denied))));
    assert_eq!(place.fake.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn approving_twice_at_once_executes_once() {
    let place = Place::new().await;
    let proposal = place.propose("rosa").await;
    let names: Vec<_> = (0..100).map(|n| format!("otto{n}")).collect();
    let attempts = names.iter().map(|name| place.approve(&proposal.id, name));
    let results = futures_util::future::join_all(attempts).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    place.ended(&proposal.id).await;
    assert_eq!(place.fake.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_decides_expires_at_its_time() {
    let place = Place::new().await;
    let proposal = place.propose("rosa").await;
    let keeper = place.runner.clone();
    let task = async move { keeper.keep().await };
    let wait = async {
        place.clock.advance(Duration::from_mins(24 * 60));
        let ended = place.ended(&proposal.id).await;
        place.runner.stop(Duration::ZERO).await;
        ended
    };
    let ((), ended) = tokio::join!(task, wait);
    assert_eq!(ended.status, ProposalStatus::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_held_proposal_starts_when_its_proposer_says_so() {
    let place = Place::new().await;
    let mut draft = fake::draft();
    draft.items.push(draft.items[0].clone());
    draft.held = true;
    let proposal = place.module("action.runbook").propose(draft).await.unwrap();
    let start = |module, index| place.module(module).start(&proposal.id, index);
    assert_eq!(start("action.runbook", 0), Err(StartError::NoApproval));
    place.approve(&proposal.id, "otto").await.unwrap();
    assert_eq!(start("action.safe", 0), Err(StartError::NotTheProposer));
    assert_eq!(place.fake.runs(), 0);
    start("action.runbook", 0).unwrap();
    start("action.runbook", 0).unwrap();
    place.ran(1).await;
    start("action.runbook", 1).unwrap();
    assert_eq!(
        place.ended(&proposal.id).await.status,
        ProposalStatus::Succeeded
    );
    assert_eq!(place.fake.runs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_intent_and_outcome_asks_a_person_and_repeats_nothing() {
    let place = Place::new().await;
    place.fake.hang();
    let proposal = place.propose("rosa").await;
    place.approve(&proposal.id, "otto").await.unwrap();
    place.ran(1).await;
    // The process ends here: nobody awaits the runner, and another one starts on the same storage.
    let next = place.restart().await;
    let after = next.gate.get(&proposal.id).await.unwrap().unwrap();
    assert_eq!(after.status, ProposalStatus::Unknown);
    let (executions, _) = next.gate.executions(None, None, 10).await.unwrap();
    assert_eq!(executions[0].state, ExecutionState::Unknown);
    assert_eq!(next.fake.runs(), 0);
    let again = next.module("rosa").start(&proposal.id, 0);
    assert_eq!(again, Err(StartError::NoApproval));
    assert_eq!(next.audited().await.last().unwrap().0, "action.executed");
}

#[tokio::test(start_paused = true)]
async fn an_approval_whose_token_was_lost_expires_at_the_next_start() {
    let place = Place::new().await;
    let mut draft = fake::draft();
    draft.held = true;
    let proposal = place.module("action.runbook").propose(draft).await.unwrap();
    place.approve(&proposal.id, "otto").await.unwrap();
    let next = place.restart().await;
    let after = next.gate.get(&proposal.id).await.unwrap().unwrap();
    assert_eq!(after.status, ProposalStatus::Expired);
    let reason = after.ended.unwrap().reason.unwrap();
    assert!(reason.contains("propose it again"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn an_executor_that_breaks_off_leaves_an_unknown_end_and_no_open_execution() {
    let place = Place::new().await;
    place.fake.panic();
    let proposal = place.propose("rosa").await;
    place.approve(&proposal.id, "otto").await.unwrap();
    let ended = tokio::time::timeout(Duration::from_hours(1), place.ended(&proposal.id)).await;
    assert_eq!(ended.unwrap().status, ProposalStatus::Unknown);
    let (executions, _) = place.gate.executions(None, None, 10).await.unwrap();
    assert_eq!(executions[0].state, ExecutionState::Unknown);
    assert_eq!(place.audited().await.last().unwrap().0, "action.executed");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_stands_still_keeps_no_waiting_approval_alive() {
    let place = Place::new().await;
    place.fake.hang();
    for _ in 0..crate::safety::runner::PARALLEL {
        let proposal = place.propose("rosa").await;
        place.approve(&proposal.id, "otto").await.unwrap();
    }
    let late = place.propose("rosa").await;
    place.approve(&late.id, "otto").await.unwrap();
    // The clock of the day stands still, the one that nobody can set does not.
    tokio::time::sleep(Duration::from_mins(16)).await;
    place.fake.go_on();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(place.fake.runs(), crate::safety::runner::PARALLEL);
}

#[tokio::test(start_paused = true)]
async fn an_approval_whose_caller_leaves_is_carried_out_all_the_same() {
    let place = Place::new().await;
    let proposal = place.propose("rosa").await;
    {
        let approval = place.approve(&proposal.id, "otto");
        let mut approval = std::pin::pin!(approval);
        assert!(futures_util::poll!(&mut approval).is_pending());
    }
    let ended = tokio::time::timeout(Duration::from_mins(1), place.ended(&proposal.id)).await;
    assert_eq!(ended.unwrap().status, ProposalStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn what_undoes_an_action_is_not_decided_by_whoever_proposed_it() {
    let place = Place::new().await;
    place.fake.fail_check();
    let proposal = place.propose("rosa").await;
    place.approve(&proposal.id, "otto").await.unwrap();
    let undo = place.next_of("action.compensation").await;
    let own = place.approve(&undo.id, "rosa").await;
    assert!(matches!(own, Err(GateError::Refused(Refusal::OwnProposal))));
    place.approve(&undo.id, "otto").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pages_of_one_incident_and_status_have_no_gaps() {
    let place = Place::new().await;
    let mut pending = Vec::new();
    for number in 0..6 {
        let draft = Draft {
            incident: Some("i".into()),
            ..fake::draft()
        };
        let proposal = place.module("rosa").propose(draft).await.unwrap();
        place.clock.advance(Duration::from_secs(1));
        if number % 2 == 0 {
            place
                .module("rosa")
                .cancel(&proposal.id, None)
                .await
                .unwrap();
        } else {
            pending.insert(0, proposal.id);
        }
    }
    let filter = ProposalFilter {
        statuses: vec![ProposalStatus::Pending],
        incident: Some("i".into()),
    };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = place.gate.list(&filter, after, 2).await.unwrap();
        assert!(page.len() == 2 || next.is_none(), "{page:?}");
        found.extend(page.into_iter().map(|proposal| proposal.id));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, pending);
}

#[tokio::test(start_paused = true)]
async fn of_what_is_over_the_newest_are_kept_and_of_what_waits_everything() {
    let place = Place::new().await;
    let waiting = place.propose("rosa").await;
    let mut over = Vec::new();
    for _ in 0..5 {
        place.clock.advance(Duration::from_secs(1));
        let proposal = place.propose("rosa").await;
        place.approve(&proposal.id, "otto").await.unwrap();
        place.ended(&proposal.id).await;
        over.push(proposal.id);
    }
    place.gate.prune(2).await.unwrap();
    let (left, _) = place
        .gate
        .list(&ProposalFilter::default(), None, 10)
        .await
        .unwrap();
    let left: Vec<_> = left.into_iter().map(|proposal| proposal.id).collect();
    assert_eq!(left, [&over[4], &over[3], &waiting.id].map(Clone::clone));
    let (executions, _) = place.gate.executions(None, None, 10).await.unwrap();
    assert_eq!(executions.len(), 2);
    assert!(
        executions
            .iter()
            .all(|found| left.contains(&found.proposal_id))
    );
}

#[tokio::test(start_paused = true)]
async fn pages_of_proposals_are_filtered_by_status_and_incident() {
    let place = Place::new().await;
    let first = place.propose("rosa").await;
    let second = place.propose("rosa").await;
    place.module("rosa").cancel(&first.id, None).await.unwrap();
    let ids = async |filter: ProposalFilter| {
        let (page, _) = place.gate.list(&filter, None, 10).await.unwrap();
        page.into_iter().map(|found| found.id).collect::<Vec<_>>()
    };
    let pending = ProposalFilter {
        statuses: vec![ProposalStatus::Pending],
        ..ProposalFilter::default()
    };
    assert_eq!(ids(pending).await, std::slice::from_ref(&second.id));
    assert_eq!(ids(ProposalFilter::default()).await.len(), 2);
    let of_incident = ProposalFilter {
        incident: Some("none".into()),
        ..ProposalFilter::default()
    };
    assert!(ids(of_incident).await.is_empty());
}
