//! A proposal for tests.

use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::safety::catalogue::{Effect, Plan, Policy};
use opspilot_core::safety::proposal::ProposalStatus;

use super::wire::{Deed, Request};

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

pub(super) fn request(id: &str) -> Request {
    Request {
        id: id.to_owned(),
        status: ProposalStatus::Pending,
        action_type: "restart-web".into(),
        description: "Restart the web server".into(),
        reasoning: "It does not answer".into(),
        requested_by: "action.safe".into(),
        requested_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(870)),
        incident_id: Some("incident".into()),
        policy: Policy::default(),
        approvals: Vec::new(),
        ended: None,
        actions: vec![Deed {
            plan: Plan {
                target: "unit web.service".into(),
                effect: Effect::Command {
                    argv: ["/usr/bin/systemctl", "restart", "web.service"]
                        .map(str::to_owned)
                        .to_vec(),
                    folder: None,
                    user: None,
                },
                touches: vec!["unit web.service".into()],
                success: "GET http://127.0.0.1/health answers 200".into(),
                rollback: None,
                limits: vec!["30 s".into()],
            },
            dry_run: Some("would restart web".into()),
            from_evidence: Vec::new(),
            precondition: Some("active, pid 7".into()),
        }],
    }
}
