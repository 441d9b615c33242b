//! `key`: makes, revokes and lists API keys.

use opspilot_core::safety::credentials::{KEY_LIFE, NewKey};
use serde_json::{Value, json};

use super::credentials::{Store, Task, failure, operator, perform, table, text};
use crate::cli::{KeyCommand, ServerArguments};
use crate::client::{Client, encode};
use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

pub(crate) fn key(
    setup: &Setup,
    server: &ServerArguments,
    command: &KeyCommand,
) -> Result<(), Failure> {
    let done = perform(setup, server, command)?;
    if setup.json {
        output::json(&done);
        return Ok(());
    }
    match command {
        KeyCommand::Create { .. } => {
            output::line(text(&done, "apiKey"));
            let key = done.get("key").unwrap_or(&Value::Null);
            output::remark(format!(
                "key {} for {} ({}) is valid until {}; it is not shown again",
                text(key, "id"),
                opspilot_core::error::escape(text(key, "label")),
                text(key, "role"),
                text(key, "expiresAt"),
            ));
        }
        KeyCommand::Revoke { id } => output::line(format!("revoked key {id}")),
        KeyCommand::List => list(&done),
    }
    Ok(())
}

fn list(done: &Value) {
    let columns = [
        "id",
        "label",
        "role",
        "kind",
        "expiresAt",
        "lastUsedAt",
        "revokedAt",
    ];
    let keys = done.get("keys").and_then(Value::as_array);
    let rows: Vec<_> = keys
        .into_iter()
        .flatten()
        .map(|key| columns.map(|name| text(key, name)))
        .collect();
    table(
        [
            "ID",
            "LABEL",
            "ROLE",
            "KIND",
            "EXPIRES",
            "LAST USED",
            "REVOKED",
        ],
        &rows,
    );
}

impl Task for KeyCommand {
    async fn on_storage(&self, store: &Store) -> Result<Value, Failure> {
        let credentials = &store.credentials;
        match self {
            Self::Create {
                label,
                role,
                kind,
                expires,
            } => {
                let new = NewKey {
                    label: label.clone(),
                    role: (*role).into(),
                    kind: (*kind).into(),
                    life: expires.unwrap_or(KEY_LIFE),
                };
                let made = credentials.create_key(&operator(), new).await;
                let (key, text) = made.map_err(failure)?;
                Ok(json!({ "apiKey": text.expose(), "key": key }))
            }
            Self::Revoke { id } => {
                let revoked = credentials.revoke_key(&operator(), id).await;
                Ok(json!(revoked.map_err(failure)?))
            }
            Self::List => {
                let (mut all, mut after) = (Vec::new(), None);
                loop {
                    let (keys, next) = credentials.keys(after, 500).await.map_err(failure)?;
                    all.extend(keys);
                    match next {
                        Some(cursor) => after = Some(cursor),
                        None => return Ok(json!({ "count": all.len(), "keys": all })),
                    }
                }
            }
        }
    }

    async fn on_server(&self, client: &Client) -> anyhow::Result<Value> {
        match self {
            Self::Create {
                label,
                role,
                kind,
                expires,
            } => {
                let expires = expires.unwrap_or(KEY_LIFE).as_secs();
                let body = json!({
                    "label": label,
                    "role": opspilot_core::config::Role::from(*role),
                    "kind": opspilot_core::config::Kind::from(*kind),
                    "expiresIn": format!("{expires}s"),
                });
                client.post("/keys", &body).await
            }
            Self::Revoke { id } => client.delete(&format!("/keys/{}", encode(id))).await,
            Self::List => {
                let keys = client.list("/keys", "keys").await?;
                Ok(json!({ "count": keys.len(), "keys": keys }))
            }
        }
    }
}
