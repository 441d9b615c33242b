//! `token`: issues, revokes and lists tokens (JWT).

use opspilot_core::error::escape;
use opspilot_http::{Asked, Issuer, IssuerError};
use serde_json::{Value, json};

use super::credentials::{Store, Task, failure, operator, perform, table, text};
use crate::cli::{ServerArguments, TokenCommand};
use crate::client::{Client, encode};
use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

pub(crate) fn token(
    setup: &Setup,
    server: &ServerArguments,
    command: &TokenCommand,
) -> Result<(), Failure> {
    let done = perform(setup, server, command)?;
    if setup.json {
        output::json(&done);
        return Ok(());
    }
    match command {
        TokenCommand::Issue { .. } => {
            output::line(text(&done, "jwt"));
            let token = done.get("token").unwrap_or(&Value::Null);
            output::remark(format!(
                "token {} for {} ({}) is valid until {}; it is not shown again",
                text(token, "jti"),
                escape(text(token, "subject")),
                text(token, "role"),
                text(token, "expiresAt"),
            ));
        }
        TokenCommand::Revoke { jti: Some(jti), .. } => output::line(format!("revoked token {jti}")),
        TokenCommand::Revoke { .. } => output::line(format!(
            "revoked all tokens of {} that were issued before {}",
            escape(text(&done, "subject")),
            text(&done, "notBefore"),
        )),
        TokenCommand::List => list(&done),
    }
    Ok(())
}

fn list(done: &Value) {
    let columns = [
        "jti",
        "subject",
        "role",
        "kind",
        "issuedAt",
        "expiresAt",
        "revokedAt",
    ];
    let tokens = done.get("tokens").and_then(Value::as_array);
    let tokens = tokens.into_iter().flatten();
    let rows: Vec<_> = tokens
        .map(|token| columns.map(|name| text(token, name)))
        .collect();
    table(
        [
            "ID", "SUBJECT", "ROLE", "KIND", "ISSUED", "EXPIRES", "REVOKED",
        ],
        &rows,
    );
}

impl Task for TokenCommand {
    async fn on_storage(&self, store: &Store) -> Result<Value, Failure> {
        let credentials = &store.credentials;
        match self {
            Self::Issue {
                subject,
                role,
                kind,
                expires,
            } => {
                let asked = Asked {
                    subject: subject.clone(),
                    role: (*role).into(),
                    kind: (*kind).into(),
                    life: *expires,
                };
                let issuer = Issuer::of(&store.config.auth).map_err(unissued)?;
                let (text, new) = issuer.issue(&asked, store.clock.now()).map_err(unissued)?;
                let token = credentials
                    .add_token(&operator(), new)
                    .await
                    .map_err(failure)?;
                Ok(json!({ "jwt": text.expose(), "token": token }))
            }
            Self::Revoke { jti: Some(jti), .. } => {
                let revoked = credentials.revoke_token(&operator(), jti).await;
                Ok(json!(revoked.map_err(failure)?))
            }
            Self::Revoke { subject, .. } => {
                let subject = subject.as_deref().unwrap_or_default();
                let rule = credentials.revoke_subject(&operator(), subject).await;
                Ok(json!(rule.map_err(failure)?))
            }
            Self::List => {
                let (mut all, mut after) = (Vec::new(), None);
                loop {
                    let (tokens, next) = credentials.tokens(after, 500).await.map_err(failure)?;
                    all.extend(tokens);
                    match next {
                        Some(cursor) => after = Some(cursor),
                        None => return Ok(json!({ "count": all.len(), "tokens": all })),
                    }
                }
            }
        }
    }

    async fn on_server(&self, client: &Client) -> anyhow::Result<Value> {
        match self {
            Self::Issue {
                subject,
                role,
                kind,
                expires,
            } => {
                let mut body = json!({
                    "subject": subject,
                    "role": opspilot_core::config::Role::from(*role),
                    "kind": opspilot_core::config::Kind::from(*kind),
                });
                if let (Some(expires), Some(body)) = (expires, body.as_object_mut()) {
                    let life = format!("{}s", expires.as_secs());
                    body.insert("expiresIn".to_owned(), life.into());
                }
                client.post("/tokens", &body).await
            }
            Self::Revoke { jti: Some(jti), .. } => {
                client.delete(&format!("/tokens/{}", encode(jti))).await
            }
            Self::Revoke { subject, .. } => {
                client
                    .post("/tokens/revoke", &json!({ "subject": subject }))
                    .await
            }
            Self::List => {
                let tokens = client.list("/tokens", "tokens").await?;
                Ok(json!({ "count": tokens.len(), "tokens": tokens }))
            }
        }
    }
}

fn unissued(error: IssuerError) -> Failure {
    match error {
        IssuerError::NoSecret | IssuerError::TooLong(_) => Failure::Usage(error.to_string()),
        other => anyhow::Error::from(other).into(),
    }
}
