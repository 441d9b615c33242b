//! People who sign in by password: listing, adding, changing and removing them.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use opspilot_core::config::Secret;
use opspilot_core::safety::credentials::{
    CredentialError, NewUser, PASSWORD_BYTES, PASSWORD_SHORTEST, Password, USER_NAME_LENGTH, User,
    UserName,
};
use opspilot_core::safety::identity::Role;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::answer::{Answer, json, json_with};
use super::body::{self, Fields};
use super::caller::Caller;
use super::params::Params;
use super::problem::{Code, Problem};
use super::routes::{Form, Input, Reply, Shape};
use super::state::State;

const ROLES: &str = "`viewer`, `operator` or `admin`";

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "UserList")]
struct ListBody {
    count: usize,
    users: Vec<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

const PASSWORD: Input = Input::new(
    "password",
    Form::Of(new_password),
    "What they sign in with: at most 1,024 bytes, with four different characters or more.",
)
.required();

fn new_password(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string", "minLength": PASSWORD_SHORTEST, "maxLength": PASSWORD_BYTES,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
    })
}

fn new_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string", "maxLength": USER_NAME_LENGTH, "pattern": "^[A-Za-z0-9][A-Za-z0-9._@+-]*$",
    })
}

pub(super) const LIST: Shape = Shape::json::<ListBody>().paged();
pub(super) const CREATE: Shape = Shape::of(Reply::json::<User>(201))
    .fields(&[
        Input::new(
            "name",
            Form::Of(new_name),
            "Who it is. Upper case is taken for lower case; the server's own names are nobody's.",
        )
        .required(),
        Input::of::<Role>("role", "What they may.").required(),
        PASSWORD,
    ])
    .problems(&[Code::USER_EXISTS, Code::BUSY]);
pub(super) const SET_PASSWORD: Shape = Shape::json::<User>()
    .fields(&[PASSWORD])
    .problems(&[Code::NO_SUCH_USER, Code::BUSY]);
pub(super) const SET_ROLE: Shape = Shape::json::<User>()
    .fields(&[Input::of::<Role>("role", "What they may.").required()])
    .problems(&[Code::NO_SUCH_USER]);
pub(super) const REMOVE: Shape = Shape::json::<User>().problems(&[Code::NO_SUCH_USER]);

/// `GET /users`
pub(super) async fn list(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let (limit, cursor) = (params.limit(), params.cursor());
    params.finish()?;
    let (users, next) = state.credentials()?.users(cursor, limit).await?;
    json(&ListBody {
        count: users.len(),
        users,
        next_cursor: next.map(|cursor| cursor.to_string()),
    })
}

/// `POST /users`
pub(super) async fn create(
    Extract(state): Extract<State>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let mut fields = Fields::parse(&headers, &body::read(body, state.limits()).await?)?;
    let name = name(&mut fields);
    let role = fields.required_choice("role", ROLES);
    let password = password(&mut fields);
    fields.finish()?;
    let (Some(name), Some(role), Some(password)) = (name, role, password) else {
        return Err(Problem::internal("a field that is required is absent"));
    };
    state.require_storage()?;
    let new = NewUser {
        name,
        role,
        password,
    };
    let user = state
        .credentials()?
        .add_user(caller.identity(), new)
        .await?;
    json_with(StatusCode::CREATED, &user)
}

/// `PUT /users/{name}/password`
pub(super) async fn set_password(
    Extract(state): Extract<State>,
    caller: Caller,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let name = known(name)?;
    let mut fields = Fields::parse(&headers, &body::read(body, state.limits()).await?)?;
    let password = password(&mut fields);
    fields.finish()?;
    let password =
        password.ok_or_else(|| Problem::internal("a field that is required is absent"))?;
    state.require_storage()?;
    let credentials = state.credentials()?;
    json(
        &credentials
            .change_password(caller.identity(), &name, password)
            .await?,
    )
}

/// `PUT /users/{name}/role`
pub(super) async fn set_role(
    Extract(state): Extract<State>,
    caller: Caller,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let name = known(name)?;
    let mut fields = Fields::parse(&headers, &body::read(body, state.limits()).await?)?;
    let role = fields.required_choice("role", ROLES);
    fields.finish()?;
    let role = role.ok_or_else(|| Problem::internal("a field that is required is absent"))?;
    state.require_storage()?;
    let credentials = state.credentials()?;
    json(
        &credentials
            .change_role(caller.identity(), &name, role)
            .await?,
    )
}

/// `DELETE /users/{name}`
pub(super) async fn remove(
    Extract(state): Extract<State>,
    caller: Caller,
    name: Result<Path<String>, PathRejection>,
) -> Answer {
    let name = known(name)?;
    state.require_storage()?;
    let credentials = state.credentials()?;
    json(&credentials.remove_user(caller.identity(), &name).await?)
}

fn known(name: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let Path(name) = name.map_err(|_| Problem::of(Code::NO_SUCH_USER))?;
    Ok(name)
}

fn name(fields: &mut Fields) -> Option<UserName> {
    let text = fields.required_text("name", USER_NAME_LENGTH)?;
    match UserName::parse(&text) {
        Ok(name) => Some(name),
        Err(error @ CredentialError::Reserved(_)) => {
            fields.refuse("name", error.to_string());
            None
        }
        Err(_) => {
            let help = "write letters, digits and `.`, `_`, `-`, `@`, `+`, beginning with a letter or digit";
            fields.refuse("name", help);
            None
        }
    }
}

fn password(fields: &mut Fields) -> Option<Password> {
    let text = fields.required_text("password", PASSWORD_BYTES)?;
    match Password::parse(Secret::new(text)) {
        Ok(password) => Some(password),
        Err(error) => {
            fields.refuse("password", error.to_string());
            None
        }
    }
}
