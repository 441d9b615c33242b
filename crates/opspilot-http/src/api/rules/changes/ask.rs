//! What a request wants to become of a rule.

use std::sync::Arc;

use opspilot_core::changes::{ChangeKind, Draft};
use opspilot_core::rules::RuleTrial;
use serde_json::json;

use super::super::super::body::Fields;
use super::super::super::problem::{Code, Problem};
use super::super::super::state::State;
use super::super::chosen::{ID_LENGTH, RULE_LENGTH, Wanted};

/// A change that somebody writes.
#[derive(Debug, Default)]
pub(super) struct Wish {
    kind: Option<ChangeKind>,
    detector: String,
    id: Option<String>,
    rule: Option<String>,
}

impl Wish {
    /// Reads `kind`, `detector`, `id` and `rule`; `None` after a fault, which `fields` tells.
    pub(super) fn of(fields: &mut Fields) -> Option<Self> {
        let kind = fields.choice("kind", "`edit`, `add` or `remove`");
        let detector = fields.required_text("detector", ID_LENGTH);
        let id = fields.text("id", ID_LENGTH);
        let rule = fields.text("rule", RULE_LENGTH);
        let kind = kind.unwrap_or(ChangeKind::Edit);
        let rows = [
            ("id", id.is_some(), kind != ChangeKind::Add),
            ("rule", rule.is_some(), kind != ChangeKind::Remove),
        ];
        for (name, is_there, is_needed) in rows {
            match (is_there, is_needed) {
                (true, false) => fields.refuse(name, "has no place in this kind of change"),
                (false, true) => fields.refuse(name, "is missing for this kind of change"),
                _ => {}
            }
        }
        Some(Self {
            kind: Some(kind),
            detector: detector?,
            id,
            rule,
        })
    }

    pub(super) fn draft(&self) -> Draft {
        Draft {
            kind: self.kind.unwrap_or(ChangeKind::Edit),
            detector: self.detector.clone(),
            rule_id: self.id.clone(),
            rule: self.rule.clone(),
        }
    }

    /// The new rule, compiled, with all of its own tests passed; `None` where a rule goes.
    ///
    /// # Errors
    /// When it cannot be used, or does not do what its tests say.
    pub(super) async fn prepare(
        &self,
        state: &State,
    ) -> Result<Option<Arc<dyn RuleTrial>>, Problem> {
        let Some(rule) = &self.rule else {
            return Ok(None);
        };
        let chosen = Wanted::brought(&self.detector, rule).find(state)?;
        let _turn = state.turn().await;
        let tried = state.cx.tasks.blocking(move || {
            let trial = chosen.prepare()?;
            let failed = trial.tests().into_iter().filter(|test| !test.passes);
            Ok::<_, Problem>((trial, failed.collect::<Vec<_>>()))
        });
        let (trial, failed) = tried
            .await
            .map_err(|error| Problem::internal(error.to_string()))??;
        if failed.is_empty() {
            return Ok(Some(trial.into()));
        }
        let detail = format!("{} of its own tests fail", failed.len());
        Err(Problem::of(Code::RULE_INVALID)
            .detail(detail)
            .with("tests", json!(failed)))
    }
}
