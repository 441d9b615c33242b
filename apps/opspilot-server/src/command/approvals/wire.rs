//! A proposal as the API serves it.

use opspilot_core::clock::Timestamp;
use opspilot_core::safety::catalogue::{Effect, Plan, Policy};
use opspilot_core::safety::proposal::{Decision, ProposalStatus};
use serde::{Deserialize, Serialize};

/// A page of proposals.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) requests: Vec<Request>,
    #[serde(default)]
    pub(super) next_cursor: Option<String>,
}

/// A proposal; fields that this program does not show are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    pub(super) id: String,
    pub(super) status: ProposalStatus,
    pub(super) action_type: String,
    pub(super) description: String,
    pub(super) reasoning: String,
    pub(super) requested_by: String,
    pub(super) requested_at: Timestamp,
    pub(super) expires_at: Timestamp,
    #[serde(default)]
    pub(super) incident_id: Option<String>,
    pub(super) policy: Policy,
    pub(super) approvals: Vec<Decision>,
    #[serde(default)]
    pub(super) ended: Option<Decision>,
    pub(super) actions: Vec<Deed>,
}

/// One action of a proposal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deed {
    pub(super) plan: Plan,
    #[serde(default)]
    pub(super) dry_run: Option<String>,
    #[serde(default)]
    pub(super) from_evidence: Vec<String>,
    #[serde(default)]
    pub(super) precondition: Option<String>,
}

impl Request {
    /// What is shown in one line.
    pub(super) fn target(&self) -> String {
        let targets: Vec<_> = self
            .actions
            .iter()
            .map(|deed| deed.plan.target.as_str())
            .collect();
        targets.join(", ")
    }

    /// Everything that somebody who decides should see, line by line; texts are not escaped yet.
    pub(super) fn details(&self) -> Vec<Line> {
        let mut lines = vec![
            Line::pair("what for", &self.description),
            Line::pair("why", &self.reasoning),
        ];
        for (number, deed) in (1..).zip(&self.actions) {
            if self.actions.len() > 1 {
                lines.push(Line::title(&format!("step {number}")));
            }
            deed.describe(&mut lines);
        }
        lines.push(Line::pair("needs", &self.needs()));
        lines.push(Line::pair("proposed by", &self.requested_by));
        lines.push(Line::pair("at", &self.requested_at.to_string()));
        if let Some(incident) = &self.incident_id {
            lines.push(Line::pair("incident", incident));
        }
        lines.push(Line::pair("status", self.status.as_str()));
        lines.push(Line::pair("proposal", &self.id));
        for decision in &self.approvals {
            let reason = decision.reason.as_deref().unwrap_or("no reason given");
            lines.push(Line::pair(
                "approved by",
                &format!("{} ({reason})", decision.by),
            ));
        }
        if let Some(ended) = &self.ended {
            let reason = ended.reason.as_deref().unwrap_or("no reason given");
            lines.push(Line::pair("ended by", &format!("{} ({reason})", ended.by)));
        }
        lines
    }

    fn needs(&self) -> String {
        let left = usize::from(self.policy.approvers).saturating_sub(self.approvals.len());
        let people = if left == 1 { "person" } else { "people" };
        let role = format!("{:?}", self.policy.role).to_lowercase();
        format!("{left} more {people} with the role {role}")
    }
}

/// One line of the details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) label: String,
    pub(super) text: String,
    pub(super) kind: LineKind,
}

/// How a line is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    Plain,
    Title,
    /// The deed itself.
    Deed,
    /// What somebody should not overlook.
    Warning,
}

impl Line {
    fn of(kind: LineKind, label: &str, text: &str) -> Self {
        Self {
            label: label.to_owned(),
            text: text.to_owned(),
            kind,
        }
    }

    fn pair(label: &str, text: &str) -> Self {
        Self::of(LineKind::Plain, label, text)
    }

    fn title(text: &str) -> Self {
        Self::of(LineKind::Title, text, "")
    }
}

impl Deed {
    fn describe(&self, lines: &mut Vec<Line>) {
        let deed = |label: &str, text: &str| Line::of(LineKind::Deed, label, text);
        match &self.plan.effect {
            Effect::Command { argv, folder, user } => {
                // One argument a line: nothing looks like two arguments, or like one.
                lines.extend(argv.iter().enumerate().map(|(position, argument)| {
                    deed(if position == 0 { "runs" } else { "" }, argument)
                }));
                lines.extend(folder.iter().map(|folder| Line::pair("in", folder)));
                lines.extend(user.iter().map(|user| Line::pair("as", user)));
            }
            Effect::Request {
                method,
                url,
                headers,
                body,
            } => {
                lines.push(deed("sends", &format!("{method} {url}")));
                lines.extend(headers.iter().map(|name| Line::pair("header", name)));
                lines.extend(body.iter().map(|body| deed("body", body)));
            }
            Effect::Manual { text } => lines.push(deed("you do", text)),
            Effect::Steps { steps } => {
                lines.extend(steps.iter().map(|step| deed("step", step)));
            }
        }
        lines.push(Line::pair("target", &self.plan.target));
        lines.extend(self.precondition.iter().map(|it| Line::pair("now", it)));
        lines.push(Line::pair(
            "dry run",
            self.dry_run.as_deref().unwrap_or("not possible here"),
        ));
        lines.push(Line::pair("success", &self.plan.success));
        lines.extend(self.plan.rollback.iter().map(|it| Line::pair("if not", it)));
        lines.extend(self.plan.touches.iter().map(|it| Line::pair("touches", it)));
        lines.extend(self.plan.limits.iter().map(|it| Line::pair("limit", it)));
        if !self.from_evidence.is_empty() {
            let names = self.from_evidence.join(", ");
            lines.push(Line::of(
                LineKind::Warning,
                "careful",
                &format!("taken from a log line: {names}"),
            ));
        }
    }
}
