//! Changes of rules: proposed by one administrator, approved by another, written into the configuration file.

mod ask;
mod errors;
mod shapes;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use opspilot_core::changes::{ChangeStatus, ConfigChange, Evidence, RuleChanges};
use opspilot_core::safety::action::Digest;

use self::ask::Wish;
use self::shapes::{ListBody, PreviewBody, TextBody};
use super::super::answer::{Answer, json, json_with};
use super::super::body::Fields;
use super::super::modules::BegunBody;
use super::super::params::Params;
use super::super::problem::{Code, Problem};
use super::super::proposals::{Asked, REASON_LENGTH};
use super::super::state::State;

pub(in crate::api) use self::shapes::{
    APPROVE, GET, LIST, PREVIEW, PROPOSE, REFUSE, TEXT, WITHDRAW,
};

/// `GET /rules/text`
pub(in crate::api) async fn text(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let (detector, id) = (params.text("detector"), params.text("id"));
    for (name, value) in [("detector", &detector), ("id", &id)] {
        if value.is_none() {
            params.refuse(name, "is missing");
        }
    }
    params.finish()?;
    let (detector, id) = (detector.unwrap_or_default(), id.unwrap_or_default());
    let rule = state.rule_changes()?.rule(&detector, &id).await?;
    json(&TextBody { detector, id, rule })
}

/// `GET /rules/changes`
pub(in crate::api) async fn list(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let statuses = params.list::<ChangeStatus>("status");
    let (limit, cursor) = (params.limit(), params.cursor());
    params.finish()?;
    let changes = state.rule_changes()?;
    let (mut found, next) = changes.list(&statuses, cursor, limit).await?;
    date(changes, &mut found).await;
    json(&ListBody {
        count: found.len(),
        changes: found,
        next_cursor: next.map(|cursor| cursor.to_string()),
    })
}

/// `GET /rules/changes/{id}`
pub(in crate::api) async fn get(
    Extract(state): Extract<State>,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let unknown = || Problem::of(Code::NO_SUCH_CHANGE);
    let Path(id) = id.map_err(|_| unknown())?;
    let changes = state.known_changes()?;
    let found = changes.get(&id).await?.ok_or_else(unknown)?;
    let mut found = [found];
    date(changes, &mut found).await;
    let [found] = found;
    json(&found)
}

/// Shows what waits for a file that is another one now as outdated; approving it would find that out.
async fn date(changes: &RuleChanges, found: &mut [ConfigChange]) {
    let waits = |change: &ConfigChange| change.status == ChangeStatus::Proposed;
    if !found.iter().any(waits) {
        return;
    }
    let Some(base) = changes.base().await else {
        return;
    };
    let old = found.iter_mut().filter(|change| change.base != base);
    for change in old.filter(|change| waits(change)) {
        change.status = ChangeStatus::Outdated;
    }
}

/// `POST /rules/changes/preview`
pub(in crate::api) async fn preview(mut asked: Asked) -> Answer {
    let wish = Wish::of(&mut asked.fields);
    asked.fields.finish()?;
    let (wish, state) = (wish.unwrap_or_default(), asked.state);
    wish.prepare(&state).await?;
    let preview = state.rule_changes()?.preview(wish.draft()).await?;
    json(&PreviewBody {
        result: preview.result(),
        detector: preview.ask.detector,
        rule_id: preview.ask.rule_id,
        diff: preview.edited.diff,
        obstacle: preview.obstacle,
    })
}

/// `POST /rules/changes`
pub(in crate::api) async fn propose(mut asked: Asked) -> Answer {
    let wish = Wish::of(&mut asked.fields);
    let reason = asked.fields.required_text("reason", REASON_LENGTH);
    let seen = asked.fields.text("seen", 64);
    let seen = seen.and_then(|seen| digest(&mut asked.fields, &seen));
    asked.fields.finish()?;
    let (state, caller) = (asked.state, asked.caller);
    state.require_storage()?;
    let wish = wish.unwrap_or_default();
    let trial = wish.prepare(&state).await?;
    let changes = state.rule_changes()?;
    let preview = changes.preview(wish.draft()).await?;
    if seen.is_some_and(|seen| seen != preview.result()) {
        return Err(Problem::of(Code::NOT_AS_SEEN));
    }
    let evidence: Option<Evidence> = match trial {
        Some(trial) => Some(super::dry_run::evidence(&state, trial).await?),
        None => None,
    };
    let said = (reason.unwrap_or_default(), evidence);
    let change = changes.propose(preview, caller.identity(), said).await?;
    json_with(StatusCode::CREATED, &change)
}

/// `POST /rules/changes/{id}/approve`
///
/// The reload brings in everything that the file says: where that restarts this module, it waits for this very answer,
/// and 202 ends the wait.
pub(in crate::api) async fn approve(
    id: Result<Path<String>, PathRejection>,
    mut asked: Asked,
) -> Answer {
    let seen = asked.fields.required_text("seen", 64);
    let seen = seen.and_then(|seen| digest(&mut asked.fields, &seen));
    let reason = asked.fields.text("reason", REASON_LENGTH);
    let (id, state, caller) = of(id, asked)?;
    let seen = seen.ok_or_else(|| Problem::internal("a fault that nobody told"))?;
    let changes = state.known_changes()?;
    let approved = changes.approve(&id, caller.identity(), (seen, reason));
    match state.cx.cancel.run_until_cancelled(approved).await {
        Some(approved) => json(&approved?),
        None => {
            let message = "it goes on, and starts the API itself again: look at the change then";
            json_with(StatusCode::ACCEPTED, &BegunBody { message })
        }
    }
}

/// The file that somebody saw.
fn digest(fields: &mut Fields, seen: &str) -> Option<Digest> {
    let digest = seen.parse::<Digest>().ok();
    if digest.is_none() {
        fields.refuse("seen", "write the `result` as it was shown");
    }
    digest
}

/// `POST /rules/changes/{id}/refuse`
pub(in crate::api) async fn refuse(
    id: Result<Path<String>, PathRejection>,
    mut asked: Asked,
) -> Answer {
    let reason = asked.fields.text("reason", REASON_LENGTH);
    let (id, state, caller) = of(id, asked)?;
    let changes = state.known_changes()?;
    json(&changes.refuse(&id, caller.identity(), reason).await?)
}

/// `POST /rules/changes/{id}/withdraw`
pub(in crate::api) async fn withdraw(
    id: Result<Path<String>, PathRejection>,
    mut asked: Asked,
) -> Answer {
    let reason = asked.fields.text("reason", REASON_LENGTH);
    let (id, state, caller) = of(id, asked)?;
    let changes = state.known_changes()?;
    json(&changes.withdraw(&id, caller.identity(), reason).await?)
}

/// What every decision needs, once its fields were read.
fn of(
    id: Result<Path<String>, PathRejection>,
    asked: Asked,
) -> Result<(String, State, super::super::caller::Caller), Problem> {
    let Path(id) = id.map_err(|_| Problem::of(Code::NO_SUCH_CHANGE))?;
    asked.fields.finish()?;
    asked.state.require_storage()?;
    Ok((id, asked.state, asked.caller))
}

impl State {
    /// The same for whoever names one: without a file there is none.
    fn known_changes(&self) -> Result<&RuleChanges, Problem> {
        let known = self.rule_changes();
        known.map_err(|_| Problem::of(Code::NO_SUCH_CHANGE))
    }

    /// Changes of the configuration file.
    ///
    /// # Errors
    /// When no file drives this server.
    fn rule_changes(&self) -> Result<&RuleChanges, Problem> {
        let access = self.cx.access.as_ref();
        let changes = access.and_then(|access| access.rule_changes.as_ref());
        let none = "this server was not started from a configuration file";
        changes.ok_or_else(|| Problem::of(Code::NOT_NOW).detail(none))
    }
}
