//! POST /v1/auth/login

use gatekeeper_core::{Error, Evidence, SignIn};
use http::StatusCode;

use crate::{
    api::Call,
    deliver::{self, Delivery},
    problem::Problem,
    respond::Reply,
};

pub(crate) async fn sign_in(call: Call) -> Result<Reply, Problem> {
    let (evidence, delivery) = call.read(|fields| {
        let evidence = Evidence::Password {
            identifier: fields.text("email"),
            password: fields.secret("password"),
        };
        (evidence, Delivery::read(fields))
    })?;
    let outcome = call
        .gatekeeper()
        .sessions()
        .sign_in(&call.context, evidence)
        .await?;
    match outcome {
        SignIn::SignedIn(signed_in) => deliver::signed_in(
            &call,
            StatusCode::OK,
            &signed_in,
            delivery.unwrap_or_default(),
        ),
        // An outcome that this version does not know signs nobody in.
        _ => Err(Error::internal("an unknown outcome of a sign-in").into()),
    }
}
