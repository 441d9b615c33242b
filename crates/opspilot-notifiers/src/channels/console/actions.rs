//! What becomes of actions, in a line each.

use opspilot_core::event::{
    ActionApproved, ActionDenied, ActionExecuted, ActionProposed, ActionResult, ActionWithdrawn,
    Envelope,
};

use super::read;

/// The line for an event about an action; `None` for any other event.
pub(super) fn describe(event: &Envelope) -> Option<String> {
    proposed(event)
        .or_else(|| approved(event))
        .or_else(|| denied(event))
        .or_else(|| withdrawn(event))
        .or_else(|| executed(event))
}

fn proposed(event: &Envelope) -> Option<String> {
    let ActionProposed {
        request_id,
        action_type,
        description,
        requested_by,
        ..
    } = &*read::<ActionProposed>(event)?;
    Some(format!(
        "{action_type}: {description}; `opspilot-server approvals` decides [{requested_by} {request_id}]"
    ))
}

fn approved(event: &Envelope) -> Option<String> {
    let ActionApproved {
        request_id,
        approved_by,
        expires_at,
        ..
    } = &*read::<ActionApproved>(event)?;
    Some(format!(
        "by {approved_by}, valid until {expires_at} [{request_id}]"
    ))
}

fn denied(event: &Envelope) -> Option<String> {
    let ActionDenied {
        request_id,
        denied_by,
        reason,
        ..
    } = &*read::<ActionDenied>(event)?;
    Some(format!(
        "by {denied_by}{} [{request_id}]",
        because(reason.as_deref())
    ))
}

fn withdrawn(event: &Envelope) -> Option<String> {
    let ActionWithdrawn {
        request_id,
        status,
        ended_by,
        reason,
        ..
    } = &*read::<ActionWithdrawn>(event)?;
    let reason = because(reason.as_deref());
    Some(format!("{status} by {ended_by}{reason} [{request_id}]"))
}

fn executed(event: &Envelope) -> Option<String> {
    let ActionExecuted {
        request_id,
        action_type,
        result,
        output,
        executed_by,
        ..
    } = &*read::<ActionExecuted>(event)?;
    let result = match result {
        ActionResult::Success => "succeeded",
        ActionResult::Failure => "FAILED",
        ActionResult::Unknown => "ended in a way that nobody knows: LOOK AT THE TARGET",
    };
    let output = because(output.as_deref());
    Some(format!(
        "{action_type} {result}{output} [{executed_by} {request_id}]"
    ))
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}
