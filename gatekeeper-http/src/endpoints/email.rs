//! POST /v1/auth/email/...

use http::StatusCode;

use super::{ACCEPTED, Status};
use crate::{
    api::Call,
    body::Fields,
    problem::Problem,
    respond::{self, Reply},
};

pub(crate) async fn verify(call: Call) -> Result<Reply, Problem> {
    let token = call.read(Fields::token)?;
    call.gatekeeper()
        .accounts()
        .verify_email(&call.context, &token)
        .await?;
    respond::json(StatusCode::OK, &Status { status: "verified" })
}

pub(crate) async fn request_verification(call: Call) -> Result<Reply, Problem> {
    let email = call.read(|fields| fields.text("email"))?;
    call.gatekeeper()
        .accounts()
        .request_verification(&call.context, &email)
        .await?;
    respond::json(StatusCode::ACCEPTED, &ACCEPTED)
}

pub(crate) async fn request_change(call: Call) -> Result<Reply, Problem> {
    let (new_email, password) =
        call.read(|fields| (fields.text("new_email"), fields.secret("password")))?;
    call.gatekeeper()
        .accounts()
        .request_email_change(&call.context, call.who()?, &new_email, &password)
        .await?;
    respond::json(StatusCode::ACCEPTED, &ACCEPTED)
}
