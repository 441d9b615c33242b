//! The commands of `approvals` that do one thing, for scripts and for people who know what they want.

use opspilot_core::clock::{Clock as _, SystemClock};
use opspilot_core::error::escape;
use serde_json::{Map, Value, json};

use super::draw::left;
use super::screen::Verdict;
use super::wire::{LineKind, Page, Request};
use crate::cli::ApprovalsCommand;
use crate::client::{Client, encode};
use crate::exit::Failure;
use crate::output;

/// Does what `command` says.
pub(super) async fn perform(
    client: &Client,
    command: &ApprovalsCommand,
    as_json: bool,
) -> Result<(), Failure> {
    match command {
        ApprovalsCommand::List { status } => list(client, status, as_json).await,
        ApprovalsCommand::Show { id } => {
            let request = find(client, id).await?;
            show(&request, as_json);
            Ok(())
        }
        ApprovalsCommand::Approve { id, reason } => {
            let request = find(client, id).await?;
            let answer = decide(client, &request.id, (Verdict::Approve, reason.as_deref())).await?;
            told(&answer, as_json);
            Ok(())
        }
        ApprovalsCommand::Deny { id, reason } => {
            let request = find(client, id).await?;
            let answer = decide(client, &request.id, (Verdict::Deny, reason.as_deref())).await?;
            told(&answer, as_json);
            Ok(())
        }
        ApprovalsCommand::Cancel { id, reason } => {
            let request = find(client, id).await?;
            let path = format!("/approvals/{}/cancel", encode(&request.id));
            told(
                &client.post(&path, &body(reason.as_deref())).await?,
                as_json,
            );
            Ok(())
        }
        ApprovalsCommand::Propose {
            action_type,
            arguments,
            reason,
            incident,
            preview,
        } => {
            let arguments: Map<String, Value> = arguments.iter().cloned().collect();
            let mut body = json!({ "actionType": action_type, "arguments": arguments });
            let given = [("reasoning", reason), ("incidentId", incident)];
            for (name, value) in given {
                if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
                    body.insert(name.to_owned(), json!(value));
                }
            }
            let path = if *preview {
                "/approvals/preview"
            } else {
                "/approvals"
            };
            let answer = client.post(path, &body).await?;
            show(&read(answer)?, as_json);
            Ok(())
        }
    }
}

/// Lists the proposals in one of the states `status`.
pub(super) async fn list(client: &Client, status: &str, as_json: bool) -> Result<(), Failure> {
    let requests = all(client, status).await?;
    if as_json {
        output::json(&json!({ "count": requests.len(), "requests": requests }));
        return Ok(());
    }
    if requests.is_empty() {
        output::remark("there is nothing");
    }
    let now = SystemClock.now();
    for request in &requests {
        let waits = if request.status.as_str() == "pending" {
            left(request, now)
        } else {
            request.status.as_str().to_owned()
        };
        output::line(format!(
            "{}  {waits:>9}  {}  {}  {}",
            request.id,
            escape(&request.action_type),
            escape(&request.target()),
            escape(&request.description)
        ));
    }
    Ok(())
}

/// Every proposal in one of the states `status`, newest first.
pub(super) async fn all(client: &Client, status: &str) -> anyhow::Result<Vec<Request>> {
    let mut requests = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/approvals?limit=200&status={}{cursor}", encode(status));
        let page: Page = read(client.get(&path).await?)?;
        requests.extend(page.requests);
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={}", encode(&next)),
            None => return Ok(requests),
        }
    }
}

/// Sends a decision.
pub(super) async fn decide(
    client: &Client,
    id: &str,
    (verdict, reason): (Verdict, Option<&str>),
) -> anyhow::Result<Value> {
    let path = format!("/approvals/{}/{}", encode(id), verdict.as_str());
    client.post(&path, &body(reason)).await
}

/// The proposal whose id is `id`, or the only one that waits and whose id begins or ends with it.
async fn find(client: &Client, id: &str) -> Result<Request, Failure> {
    let is_whole = id.len() == 36;
    if is_whole {
        let path = format!("/approvals/{}", encode(id));
        return Ok(read(client.get(&path).await?)?);
    }
    let mut found = all(client, "pending,approved").await?;
    found.retain(|request| request.id.starts_with(id) || request.id.ends_with(id));
    let count = found.len();
    match found.pop() {
        Some(request) if count == 1 => Ok(request),
        Some(_) => {
            let id = escape(id);
            Err(Failure::Usage(format!(
                "`{id}` stands for {count} proposals; write more of the id"
            )))
        }
        None => {
            let id = escape(id);
            Err(Failure::Usage(format!(
                "no proposal that waits has the id `{id}`; `approvals list` shows them"
            )))
        }
    }
}

fn body(reason: Option<&str>) -> Value {
    reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }))
}

fn read<T: serde::de::DeserializeOwned>(answer: Value) -> anyhow::Result<T> {
    serde_json::from_value(answer).map_err(|error| {
        anyhow::anyhow!("the server answers in a form that this program does not know: {error}")
    })
}

fn show(request: &Request, as_json: bool) {
    if as_json {
        output::json(request);
        return;
    }
    for line in request.details() {
        let text = escape(&line.text);
        match line.kind {
            LineKind::Title => output::line(&line.label),
            _ => output::line(format!("{:>12}  {text}", line.label)),
        }
    }
}

fn told(answer: &Value, as_json: bool) {
    if as_json {
        output::json(answer);
        return;
    }
    let message = answer.get("message").and_then(Value::as_str);
    let id = answer.get("requestId").and_then(Value::as_str);
    output::line(format!(
        "{}: {}",
        id.unwrap_or_default(),
        escape(message.unwrap_or("done"))
    ));
}
