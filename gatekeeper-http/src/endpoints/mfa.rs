//! /v1/auth/mfa/..., /v1/auth/login/mfa/challenge, /v1/auth/login/mfa/enroll

use gatekeeper_core::{
    BackupCodes, FactorStatus, TotpSetup,
    model::{SecretString, Timestamp},
};
use http::StatusCode;
use serde::Serialize;

use super::ACCEPTED;
use crate::{
    api::Call,
    deliver::{self, Delivery},
    device,
    problem::Problem,
    respond::{self, Reply},
};

#[derive(Serialize)]
struct Status {
    totp: Factor,
    sms: Factor,
    email: Factor,
    backup_codes_left: usize,
}

#[derive(Serialize)]
struct Factor {
    enabled: bool,
    confirmed_at: Option<Timestamp>,
}

impl From<FactorStatus> for Factor {
    fn from(status: FactorStatus) -> Self {
        Self {
            enabled: status.confirmed_at.is_some(),
            confirmed_at: status.confirmed_at,
        }
    }
}

#[derive(Serialize)]
struct Setup<'a> {
    secret: &'a str,
    otpauth_uri: &'a str,
    qr_svg: &'a str,
}

#[derive(Serialize)]
struct Codes<'a> {
    backup_codes: Vec<&'a str>,
}

pub(crate) async fn show(call: Call) -> Result<Reply, Problem> {
    let mfa = call.gatekeeper().mfa();
    let status = mfa.status(&call.context, call.who()?).await?;
    let body = Status {
        totp: status.totp.into(),
        sms: status.sms.into(),
        email: status.email.into(),
        backup_codes_left: status.backup_codes_left,
    };
    respond::json(StatusCode::OK, &body)
}

pub(crate) async fn begin_totp(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    let mfa = call.gatekeeper().mfa();
    setup(&mfa.begin_totp(&call.context, call.who()?).await?)
}

pub(crate) async fn confirm_totp(call: Call) -> Result<Reply, Problem> {
    confirm(call, "totp").await
}

pub(crate) async fn disable_totp(call: Call) -> Result<Reply, Problem> {
    disable(call, "totp").await
}

pub(crate) async fn begin_sms(call: Call) -> Result<Reply, Problem> {
    let phone = call.read(|fields| fields.text("phone"))?;
    let mfa = call.gatekeeper().mfa();
    mfa.begin_sms(&call.context, call.who()?, &phone).await?;
    respond::json(StatusCode::ACCEPTED, &ACCEPTED)
}

pub(crate) async fn confirm_sms(call: Call) -> Result<Reply, Problem> {
    confirm(call, "sms").await
}

pub(crate) async fn disable_sms(call: Call) -> Result<Reply, Problem> {
    disable(call, "sms").await
}

pub(crate) async fn begin_email(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    let mfa = call.gatekeeper().mfa();
    mfa.begin_email(&call.context, call.who()?).await?;
    respond::json(StatusCode::ACCEPTED, &ACCEPTED)
}

pub(crate) async fn confirm_email(call: Call) -> Result<Reply, Problem> {
    confirm(call, "email").await
}

pub(crate) async fn disable_email(call: Call) -> Result<Reply, Problem> {
    disable(call, "email").await
}

pub(crate) async fn new_backup_codes(call: Call) -> Result<Reply, Problem> {
    let code = call.read(|fields| fields.secret("code"))?;
    let mfa = call.gatekeeper().mfa();
    let made = mfa
        .new_backup_codes(&call.context, call.who()?, &code)
        .await?;
    respond::json(StatusCode::OK, &codes(&made))
}

/// A code for a step-up, or for taking a factor away.
pub(crate) async fn send_code(call: Call) -> Result<Reply, Problem> {
    let method = call.read(|fields| fields.text("method"))?;
    let mfa = call.gatekeeper().mfa();
    mfa.send_code(&call.context, call.who()?, &method).await?;
    respond::json(StatusCode::ACCEPTED, &ACCEPTED)
}

pub(crate) async fn challenge(call: Call) -> Result<Reply, Problem> {
    let (token, method) =
        call.read(|fields| (fields.secret("mfa_token"), fields.text("method")))?;
    let mfa = call.gatekeeper().mfa();
    mfa.challenge(&call.context, &token, &method).await?;
    respond::json(StatusCode::ACCEPTED, &ACCEPTED)
}

pub(crate) async fn enroll(call: Call) -> Result<Reply, Problem> {
    let token = call.read(|fields| fields.secret("enrollment_token"))?;
    let mfa = call.gatekeeper().mfa();
    setup(&mfa.begin_enrollment(&call.context, &token).await?)
}

pub(crate) async fn finish_enrollment(mut call: Call) -> Result<Reply, Problem> {
    let (token, code, delivery, device) = call.read(|fields| {
        let token = fields.secret("enrollment_token");
        let code = fields.secret("code");
        let delivery = Delivery::read(fields);
        (
            token,
            code,
            delivery,
            fields.optional_secret("device_token"),
        )
    })?;
    device::recognise(&mut call, device);
    let mfa = call.gatekeeper().mfa();
    let (signed_in, made) = mfa.finish_enrollment(&call.context, &token, &code).await?;
    let delivery = delivery.unwrap_or_default();
    deliver::signed_in_with(&call, StatusCode::OK, &signed_in, delivery, codes(&made))
}

async fn confirm(call: Call, method: &str) -> Result<Reply, Problem> {
    let code = call.read(|fields| fields.secret("code"))?;
    let mfa = call.gatekeeper().mfa();
    let made = mfa
        .confirm(&call.context, call.who()?, method, &code)
        .await?;
    respond::json(StatusCode::OK, &codes(&made))
}

async fn disable(call: Call, method: &str) -> Result<Reply, Problem> {
    let code = call.read(|fields| fields.secret("code"))?;
    let mfa = call.gatekeeper().mfa();
    mfa.disable(&call.context, call.who()?, method, &code)
        .await?;
    Ok(respond::no_content())
}

fn setup(setup: &TotpSetup) -> Result<Reply, Problem> {
    let body = Setup {
        secret: setup.secret.expose(),
        otpauth_uri: setup.otpauth_uri.expose(),
        qr_svg: setup.qr_svg.expose(),
    };
    respond::json(StatusCode::OK, &body)
}

fn codes(made: &BackupCodes) -> Codes<'_> {
    Codes {
        backup_codes: made.0.iter().map(SecretString::expose).collect(),
    }
}
