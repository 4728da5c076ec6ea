//! What a sign-in needs to know of second factors.

use crate::{
    Error,
    flows::Unit,
    gatekeeper::Inner,
    model::{AuthMethod, OneTimeToken, SecretString, User},
    store::Transaction,
};

pub(super) enum MfaVerdict {
    Accepted(AuthMethod),
    Refused(&'static str),
}

pub(super) struct PreparedCode(SecretString);

/// The methods that may finish a sign-in which began with `first`.
pub(super) async fn offered(
    _inner: &Inner,
    tx: &mut dyn Transaction,
    user: &User,
    _first: &[AuthMethod],
) -> Result<Vec<String>, Error> {
    let factors = tx.mfa().list(user.tenant_id, user.id).await?;
    Ok(factors
        .into_iter()
        .filter(|factor| factor.confirmed_at.is_some())
        .map(|factor| factor.method)
        .collect())
}

pub(super) fn amr(_inner: &Inner, method: &str) -> Option<AuthMethod> {
    match method {
        "totp" | "backup_code" => Some(AuthMethod::OneTimeCode),
        "email" => Some(AuthMethod::Email),
        "sms" => Some(AuthMethod::Sms),
        _ => None,
    }
}

pub(super) async fn prepare(
    _inner: &Inner,
    _user: &User,
    _method: &str,
    code: &SecretString,
) -> Result<PreparedCode, Error> {
    Ok(PreparedCode(code.clone()))
}

pub(super) async fn verify_in(
    inner: &Inner,
    _unit: &mut Unit<'_>,
    _user: &User,
    method: &str,
    code: &PreparedCode,
    _pending: Option<&OneTimeToken>,
) -> Result<MfaVerdict, Error> {
    match amr(inner, method) {
        Some(amr) if code.0.expose() == "right" => Ok(MfaVerdict::Accepted(amr)),
        _ => Ok(MfaVerdict::Refused("wrong_code")),
    }
}
