//! /v1/api-keys, /v1/admin/users/{id}/api-keys, /v1/admin/service-accounts

use std::time::Duration;

use gatekeeper_core::{
    AccountError, Administration, ApiKeyError, CreatedApiKey, Error, NewApiKey, NewServiceAccount,
    model::{ApiKey, ApiKeyId, Timestamp, User, UserId},
};
use http::StatusCode;
use serde::Serialize;

use crate::{
    api::Call,
    problem::Problem,
    query::List,
    respond::{self, Reply},
};

/// A key as clients see it; never its secret.
#[derive(Serialize)]
struct ApiKeyBody {
    id: String,
    user_id: String,
    name: String,
    prefix: String,
    permissions: Vec<String>,
    networks: Vec<String>,
    created_by: Option<String>,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    replaced_by: Option<String>,
}

/// A key that was just made, with its text: the one time it is told.
#[derive(Serialize)]
struct CreatedBody<'a> {
    key: &'a str,
    #[serde(flatten)]
    rest: ApiKeyBody,
}

#[derive(Serialize)]
struct ServiceAccountBody {
    id: String,
    name: Option<String>,
    is_active: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<ApiKey> for ApiKeyBody {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            user_id: key.user_id.to_string(),
            name: key.name,
            prefix: key.prefix,
            permissions: key.permissions,
            networks: key.networks.iter().map(ToString::to_string).collect(),
            created_by: key.created_by.map(|user| user.to_string()),
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            replaced_by: key.replaced_by.map(|key| key.to_string()),
        }
    }
}

impl From<User> for ServiceAccountBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            is_active: user.is_active(),
            name: user.name,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

pub(crate) async fn list(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let list = List::new(
        call.gatekeeper(),
        format!("api-keys {} {}", who.tenant_id, who.user_id),
    );
    let page = call
        .gatekeeper()
        .api_keys()
        .list(&call.context, who, list.page(call.query.as_deref())?)
        .await?;
    respond::json(StatusCode::OK, &list.body(page, ApiKeyBody::from))
}

pub(crate) async fn create(call: Call) -> Result<Reply, Problem> {
    let input = new_key(&call)?;
    let made = call
        .gatekeeper()
        .api_keys()
        .create(&call.context, call.who()?, input)
        .await?;
    created(made)
}

pub(crate) async fn show(call: Call) -> Result<Reply, Problem> {
    let key = key_named(call.capture())?;
    let found = call
        .gatekeeper()
        .api_keys()
        .find(&call.context, call.who()?, key)
        .await?;
    respond::json(StatusCode::OK, &ApiKeyBody::from(found))
}

pub(crate) async fn revoke(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    let key = key_named(call.capture())?;
    call.gatekeeper()
        .api_keys()
        .revoke(&call.context, call.who()?, key)
        .await?;
    Ok(respond::no_content())
}

pub(crate) async fn rotate(call: Call) -> Result<Reply, Problem> {
    let grace = grace(&call)?;
    let key = key_named(call.capture())?;
    let made = call
        .gatekeeper()
        .api_keys()
        .rotate(&call.context, call.who()?, key, grace)
        .await?;
    created(made)
}

pub(crate) async fn list_of_user(call: Call) -> Result<Reply, Problem> {
    let user = user_named(&call)?;
    let who = call.who()?;
    let list = List::new(
        call.gatekeeper(),
        format!("user-api-keys {} {} {user}", who.tenant_id, who.user_id),
    );
    let page = list.page(call.query.as_deref())?;
    let page = administration(&call)?
        .list_api_keys(&call.context, user, page)
        .await?;
    respond::json(StatusCode::OK, &list.body(page, ApiKeyBody::from))
}

pub(crate) async fn create_for_user(call: Call) -> Result<Reply, Problem> {
    let input = new_key(&call)?;
    let user = user_named(&call)?;
    let made = administration(&call)?
        .create_api_key(&call.context, user, input)
        .await?;
    created(made)
}

pub(crate) async fn show_of_user(call: Call) -> Result<Reply, Problem> {
    let (user, key) = (user_named(&call)?, key_named(call.second_capture())?);
    let found = administration(&call)?
        .find_api_key(&call.context, user, key)
        .await?;
    respond::json(StatusCode::OK, &ApiKeyBody::from(found))
}

pub(crate) async fn revoke_of_user(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    let (user, key) = (user_named(&call)?, key_named(call.second_capture())?);
    administration(&call)?
        .revoke_api_key(&call.context, user, key)
        .await?;
    Ok(respond::no_content())
}

pub(crate) async fn rotate_of_user(call: Call) -> Result<Reply, Problem> {
    let grace = grace(&call)?;
    let (user, key) = (user_named(&call)?, key_named(call.second_capture())?);
    let made = administration(&call)?
        .rotate_api_key(&call.context, user, key, grace)
        .await?;
    created(made)
}

pub(crate) async fn list_service_accounts(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let list = List::new(
        call.gatekeeper(),
        format!("service-accounts {} {}", who.tenant_id, who.user_id),
    );
    let page = list.page(call.query.as_deref())?;
    let page = administration(&call)?
        .list_service_accounts(&call.context, page)
        .await?;
    respond::json(StatusCode::OK, &list.body(page, ServiceAccountBody::from))
}

pub(crate) async fn create_service_account(call: Call) -> Result<Reply, Problem> {
    let input = call.read(|fields| NewServiceAccount {
        name: fields.text("name"),
    })?;
    let made = administration(&call)?
        .create_service_account(&call.context, input)
        .await?;
    respond::json(StatusCode::CREATED, &ServiceAccountBody::from(made))
}

fn administration(call: &Call) -> Result<Administration<'_>, Problem> {
    Ok(call.gatekeeper().administration().on_behalf_of(call.who()?))
}

fn created(made: CreatedApiKey) -> Result<Reply, Problem> {
    let body = CreatedBody {
        key: made.text.expose(),
        rest: ApiKeyBody::from(made.key),
    };
    respond::json(StatusCode::CREATED, &body)
}

fn new_key(call: &Call) -> Result<NewApiKey, Problem> {
    call.read(|fields| NewApiKey {
        name: fields.text("name"),
        permissions: fields.required_texts("permissions"),
        networks: fields.texts("networks").unwrap_or_default(),
        expires_at: fields.optional_time("expires_at"),
    })
}

/// Without a word about it, the old key is dead at once.
fn grace(call: &Call) -> Result<Duration, Problem> {
    let seconds = call.read_optional(|fields| fields.optional_whole("grace_seconds"))?;
    Ok(Duration::from_secs(seconds.unwrap_or(0)))
}

/// What is no id names no account.
fn user_named(call: &Call) -> Result<UserId, Problem> {
    call.capture()
        .parse()
        .map_err(|_| Error::from(AccountError::NotFound).into())
}

/// What is no id names no key.
fn key_named(text: &str) -> Result<ApiKeyId, Problem> {
    text.parse()
        .map_err(|_| Error::from(ApiKeyError::NotFound).into())
}
