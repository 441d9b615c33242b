//! The life of a proposal, row by row and then exhaustively.

mod model;

use std::time::Duration;

use serde_json::{Map, Value};

use super::*;
use crate::safety::action::{Action, Digest};
use crate::safety::catalogue::{Effect, Plan};
use crate::safety::identity::Method;

const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

fn person(subject: &str, role: Role) -> Identity {
    Identity::vouch(subject, role, Kind::Human, Method::ApiKey)
}

fn token(byte: u8) -> ApprovalToken {
    ApprovalToken::from_bytes([byte; 32])
}

fn action(target: &str) -> Action {
    Action {
        executor: "command".into(),
        action_type: "restart".into(),
        target: target.into(),
        arguments: Map::from_iter([("unit".to_owned(), Value::from("web"))]),
        recipe: Digest::of(b"recipe"),
        precondition: Some("pid 7".into()),
    }
}

fn proposed(action: Action, policy: &Policy) -> Proposed {
    Proposed {
        plan: Plan {
            target: action.target.clone(),
            effect: Effect::Command {
                argv: vec!["/bin/true".into()],
                folder: None,
                user: None,
            },
            touches: Vec::new(),
            success: "exit code 0".into(),
            rollback: None,
            limits: Vec::new(),
        },
        action,
        policy: policy.clone(),
        dry_run: None,
        from_evidence: Vec::new(),
    }
}

fn proposal(approvers: u8, targets: &[&str]) -> Proposal {
    let policy = Policy {
        approvers,
        ..Policy::default()
    };
    Proposal {
        id: "p".into(),
        status: ProposalStatus::Pending,
        actions: targets
            .iter()
            .map(|target| proposed(action(target), &policy))
            .collect(),
        description: "Restart".into(),
        reasoning: "It hangs".into(),
        requested_by: "rosa".into(),
        asked_by: None,
        incident_id: None,
        created_at: START,
        expires_at: START.plus(policy.max_age()),
        policy,
        approvals: Vec::new(),
        ended: None,
        token: None,
        held: targets.len() > 1,
    }
}

fn approved() -> Proposal {
    let mut proposal = proposal(1, &["web"]);
    let by = person("otto", Role::Operator);
    proposal.approve(&by, None, &token(1), START).unwrap();
    proposal
}

/// Redeems token 1 for the first action, after `change` was made to what is presented.
fn redeem(
    proposal: &mut Proposal,
    now: Timestamp,
    change: impl FnOnce(&mut (ApprovalToken, Action, Policy, Option<String>)),
) -> Result<(), Refusal> {
    let mut presented = (
        token(1),
        proposal.actions[0].action.clone(),
        proposal.actions[0].policy.clone(),
        Some("pid 7".to_owned()),
    );
    change(&mut presented);
    let (token, action, policy, observed) = &presented;
    let presented = Presented {
        token,
        index: 0,
        action,
        policy,
        observed: observed.as_deref(),
    };
    proposal.redeem(&presented, now)
}

#[test]
fn only_people_with_the_role_decide_and_not_what_they_proposed() {
    let rows = [
        (person("vera", Role::Viewer), Refusal::RoleTooLow),
        (person("rosa", Role::Admin), Refusal::OwnProposal),
        (
            Identity::vouch("ci", Role::Admin, Kind::Service, Method::ApiKey),
            Refusal::NotAPerson,
        ),
        (
            Identity::vouch("llm", Role::Admin, Kind::Agent, Method::Jwt),
            Refusal::NotAPerson,
        ),
    ];
    for (by, refusal) in rows {
        let mut proposal = proposal(1, &["web"]);
        assert_eq!(
            proposal.approve(&by, None, &token(1), START),
            Err(refusal),
            "{by}"
        );
        assert_eq!(proposal.deny(&by, None, START), Err(refusal), "{by}");
        assert_eq!(proposal.status, ProposalStatus::Pending);
    }
}

#[test]
fn a_policy_of_two_counts_a_person_once() {
    let mut proposal = proposal(2, &["web"]);
    let otto = person("otto", Role::Operator);
    assert_eq!(
        proposal.approve(&otto, None, &token(1), START),
        Ok(Approval::NeedsMore(1))
    );
    let by_another_way = Identity::vouch("otto", Role::Admin, Kind::Human, Method::Session);
    assert_eq!(
        proposal.approve(&by_another_way, None, &token(1), START),
        Err(Refusal::AlreadyApproved)
    );
    assert_eq!(
        redeem(&mut proposal, START, |_| ()),
        Err(Refusal::NotApproved)
    );
    let anna = person("anna", Role::Operator);
    assert_eq!(
        proposal.approve(&anna, None, &token(1), START),
        Ok(Approval::Complete)
    );
    assert_eq!(redeem(&mut proposal, START, |_| ()), Ok(()));
}

#[test]
fn a_token_is_worth_nothing_after_fifteen_minutes() {
    let fifteen = Duration::from_mins(15);
    for (age, expected) in [
        (fifteen - Duration::from_millis(1), Ok(())),
        (fifteen, Err(Refusal::Expired)),
        (fifteen + Duration::from_millis(1), Err(Refusal::Expired)),
    ] {
        let mut proposal = approved();
        let now = START.plus(age);
        assert_eq!(redeem(&mut proposal, now, |_| ()), expected, "{age:?}");
    }
}

#[test]
fn a_token_is_used_once() {
    let mut proposal = approved();
    assert_eq!(redeem(&mut proposal, START, |_| ()), Ok(()));
    for status in [
        None,
        Some(ProposalStatus::Succeeded),
        Some(ProposalStatus::Failed),
        Some(ProposalStatus::Unknown),
    ] {
        if let Some(status) = status {
            proposal.finish(status);
        }
        assert_eq!(
            redeem(&mut proposal, START, |_| ()),
            Err(Refusal::Used),
            "{status:?}"
        );
    }
}

#[test]
fn each_difference_has_its_own_reason() {
    type Change = fn(&mut (ApprovalToken, Action, Policy, Option<String>));
    let rows: [(Change, Refusal); 8] = [
        (|it| it.0 = token(2), Refusal::Foreign),
        (|it| it.1.executor = "http".into(), Refusal::Altered),
        (|it| it.1.action_type.push('2'), Refusal::Altered),
        (|it| it.1.target = "db".into(), Refusal::Altered),
        (
            |it| {
                it.1.arguments.insert("unit".into(), "db".into());
            },
            Refusal::Altered,
        ),
        (|it| it.1.recipe = Digest::of(b"new"), Refusal::Altered),
        (|it| it.2.approvers = 2, Refusal::PolicyChanged),
        (|it| it.3 = Some("pid 8".into()), Refusal::WorldChanged),
    ];
    for (change, refusal) in rows {
        let mut proposal = approved();
        assert_eq!(redeem(&mut proposal, START, change), Err(refusal));
        let after = if refusal.voids() {
            ProposalStatus::Refused
        } else {
            ProposalStatus::Approved
        };
        assert_eq!(proposal.status, after, "{refusal}");
    }
}

#[test]
fn any_bit_of_the_action_counts() {
    let approved = approved();
    let text = serde_json::to_string(&approved.actions[0].action).unwrap();
    let mut tried = 0;
    for bit in 0..text.len() * 8 {
        let mut bytes = text.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(altered) = serde_json::from_slice::<Action>(&bytes) else {
            continue;
        };
        if altered == approved.actions[0].action {
            continue;
        }
        tried += 1;
        let mut copy = approved.clone();
        let result = redeem(&mut copy, START, |it| it.1 = altered);
        assert_eq!(result, Err(Refusal::Altered), "bit {bit} of {text}");
    }
    assert!(tried > 300, "{tried} altered actions");
}

#[test]
fn an_action_that_was_altered_in_the_store_is_refused() {
    let mut proposal = approved();
    proposal.actions[0].action.target = "db".into();
    assert_eq!(redeem(&mut proposal, START, |_| ()), Err(Refusal::Altered));
}

#[test]
fn what_was_decided_is_not_decided_again() {
    let by = person("anna", Role::Admin);
    let mut denied = proposal(1, &["web"]);
    denied.deny(&by, Some("no".into()), START).unwrap();
    let mut cancelled = proposal(1, &["web"]);
    cancelled.cancel("rosa", None, None, START).unwrap();
    let mut expired = proposal(1, &["web"]);
    assert!(expired.expire(expired.expires_at));
    for (proposal, refusal) in [
        (denied, Refusal::Denied),
        (cancelled, Refusal::Cancelled),
        (expired, Refusal::Expired),
        (approved(), Refusal::Decided),
    ] {
        let mut copy = proposal.clone();
        let result = copy.approve(&by, None, &token(3), START);
        assert_eq!(result, Err(refusal));
        assert_eq!(copy.deny(&by, None, START), Err(refusal));
        assert_eq!(copy, proposal);
    }
}

#[test]
fn a_proposal_is_taken_back_by_its_proposer_or_an_administrator() {
    let cancel = |by: &str, role| proposal(1, &["web"]).cancel(by, role, None, START);
    assert_eq!(cancel("rosa", Some(Role::Viewer)), Ok(()));
    assert_eq!(cancel("anna", Some(Role::Admin)), Ok(()));
    assert_eq!(
        cancel("otto", Some(Role::Operator)),
        Err(Refusal::NotTheProposer)
    );
    let mut running = approved();
    redeem(&mut running, START, |_| ()).unwrap();
    assert_eq!(
        running.cancel("rosa", None, None, START),
        Err(Refusal::Decided)
    );
}

#[test]
fn the_actions_of_a_runbook_are_used_one_by_one() {
    let mut proposal = proposal(1, &["web", "db"]);
    let by = person("otto", Role::Operator);
    proposal.approve(&by, None, &token(1), START).unwrap();
    let redeem = |proposal: &mut Proposal, index: usize| {
        let shown = proposal.actions[index.min(1)].clone();
        let token = token(1);
        let presented = Presented {
            token: &token,
            index,
            action: &shown.action,
            policy: &shown.policy,
            observed: Some("pid 7"),
        };
        proposal.redeem(&presented, START)
    };
    assert_eq!(redeem(&mut proposal, 1), Ok(()));
    assert_eq!(redeem(&mut proposal, 1), Err(Refusal::Used));
    proposal.finish(ProposalStatus::Succeeded);
    assert_eq!(proposal.status, ProposalStatus::Approved);
    assert_eq!(redeem(&mut proposal, 0), Ok(()));
    proposal.finish(ProposalStatus::Succeeded);
    assert_eq!(proposal.status, ProposalStatus::Succeeded);
    assert_eq!(redeem(&mut proposal, 0), Err(Refusal::Used));
}

#[test]
fn a_lost_token_ends_the_approval() {
    let mut proposal = approved();
    assert!(proposal.lose_token(START));
    assert_eq!(proposal.status, ProposalStatus::Expired);
    assert_eq!(redeem(&mut proposal, START, |_| ()), Err(Refusal::Expired));
}

#[test]
fn one_person_in_two_spellings_counts_once() {
    for own in ["Rosa", "ROSA", " rosa", "ro\u{200b}sa"] {
        let mut proposal = proposal(1, &["web"]);
        let by = person(own, Role::Admin);
        let result = proposal.approve(&by, None, &token(1), START);
        assert_eq!(result, Err(Refusal::OwnProposal), "{own:?}");
    }
    let mut proposal = proposal(2, &["web"]);
    let otto = person("otto@example.org", Role::Operator);
    proposal.approve(&otto, None, &token(1), START).unwrap();
    let again = person("Otto@Example.org", Role::Operator);
    let result = proposal.approve(&again, None, &token(1), START);
    assert_eq!(result, Err(Refusal::AlreadyApproved));
}

#[test]
fn whoever_asked_a_module_for_it_decides_it_no_more_than_a_proposer() {
    let mut proposal = Proposal {
        requested_by: "action.runbook".into(),
        asked_by: Some("otto".into()),
        ..proposal(1, &["web"])
    };
    let otto = person("otto", Role::Admin);
    let approved = proposal.approve(&otto, None, &token(1), START);
    assert_eq!(approved, Err(Refusal::OwnProposal));
    assert_eq!(proposal.deny(&otto, None, START), Err(Refusal::OwnProposal));
    let anna = person("anna", Role::Operator);
    proposal.approve(&anna, None, &token(1), START).unwrap();
}

#[test]
fn fewer_approvals_than_the_action_asks_for_open_nothing() {
    let mut proposal = proposal(2, &["web"]);
    // Somebody wrote into the storage: the whole asks for less than its action.
    proposal.policy.approvers = 1;
    let otto = person("otto", Role::Operator);
    let approval = proposal.approve(&otto, None, &token(1), START);
    assert_eq!(approval, Ok(Approval::Complete));
    let result = redeem(&mut proposal, START, |_| {});
    assert_eq!(result, Err(Refusal::PolicyChanged));
    assert_eq!(proposal.status, ProposalStatus::Refused);
}

#[test]
fn the_actions_of_a_proposal_are_done_one_after_another() {
    let mut proposal = proposal(1, &["web", "db"]);
    let otto = person("otto", Role::Operator);
    proposal.approve(&otto, None, &token(1), START).unwrap();
    redeem(&mut proposal, START, |_| {}).unwrap();
    let (token, proposed) = (token(1), proposal.actions[1].clone());
    let second = Presented {
        token: &token,
        index: 1,
        action: &proposed.action,
        policy: &proposed.policy,
        observed: Some("pid 7"),
    };
    assert_eq!(proposal.redeem(&second, START), Err(Refusal::Busy));
    proposal.finish(ProposalStatus::Succeeded);
    proposal.redeem(&second, START).unwrap();
}

#[test]
fn a_manual_action_that_was_approved_gives_out_no_token_and_does_not_expire() {
    let mut proposal = proposal(1, &["web"]);
    proposal.actions[0].action.executor = "manual".into();
    let by = person("otto", Role::Operator);
    let approval = proposal.approve(&by, None, &token(1), START);
    assert_eq!(approval, Ok(Approval::Complete));
    assert!(!proposal.expire(START.plus(Duration::from_hours(48))));
    assert_eq!(proposal.status, ProposalStatus::Approved);
    let result = redeem(&mut proposal, START, |_| ());
    assert_eq!(result, Err(Refusal::NotApproved));
}
