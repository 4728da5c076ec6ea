//! POST /v1/auth/password/...

use http::StatusCode;

use super::ACCEPTED;
use crate::{
    api::Call,
    problem::Problem,
    respond::{self, Reply},
};

pub(crate) async fn request_reset(call: Call) -> Result<Reply, Problem> {
    let email = call.read(|fields| fields.text("email"))?;
    call.gatekeeper()
        .passwords()
        .request_reset(&call.context, &email)
        .await?;
    respond::json(StatusCode::ACCEPTED, &ACCEPTED)
}

pub(crate) async fn reset(call: Call) -> Result<Reply, Problem> {
    let (token, new_password) =
        call.read(|fields| (fields.token(), fields.secret("new_password")))?;
    call.gatekeeper()
        .passwords()
        .reset(&call.context, &token, &new_password)
        .await?;
    Ok(respond::no_content())
}

pub(crate) async fn change(call: Call) -> Result<Reply, Problem> {
    let (current, new) = call.read(|fields| {
        (
            fields.secret("current_password"),
            fields.secret("new_password"),
        )
    })?;
    call.gatekeeper()
        .passwords()
        .change(&call.context, call.who()?, &current, &new)
        .await?;
    Ok(respond::no_content())
}
