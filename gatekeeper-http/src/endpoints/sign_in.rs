//! POST /v1/auth/login, /v1/auth/login/mfa, /v1/auth/mfa/step-up

use gatekeeper_core::{Evidence, FinishMfa};
use http::StatusCode;

use crate::{
    api::Call,
    deliver::{self, Delivery},
    device,
    problem::Problem,
    respond::Reply,
};

pub(crate) async fn sign_in(mut call: Call) -> Result<Reply, Problem> {
    let (evidence, delivery, device) = call.read(|fields| {
        let evidence = Evidence::Password {
            identifier: fields.text("email"),
            password: fields.secret("password"),
        };
        let delivery = Delivery::read(fields);
        (evidence, delivery, fields.optional_secret("device_token"))
    })?;
    device::recognise(&mut call, device);
    let outcome = call
        .gatekeeper()
        .sessions()
        .sign_in(&call.context, evidence)
        .await?;
    deliver::sign_in(
        &call,
        StatusCode::OK,
        &outcome,
        delivery.unwrap_or_default(),
    )
}

pub(crate) async fn finish_mfa(mut call: Call) -> Result<Reply, Problem> {
    let (input, delivery, device) = call.read(|fields| {
        let input = FinishMfa {
            token: fields.secret("mfa_token"),
            method: fields.text("method"),
            code: fields.secret("code"),
            trust_device: fields.flag("trust_device"),
        };
        let delivery = Delivery::read(fields);
        (input, delivery, fields.optional_secret("device_token"))
    })?;
    device::recognise(&mut call, device);
    let signed_in = call
        .gatekeeper()
        .sessions()
        .finish_mfa(&call.context, input)
        .await?;
    deliver::signed_in(
        &call,
        StatusCode::OK,
        &signed_in,
        delivery.unwrap_or_default(),
    )
}

/// The new tokens go where the old ones were: who was signed in by a cookie has them in cookies, unless it asks otherwise.
pub(crate) async fn step_up(call: Call) -> Result<Reply, Problem> {
    let (method, code, delivery) = call.read(|fields| {
        let method = fields.text("method");
        let code = fields.secret("code");
        (method, code, Delivery::read(fields))
    })?;
    let delivery = match delivery {
        Some(delivery) => delivery,
        None => match call.cookies().access.read(&call.head())? {
            Some(_) => Delivery::Cookie,
            None => Delivery::Split,
        },
    };
    let signed_in = call
        .gatekeeper()
        .sessions()
        .step_up(&call.context, call.who()?, &method, &code)
        .await?;
    deliver::signed_in(&call, StatusCode::OK, &signed_in, delivery)
}
