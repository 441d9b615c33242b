//! What a change would do to the file: pure, but for reading it.

use super::record::{Ask, ChangeKind};
use super::review::{ChangeError, Inner};
use crate::config::{EditError, Edited, RuleEdit, RuleFile};
use crate::module::CurrentConfig;
use crate::safety::action::Digest;

const NO_FILE: &str = "there is no file: write one with `opspilot-server init`";

/// A change that somebody writes.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What becomes of the rule.
    pub kind: ChangeKind,
    /// The detector.
    pub detector: String,
    /// The id of the rule as the file has it; that of a new rule stands in its text.
    pub rule_id: Option<String>,
    /// The rule's new text.
    pub rule: Option<String>,
}

/// What a change would do.
#[derive(Debug, Clone)]
pub struct Preview {
    /// What it asks for, complete.
    pub ask: Ask,
    /// The digest of the file as it is.
    pub base: Digest,
    /// The file afterwards, and what differs.
    pub edited: Edited,
    /// Why it could not be applied now, and what to do instead.
    pub obstacle: Option<String>,
}

impl Preview {
    /// The digest of the file that the change would make.
    #[must_use]
    pub fn result(&self) -> Digest {
        Digest::of(self.edited.text.as_bytes())
    }
}

impl Inner {
    pub(super) async fn current(&self) -> Result<CurrentConfig, ChangeError> {
        self.file.current().await.map_err(ChangeError::Invalid)
    }

    /// What `draft` makes of the file `current`.
    pub(super) fn preview(
        &self,
        draft: Draft,
        current: CurrentConfig,
    ) -> Result<Preview, ChangeError> {
        let (id, rule) = (draft.rule_id.as_deref(), draft.rule.as_deref());
        let edit = match (draft.kind, id, rule) {
            (ChangeKind::Edit, Some(id), Some(rule)) => RuleEdit::Change(id, rule),
            (ChangeKind::Add, _, Some(rule)) => RuleEdit::Add(rule),
            (ChangeKind::Remove, Some(id), _) => RuleEdit::Remove(id),
            _ => return Err(EditError::NoSuchRule(String::new()).into()),
        };
        let edited = self.in_file(&current, &draft.detector, |file| file.edit(edit))??;
        let base = current
            .digest
            .ok_or_else(|| ChangeError::Obstacle(NO_FILE.to_owned()))?;
        Ok(Preview {
            ask: Ask {
                kind: draft.kind,
                detector: draft.detector.clone(),
                rule_id: edited.rule_id.clone(),
                rule: draft.rule.filter(|_| draft.kind != ChangeKind::Remove),
            },
            base,
            edited,
            obstacle: current.obstacle,
        })
    }

    /// Asks for something in the text of the file.
    pub(super) fn in_file<T>(
        &self,
        current: &CurrentConfig,
        detector: &str,
        ask: impl FnOnce(RuleFile<'_>) -> T,
    ) -> Result<T, ChangeError> {
        let factory = self.registry.get(detector);
        let Some(factory) = factory.filter(|factory| factory.rules().is_some()) else {
            return Err(ChangeError::NoSuchDetector(detector.to_owned()));
        };
        let Some(text) = &current.text else {
            return Err(ChangeError::Obstacle(NO_FILE.to_owned()));
        };
        let schema = factory.config_schema();
        Ok(ask(RuleFile::new(text, self.file.path(), &schema)))
    }
}
