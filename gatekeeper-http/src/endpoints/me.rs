//! GET, PATCH, DELETE /v1/auth/me

use gatekeeper_core::{ImpersonationStatus, Profile, ProfileChanges, model::Timestamp};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

use super::sessions::PersonBody;
use crate::{
    api::Call,
    problem::Problem,
    respond::{self, Reply},
};

/// `User` as clients see it.
#[derive(Serialize)]
pub(crate) struct UserBody<'a> {
    id: String,
    email: &'a str,
    email_verified: bool,
    name: Option<&'a str>,
    locale: Option<&'a str>,
    avatar_url: Option<&'a str>,
    roles: &'a [String],
    mfa_enabled: bool,
    is_active: bool,
    metadata: &'a Map<String, Value>,
    created_at: Timestamp,
    updated_at: Timestamp,
    last_sign_in_at: Option<Timestamp>,
}

impl<'a> UserBody<'a> {
    pub(crate) fn of(profile: &'a Profile) -> Self {
        let user = &profile.user;
        Self {
            id: user.id.to_string(),
            email: user.email.as_str(),
            email_verified: user.email_verified(),
            name: user.name.as_deref(),
            locale: user.locale.as_deref(),
            avatar_url: user.avatar_url.as_deref(),
            roles: &profile.authority.roles,
            mfa_enabled: profile.mfa_enabled,
            is_active: user.is_active(),
            metadata: &user.metadata,
            created_at: user.created_at,
            updated_at: user.updated_at,
            last_sign_in_at: user.last_sign_in_at,
        }
    }
}

/// Oneself, and whether somebody else is it that looks.
#[derive(Serialize)]
struct MeBody<'a> {
    #[serde(flatten)]
    user: UserBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    impersonation: Option<ImpersonationBody<'a>>,
}

/// What an application shows on every page while somebody acts as the user.
#[derive(Serialize)]
struct ImpersonationBody<'a> {
    by: PersonBody,
    reason: &'a str,
    expires_at: Timestamp,
}

impl<'a> ImpersonationBody<'a> {
    fn of(status: &'a ImpersonationStatus) -> Self {
        Self {
            by: PersonBody::from(&status.by),
            reason: &status.reason,
            expires_at: status.expires_at,
        }
    }
}

pub(crate) async fn show(call: Call) -> Result<Reply, Problem> {
    let profile = call
        .gatekeeper()
        .accounts()
        .profile(&call.context, call.who()?)
        .await?;
    let status = call
        .gatekeeper()
        .impersonation()
        .status(&call.context, call.who()?)
        .await?;
    let me = MeBody {
        user: UserBody::of(&profile),
        impersonation: status.as_ref().map(ImpersonationBody::of),
    };
    respond::json(StatusCode::OK, &me)
}

pub(crate) async fn update(call: Call) -> Result<Reply, Problem> {
    let changes = call.read(|fields| ProfileChanges {
        name: fields.changed_text("name"),
        locale: fields.changed_text("locale"),
        metadata: fields.optional_object("metadata"),
    })?;
    let profile = call
        .gatekeeper()
        .accounts()
        .update_profile(&call.context, call.who()?, changes)
        .await?;
    respond::json(StatusCode::OK, &UserBody::of(&profile))
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Problem> {
    let (password, erase) =
        call.read(|fields| (fields.secret("password"), fields.flag("erase")))?;
    let (who, gatekeeper) = (call.who()?, call.gatekeeper());
    if erase {
        let privacy = gatekeeper.privacy();
        privacy.erase_own(&call.context, who, &password).await?;
    } else {
        let accounts = gatekeeper.accounts();
        accounts.delete(&call.context, who, &password).await?;
    }
    Ok(respond::with_cookies(
        respond::no_content(),
        call.cookies().clear_all(),
    ))
}
