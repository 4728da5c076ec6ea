//! POST /v1/auth/register

use gatekeeper_core::{Register, Registered};
use http::StatusCode;

use super::Status;
use crate::{
    api::Call,
    deliver::{self, Delivery},
    problem::Problem,
    respond::{self, Reply},
};

pub(crate) async fn register(call: Call) -> Result<Reply, Problem> {
    let (input, delivery) = call.read(|fields| {
        let input = Register {
            email: fields.text("email"),
            password: fields.secret("password"),
            name: fields.optional_text("name"),
            locale: fields.optional_text("locale"),
        };
        (input, Delivery::read(fields))
    })?;
    let registered = call
        .gatekeeper()
        .accounts()
        .register(&call.context, input)
        .await?;
    match registered {
        Registered::VerificationRequired => respond::json(
            StatusCode::ACCEPTED,
            &Status {
                status: "verification_required",
            },
        ),
        Registered::SignedIn(signed_in) => deliver::signed_in(
            &call,
            StatusCode::CREATED,
            &signed_in,
            delivery.unwrap_or_default(),
        ),
        Registered::MfaNeeded(pending) => deliver::sign_in(
            &call,
            StatusCode::CREATED,
            &pending,
            delivery.unwrap_or_default(),
        ),
    }
}
