use base64::Engine;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{AccessTokenSettings, Keyring, MAX_TOKEN, claims::MAX_TIME};
use crate::{
    crypto::BASE64URL,
    model::{
        OrganizationAuthority, OrganizationId, SecretString, SessionId, TenantId, Timestamp,
        TokenId, UserId,
    },
};

/// What an access token is to say. The rest (`iss`, `aud`, `client_id`, `nbf`, `exp`) follows from the settings.
#[derive(Clone, Debug)]
pub struct AccessClaims {
    /// The user: `uid` and `sub`.
    pub user_id: UserId,
    /// The user's tenant: `tid`.
    pub tenant_id: TenantId,
    /// The session: `sid`.
    pub session_id: SessionId,
    /// The token: `jti`.
    pub token_id: TokenId,
    /// The user's address: `email`.
    pub email: String,
    /// Role names: `roles`.
    pub roles: Vec<String>,
    /// Permissions: `permissions`.
    pub permissions: Vec<String>,
    /// The active organisation, and what its membership gives: `org`.
    pub organization: Option<OrganizationAuthority>,
    /// Whether the token only says that roles and permissions have to be looked up: `authority_omitted`. Those given here are then
    /// left out.
    pub authority_omitted: bool,
    /// Whether a second factor was shown: `mfa_verified`.
    pub mfa_verified: bool,
    /// When the user last proved who they are: `auth_time`, cut to the second.
    pub authenticated_at: Timestamp,
    /// By what: `amr`.
    pub methods: Vec<String>,
    /// Now: `iat` and `nbf`, cut to the second.
    pub issued_at: Timestamp,
    /// Who acts as this user, while impersonating: `act.sub`.
    pub actor: Option<UserId>,
    /// The token expires no later than this, cut to the second: for a session that ends before a token's time.
    pub ends_at: Option<Timestamp>,
    /// Claims of the application's. None may have a name of [`RESERVED_CLAIMS`].
    pub custom: Map<String, Value>,
}

/// Names that an application's claims may not have: ours, and registered ones that others would believe.
pub const RESERVED_CLAIMS: &[&str] = &[
    "acr",
    "act",
    "amr",
    "aud",
    "auth_time",
    "authority_omitted",
    "authorization_details",
    "azp",
    "client_id",
    "cnf",
    "crit",
    "email",
    "email_verified",
    "entitlements",
    "events",
    "exp",
    "groups",
    "iat",
    "iss",
    "jti",
    "may_act",
    "mfa_verified",
    "nbf",
    "nonce",
    "org",
    "permissions",
    "roles",
    "scope",
    "sid",
    "sub",
    "sub_id",
    "tid",
    "toe",
    "txn",
    "typ",
    "uid",
];

/// Why a token was not issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// A claim of the application's has a name of [`RESERVED_CLAIMS`], or none.
    #[error("the claim name {0:?} is reserved")]
    ReservedClaim(String),
    /// The key failed.
    #[error("the token could not be signed")]
    Signing,
    /// A time before 1970 or after 9999.
    #[error("the token's times are out of range")]
    Time,
    /// Longer than [`MAX_TOKEN`]: too many roles, permissions or claims.
    #[error("the token would be longer than 8 KiB")]
    TooLong,
}

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    sub: UserId,
    aud: &'a str,
    client_id: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: TokenId,
    sid: SessionId,
    tid: TenantId,
    uid: UserId,
    email: &'a str,
    roles: &'a [String],
    permissions: &'a [String],
    mfa_verified: bool,
    auth_time: i64,
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Actor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    org: Option<Organization<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    authority_omitted: bool,
    #[serde(flatten)]
    custom: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct Actor {
    sub: UserId,
}

#[derive(Serialize)]
struct Organization<'a> {
    id: OrganizationId,
    roles: &'a [String],
    permissions: &'a [String],
}

/// Makes a token under the signing key.
pub(super) fn issue(
    settings: &AccessTokenSettings,
    keyring: &Keyring,
    claims: &AccessClaims,
) -> Result<SecretString, IssueError> {
    if let Some(name) = claims
        .custom
        .keys()
        .find(|name| name.is_empty() || RESERVED_CLAIMS.contains(&name.as_str()))
    {
        return Err(IssueError::ReservedClaim(name.clone()));
    }
    let payload = payload(settings, claims)?;
    let json = serde_json::to_vec(&payload).map_err(|_| IssueError::Signing)?;
    let header = keyring.signing_header().ok_or(IssueError::Signing)?;
    // The signature of RSA with 8192 bits takes 1366 characters.
    let mut token = String::with_capacity(header.len() + json.len() * 4 / 3 + 128);
    token.push_str(header);
    token.push('.');
    BASE64URL.encode_string(&json, &mut token);
    let mut signature = Vec::with_capacity(64);
    keyring
        .signing_key()
        .sign(token.as_bytes(), &mut signature)
        .map_err(|_| IssueError::Signing)?;
    token.push('.');
    BASE64URL.encode_string(&signature, &mut token);
    if token.len() > MAX_TOKEN {
        return Err(IssueError::TooLong);
    }
    Ok(token.into())
}

fn payload<'a>(
    settings: &'a AccessTokenSettings,
    claims: &'a AccessClaims,
) -> Result<Payload<'a>, IssueError> {
    let in_range = |time: i64| {
        (0..=MAX_TIME)
            .contains(&time)
            .then_some(time)
            .ok_or(IssueError::Time)
    };
    let iat = in_range(claims.issued_at.as_unix_seconds())?;
    let lifetime = i64::try_from(settings.lifetime.as_secs()).map_err(|_| IssueError::Time)?;
    let exp = iat.checked_add(lifetime).ok_or(IssueError::Time)?;
    let said =
        |all: &'a Vec<String>| -> &'a [String] { if claims.authority_omitted { &[] } else { all } };
    Ok(Payload {
        iss: &settings.issuer,
        sub: claims.user_id,
        aud: &settings.audience,
        client_id: &settings.client_id,
        iat,
        nbf: iat,
        exp: in_range(
            claims
                .ends_at
                .map_or(exp, |end| end.as_unix_seconds().min(exp)),
        )?,
        jti: claims.token_id,
        sid: claims.session_id,
        tid: claims.tenant_id,
        uid: claims.user_id,
        email: &claims.email,
        roles: said(&claims.roles),
        permissions: said(&claims.permissions),
        mfa_verified: claims.mfa_verified,
        auth_time: in_range(claims.authenticated_at.as_unix_seconds())?,
        amr: &claims.methods,
        act: claims.actor.map(|sub| Actor { sub }),
        org: claims.organization.as_ref().map(|org| Organization {
            id: org.id,
            roles: said(&org.roles),
            permissions: said(&org.permissions),
        }),
        authority_omitted: claims.authority_omitted,
        custom: &claims.custom,
    })
}
