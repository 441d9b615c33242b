//! `user`: adds, changes, removes and lists those who sign in by password.

use opspilot_core::config::{Role, Secret};
use opspilot_core::error::escape;
use opspilot_core::safety::credentials::{NewUser, Password, User, UserName};
use serde_json::{Value, json};

use super::credentials::{Store, Task, failure, operator, perform, table, text};
use super::secret;
use crate::cli::{ServerArguments, UserCommand};
use crate::client::{Client, encode};
use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

pub(crate) fn user(
    setup: &Setup,
    server: &ServerArguments,
    command: &UserCommand,
) -> Result<(), Failure> {
    let change = Change::of(command)?;
    let done = perform(setup, server, &change)?;
    if setup.json {
        output::json(&done);
        return Ok(());
    }
    let name = escape(text(&done, "name"));
    match command {
        UserCommand::Add { .. } => {
            let role = text(&done, "role");
            output::line(format!("added {name} ({role}), who signs in by password"));
        }
        UserCommand::Password { .. } => output::line(format!(
            "changed the password of {name}; their sessions are over"
        )),
        UserCommand::Role { .. } => {
            output::line(format!("{name} is {} now", text(&done, "role")));
        }
        UserCommand::Remove { .. } => {
            output::line(format!("removed {name}; their sessions are over"));
        }
        UserCommand::List => list(&done),
    }
    Ok(())
}

fn list(done: &Value) {
    let columns = ["name", "role", "createdAt", "createdBy", "passwordSetAt"];
    let users = done.get("users").and_then(Value::as_array);
    let users = users.into_iter().flatten();
    let rows: Vec<_> = users
        .map(|user| columns.map(|name| text(user, name)))
        .collect();
    table(["NAME", "ROLE", "ADDED", "BY", "PASSWORD SET"], &rows);
}

/// A command with the password that was asked for.
enum Change {
    Add(NewUser, Secret),
    Password(UserName, Password, Secret),
    Role(UserName, Role),
    Remove(UserName),
    List,
}

impl Change {
    fn of(command: &UserCommand) -> Result<Self, Failure> {
        let named = |name: &str| UserName::parse(name).map_err(failure);
        Ok(match command {
            UserCommand::Add { name, role } => {
                let name = named(name)?;
                let (password, text) = secret::new_password(name.as_str())?;
                let role = (*role).into();
                let new = NewUser {
                    name,
                    role,
                    password,
                };
                Self::Add(new, text)
            }
            UserCommand::Password { name } => {
                let name = named(name)?;
                let (password, text) = secret::new_password(name.as_str())?;
                Self::Password(name, password, text)
            }
            UserCommand::Role { name, role } => Self::Role(named(name)?, (*role).into()),
            UserCommand::Remove { name } => Self::Remove(named(name)?),
            UserCommand::List => Self::List,
        })
    }
}

impl Task for Change {
    async fn on_storage(&self, store: &Store) -> Result<Value, Failure> {
        let (credentials, by) = (&store.credentials, &operator());
        let user: User = match self {
            Self::Add(new, _) => credentials.add_user(by, new.clone()).await,
            Self::Password(name, password, _) => {
                let password = password.clone();
                credentials
                    .change_password(by, name.as_str(), password)
                    .await
            }
            Self::Role(name, role) => credentials.change_role(by, name.as_str(), *role).await,
            Self::Remove(name) => credentials.remove_user(by, name.as_str()).await,
            Self::List => return all(store).await,
        }
        .map_err(failure)?;
        Ok(json!(user))
    }

    async fn on_server(&self, client: &Client) -> anyhow::Result<Value> {
        let path = |name: &UserName| format!("/users/{}", encode(name.as_str()));
        match self {
            Self::Add(new, text) => {
                let body = json!({
                    "name": new.name.as_str(), "role": new.role, "password": text.expose(),
                });
                client.post("/users", &body).await
            }
            Self::Password(name, _, text) => {
                let body = json!({ "password": text.expose() });
                client.put(&format!("{}/password", path(name)), &body).await
            }
            Self::Role(name, role) => {
                let body = json!({ "role": role });
                client.put(&format!("{}/role", path(name)), &body).await
            }
            Self::Remove(name) => client.delete(&path(name)).await,
            Self::List => {
                let users = client.list("/users", "users").await?;
                Ok(json!({ "count": users.len(), "users": users }))
            }
        }
    }
}

async fn all(store: &Store) -> Result<Value, Failure> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let (users, next) = store.credentials.users(after, 500).await.map_err(failure)?;
        all.extend(users);
        match next {
            Some(cursor) => after = Some(cursor),
            None => return Ok(json!({ "count": all.len(), "users": all })),
        }
    }
}
