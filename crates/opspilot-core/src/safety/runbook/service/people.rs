//! What people do with runs. All of it is audited in their name.

use super::super::machine::{NotNow, Told};
use super::super::record::{Run, RunState};
use super::{RunbookError, RunbookRuns, Step};
use crate::clock::Timestamp;
use crate::incident::IncidentId;
use crate::safety::audit::Record as AuditRecord;
use crate::safety::identity::{Identity, Kind, Role};

/// What was done, and to which step.
struct Deed(&'static str, Option<usize>);

impl RunbookRuns {
    /// Starts a runbook for an incident on behalf of `actor`.
    ///
    /// # Errors
    /// When there is no such runbook or incident, the actor may not, too many runs go on, or it cannot be stored.
    pub async fn start(
        &self,
        runbook: &str,
        incident: &IncidentId,
        actor: &Identity,
    ) -> Result<Run, RunbookError> {
        let outcome = match allow(actor) {
            Ok(()) => self.start_as(runbook, incident, actor.subject()).await,
            Err(error) => Err(error),
        };
        self.told(outcome, ("runbook.started", runbook), actor)
            .await
    }

    /// Lets a run wait until somebody resumes it.
    ///
    /// # Errors
    /// When there is no such run, it is over, the actor may not, or it cannot be stored.
    pub async fn pause(
        &self,
        id: &str,
        actor: &Identity,
        reason: Option<String>,
    ) -> Result<Run, RunbookError> {
        let subject = actor.subject().to_owned();
        self.by_person(
            id,
            Deed("runbook.paused", None),
            (actor, reason),
            move |run, _, now| {
                if !run.state.holds_slot() {
                    return Err(NotNow(format!("run `{}` is {}", run.id, run.state)));
                }
                run.pause(format!("paused by {subject}"), now);
                Ok(Vec::new())
            },
        )
        .await
    }

    /// Lets a paused run go on. A step whose outcome is unknown begins again, with an approval of its own.
    ///
    /// # Errors
    /// When there is no such run, it is not paused, the actor may not, or it cannot be stored.
    pub async fn resume(
        &self,
        id: &str,
        actor: &Identity,
        reason: Option<String>,
    ) -> Result<Run, RunbookError> {
        self.by_person(
            id,
            Deed("runbook.resumed", None),
            (actor, reason),
            |run, _, now| run.resume(now).map(|()| Vec::new()),
        )
        .await
    }

    /// Ends a run.
    ///
    /// # Errors
    /// When there is no such run, it is over, the actor may not, or it cannot be stored.
    pub async fn abort(
        &self,
        id: &str,
        actor: &Identity,
        reason: Option<String>,
    ) -> Result<Run, RunbookError> {
        let subject = actor.subject().to_owned();
        self.by_person(
            id,
            Deed("runbook.aborted", None),
            (actor, reason),
            move |run, _, now| {
                if run.state.is_final() {
                    return Err(NotNow(format!("run `{}` is {}", run.id, run.state)));
                }
                Ok(run.end(RunState::Cancelled, format!("aborted by {subject}"), now))
            },
        )
        .await
    }

    /// Leaves the step at hand out, counted from 0. Only people leave out an approval.
    ///
    /// # Errors
    /// When there is no such run, the step is not at hand or under way, the actor may not, or it cannot be stored.
    pub async fn skip(
        &self,
        id: &str,
        step: usize,
        actor: &Identity,
        reason: Option<String>,
    ) -> Result<Run, RunbookError> {
        let subject = actor.subject().to_owned();
        let deed = Deed("runbook.stepSkipped", Some(step));
        self.by_person(id, deed, (actor, reason), move |run, reason, now| {
            run.skip_step(step, (&subject, reason), now)
        })
        .await
    }

    /// Says that the step at hand is done, or approves going on. Only people approve.
    ///
    /// # Errors
    /// When there is no such run, the step is not at hand or not for a person, the actor may not, or it cannot be stored.
    pub async fn complete_step(
        &self,
        id: &str,
        step: usize,
        actor: &Identity,
        note: Option<String>,
    ) -> Result<Run, RunbookError> {
        let subject = actor.subject().to_owned();
        let deed = Deed("runbook.stepCompleted", Some(step));
        self.by_person(id, deed, (actor, note), move |run, note, now| {
            run.complete_step(step, (&subject, note), now)
        })
        .await
    }

    /// Keeps programs from ending an approval. The kind of a step never changes.
    async fn check_kind(
        &self,
        id: &str,
        step: usize,
        actor: &Identity,
    ) -> Result<(), RunbookError> {
        let run = self.get(id).await?;
        let mut found = run.steps.get(step).into_iter();
        let is_approval = found.any(|found| found.step.asks_a_person());
        if is_approval && actor.kind() != Kind::Human {
            return Err(RunbookError::Forbidden("only people approve"));
        }
        Ok(())
    }

    async fn by_person(
        &self,
        id: &str,
        deed: Deed,
        (actor, reason): (&Identity, Option<String>),
        change: impl FnOnce(&mut Run, Option<&str>, Timestamp) -> Result<Vec<Told>, NotNow>
        + Send
        + 'static,
    ) -> Result<Run, RunbookError> {
        let attempted = deed.0;
        let outcome = self.try_by_person(id, deed, (actor, reason), change).await;
        self.told(outcome, (attempted, id), actor).await
    }

    /// Audits in the actor's name that something was refused, and hands the outcome on.
    async fn told(
        &self,
        outcome: Result<Run, RunbookError>,
        (attempted, target): (&str, &str),
        actor: &Identity,
    ) -> Result<Run, RunbookError> {
        if let Err(error) = &outcome
            && error.is_refusal()
        {
            let record = AuditRecord::new("runbook.refused", actor.subject())
                .target(target)
                .detail("attempted", attempted)
                .detail("reason", error.to_string());
            self.0.audit.append(record).await?;
        }
        outcome
    }

    async fn try_by_person(
        &self,
        id: &str,
        deed: Deed,
        (actor, reason): (&Identity, Option<String>),
        change: impl FnOnce(&mut Run, Option<&str>, Timestamp) -> Result<Vec<Told>, NotNow>
        + Send
        + 'static,
    ) -> Result<Run, RunbookError> {
        allow(actor)?;
        let Deed(action, step) = deed;
        if let Some(step) = step {
            self.check_kind(id, step, actor).await?;
        }
        let mut record = AuditRecord::new(action, actor.subject()).target(id);
        if let Some(step) = step {
            record = record.detail("step", step);
        }
        if let Some(reason) = &reason {
            record = record.detail("reason", reason.as_str());
        }
        let change: Step = Box::new(move |run, now| change(run, reason.as_deref(), now));
        self.apply(id, actor.subject(), Some(record), change).await
    }
}

/// Runs are for operators; what they change still needs an approval.
fn allow(actor: &Identity) -> Result<(), RunbookError> {
    if actor.role() < Role::Operator {
        return Err(RunbookError::Forbidden("only operators take part in runs"));
    }
    Ok(())
}
