//! A model check: every sequence of up to eight events, and no way to an execution without a valid approval.
//!
//! Sequences that lead to the same state are followed once (breadth first), so the search is exhaustive. What is right is
//! said by a ledger of its own, which knows nothing of the proposal's fields.

use std::collections::{BTreeSet, HashSet};

use super::*;

const DEPTH: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Approve(&'static str, Role, Kind),
    Deny(&'static str, Role),
    Cancel(&'static str, Role),
    Wait(Duration),
    Redeem(Twist),
    Finish(ProposalStatus),
    Restart,
}

/// What is presented, and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Twist {
    Nothing,
    Token,
    Action,
    Policy,
    World,
}

const EVENTS: [Event; 20] = [
    Event::Approve("otto", Role::Operator, Kind::Human),
    Event::Approve("anna", Role::Admin, Kind::Human),
    Event::Approve("vera", Role::Viewer, Kind::Human),
    Event::Approve("rosa", Role::Admin, Kind::Human),
    Event::Approve("robot", Role::Admin, Kind::Agent),
    Event::Approve("cron", Role::Admin, Kind::Service),
    Event::Deny("otto", Role::Operator),
    Event::Deny("vera", Role::Viewer),
    Event::Cancel("rosa", Role::Operator),
    Event::Cancel("otto", Role::Operator),
    Event::Wait(Duration::from_mins(14)),
    Event::Wait(Duration::from_mins(15)),
    Event::Wait(Duration::from_mins(24 * 60)),
    Event::Redeem(Twist::Nothing),
    Event::Redeem(Twist::Token),
    Event::Redeem(Twist::Action),
    Event::Redeem(Twist::Policy),
    Event::Redeem(Twist::World),
    Event::Finish(ProposalStatus::Failed),
    Event::Restart,
];

/// A proposal and what a careful clerk knows of it.
#[derive(Debug, Clone)]
struct World {
    proposal: Proposal,
    now: Timestamp,
    approvers: BTreeSet<&'static str>,
    approved_at: Option<Timestamp>,
    is_over: bool,
    executions: u32,
}

impl World {
    fn new(approvers: u8) -> Self {
        Self {
            proposal: proposal(approvers, &["web"]),
            now: START,
            approvers: BTreeSet::new(),
            approved_at: None,
            is_over: false,
            executions: 0,
        }
    }

    /// Everything that a later event may depend on: not when and why something was decided, and not how long ago
    /// anything expired.
    fn key(&self) -> String {
        let Proposal {
            status,
            expires_at,
            token,
            approvals,
            ..
        } = &self.proposal;
        let approvals: Vec<_> = approvals.iter().map(|decision| &decision.by).collect();
        let bound = token.as_ref().map(|token| token.bound[0].is_some());
        let left = expires_at.since(self.now);
        let fresh = self
            .approved_at
            .map(|at| self.now.since(at) < Duration::from_mins(15));
        let waits = self.is_waiting();
        format!(
            "{status:?} {left:?} {bound:?} {approvals:?} {:?} {fresh:?} {waits} {} {} {:?}",
            self.approvers,
            self.is_over,
            self.executions,
            START.plus(Duration::from_mins(24 * 60)).since(self.now)
        )
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Approve(name, role, kind) => self.approve(name, role, kind),
            Event::Deny(name, role) => {
                let allowed = self.is_waiting() && role >= Role::Operator;
                let by = person(name, role);
                let done = self.proposal.deny(&by, None, self.now).is_ok();
                assert_eq!(done, allowed, "{event:?}");
                self.is_over |= done;
            }
            Event::Cancel(name, role) => {
                let result = self.proposal.cancel(name, Some(role), None, self.now);
                self.is_over |= result.is_ok();
            }
            Event::Wait(duration) => self.now = self.now.plus(duration),
            Event::Redeem(twist) => self.redeem(twist),
            Event::Finish(status) if self.proposal.status == ProposalStatus::Executing => {
                self.proposal.finish(status);
            }
            Event::Finish(_) => {}
            Event::Restart => {
                self.is_over |= self.proposal.lose_token(self.now);
            }
        }
    }

    fn is_waiting(&self) -> bool {
        let in_time = self.now < START.plus(Duration::from_mins(24 * 60));
        !self.is_over && self.approved_at.is_none() && in_time
    }

    fn approve(&mut self, name: &'static str, role: Role, kind: Kind) {
        let may = kind == Kind::Human
            && role >= Role::Operator
            && name != "rosa"
            && !self.approvers.contains(name);
        let allowed = self.is_waiting() && may;
        let by = Identity::vouch(name, role, kind, Method::ApiKey);
        let result = self.proposal.approve(&by, None, &token(1), self.now);
        assert_eq!(result.is_ok(), allowed, "{name} {role:?} {kind:?}");
        if allowed {
            self.approvers.insert(name);
        }
        if result == Ok(Approval::Complete) {
            self.approved_at = Some(self.now);
        }
    }

    fn redeem(&mut self, twist: Twist) {
        let result = redeem(&mut self.proposal, self.now, |it| match twist {
            Twist::Nothing => {}
            Twist::Token => it.0 = token(9),
            Twist::Action => it.1.target.push('!'),
            Twist::Policy => it.2.approvers += 1,
            Twist::World => it.3 = None,
        });
        let needed = usize::from(self.proposal.policy.approvers);
        let is_fresh = self
            .approved_at
            .is_some_and(|at| self.now.since(at) < Duration::from_mins(15));
        let is_right = twist == Twist::Nothing
            && is_fresh
            && self.approvers.len() >= needed
            && !self.is_over
            && self.executions == 0;
        assert_eq!(result.is_ok(), is_right, "{result:?} in {self:?}");
        match result {
            Ok(()) => self.executions += 1,
            Err(refusal) => self.is_over |= refusal.voids(),
        }
        assert!(self.executions <= 1);
    }
}

fn explore(approvers: u8) -> (usize, usize) {
    let mut frontier = vec![World::new(approvers)];
    let mut seen: HashSet<String> = frontier.iter().map(World::key).collect();
    let mut executed = 0;
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for world in &frontier {
            for event in EVENTS {
                let mut world = world.clone();
                world.happen(event);
                if seen.insert(world.key()) {
                    executed += usize::from(world.executions > 0);
                    next.push(world);
                }
            }
        }
        frontier = next;
    }
    (seen.len(), executed)
}

#[test]
fn no_sequence_of_eight_events_executes_without_a_valid_approval() {
    for approvers in [1, 2] {
        let (states, executed) = explore(approvers);
        assert!(states > 300, "{states} states");
        assert!(executed > 0, "an execution is possible at all");
    }
}
