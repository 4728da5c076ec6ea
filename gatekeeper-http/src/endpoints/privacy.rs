//! GET /v1/auth/me/export, GET /v1/admin/users/{id}/export, POST /v1/admin/users/{id}/erase

use gatekeeper_core::{AccountError, Error, UserExport, model::UserId};
use http::StatusCode;

use crate::{
    api::Call,
    problem::Problem,
    respond::{self, Reply},
};

/// How many events an answer holds at most.
const MOST_EVENTS: usize = 10_000;

pub(crate) async fn export_own(call: Call) -> Result<Reply, Problem> {
    let export = call
        .gatekeeper()
        .privacy()
        .export_own(&call.context, call.who()?)
        .await?;
    show(export).await
}

pub(crate) async fn export(call: Call) -> Result<Reply, Problem> {
    let user = user(&call)?;
    let export = call
        .gatekeeper()
        .privacy()
        .on_behalf_of(call.who()?)
        .export(&call.context, user)
        .await?;
    show(export).await
}

pub(crate) async fn erase(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    let user = user(&call)?;
    call.gatekeeper()
        .privacy()
        .on_behalf_of(call.who()?)
        .erase(&call.context, user)
        .await?;
    Ok(respond::no_content())
}

async fn show(export: UserExport<'_>) -> Result<Reply, Problem> {
    respond::json(StatusCode::OK, &export.into_document(MOST_EVENTS).await?)
}

/// What is no id names no account.
fn user(call: &Call) -> Result<UserId, Problem> {
    let user = call.capture().parse();
    user.map_err(|_| Error::from(AccountError::NotFound).into())
}
