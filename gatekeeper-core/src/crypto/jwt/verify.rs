use std::str::FromStr;

use base64::Engine;

use super::{
    AccessTokenSettings, Keyring, TokenRejection,
    claims::{Claims, Organization},
    compact::{Compact, MAX_SIGNATURE},
    header::Header,
    keyring::Entry,
};
use crate::{
    Identity,
    authority::Origin,
    crypto::BASE64URL,
    identity::CleanMark,
    model::{Algorithm, OrganizationAuthority, Timestamp},
};

/// What a verified token says, with the times that are looked at each time it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) issued_at: i64,
    pub(super) not_before: i64,
    pub(super) expires_at: i64,
}

impl Times {
    /// Whether a token with these times is good at `now`. Asked for a remembered token too.
    pub(super) fn check(
        self,
        settings: &AccessTokenSettings,
        now: Timestamp,
    ) -> Result<(), TokenRejection> {
        let leeway = i64::try_from(settings.leeway.as_secs()).unwrap_or(0);
        let now = now.as_unix_seconds();
        // RFC 7519 section 4.1.4: on or after this time it must not be accepted. Times are whole seconds and `now` is
        // rounded down, which for a whole `exp` changes nothing.
        if now >= self.expires_at {
            return Err(TokenRejection::Expired);
        }
        if self.issued_at > now.saturating_add(leeway) {
            return Err(TokenRejection::FromTheFuture);
        }
        if self.not_before > now.saturating_add(leeway) {
            return Err(TokenRejection::NotYetValid);
        }
        Ok(())
    }
}

/// Verifies a token; see the steps in the documentation of the module.
pub(super) fn verify(
    settings: &AccessTokenSettings,
    keyring: &Keyring,
    token: &str,
    now: Timestamp,
) -> Result<(Identity, Times), TokenRejection> {
    let compact = Compact::parse(token)?;
    let entry = find_key(keyring, compact.header)?;
    verify_signature(entry, compact)?;
    // Only now is anything of the content believed (RFC 8725 section 3.3, ASVS 9.1.1).
    let json = BASE64URL
        .decode(compact.payload)
        .map_err(|_| TokenRejection::Malformed)?;
    let claims: Claims<'_> = serde_json::from_slice(&json).map_err(|_| TokenRejection::Claims)?;
    let times = check(settings, &claims)?;
    times.check(settings, now)?;
    Ok((identity(claims)?, times))
}

fn find_key<'a>(keyring: &'a Keyring, segment: &str) -> Result<&'a Entry, TokenRejection> {
    // Nearly every token has, to the byte, the header that we issue.
    if let Some(entry) = keyring.find_by_header(segment) {
        return Ok(entry);
    }
    let header = Header::parse(segment)?;
    if !header.is_access_token() {
        return Err(TokenRejection::Type);
    }
    let entry = header
        .kid
        .and_then(|kid| keyring.find(&kid))
        .ok_or(TokenRejection::UnknownKey)?;
    if Algorithm::parse(&header.alg) != Some(entry.verifier.algorithm()) {
        return Err(TokenRejection::Algorithm);
    }
    Ok(entry)
}

fn verify_signature(entry: &Entry, compact: Compact<'_>) -> Result<(), TokenRejection> {
    let mut signature = [0; MAX_SIGNATURE];
    let length = BASE64URL
        .decode_slice(compact.signature, &mut signature)
        .map_err(|_| TokenRejection::Malformed)?;
    let signature = signature.get(..length).ok_or(TokenRejection::Malformed)?;
    entry
        .verifier
        .verify(compact.signed.as_bytes(), signature)
        .map_err(|_| TokenRejection::Signature)
}

/// Everything about the claims that does not change with the time.
fn check(settings: &AccessTokenSettings, claims: &Claims<'_>) -> Result<Times, TokenRejection> {
    // RFC 9068 section 4: `iss` exactly; `aud` must be ours.
    if claims.iss.0 != settings.issuer {
        return Err(TokenRejection::Issuer);
    }
    if claims.aud.0.0 != settings.audience {
        return Err(TokenRejection::Audience);
    }
    if claims.sub.0.is_empty() || claims.sub.0 != claims.uid.0 {
        return Err(TokenRejection::Subject);
    }
    if claims.client_id.0.is_empty() {
        return Err(TokenRejection::Claims);
    }
    // A token that says both that it says nothing, and something, is none of ours.
    if claims.authority_omitted && claims.has_authority() {
        return Err(TokenRejection::Claims);
    }
    let times = Times {
        issued_at: claims.iat.0,
        not_before: claims.nbf.0,
        expires_at: claims.exp.0,
    };
    // Neither can overflow: times are between 0 and 9999-12-31.
    let lifetime = u64::try_from(times.expires_at - times.issued_at).unwrap_or(0);
    if lifetime == 0 || lifetime > settings.lifetime.as_secs() {
        return Err(TokenRejection::Lifetime);
    }
    Ok(times)
}

fn identity(claims: Claims<'_>) -> Result<Identity, TokenRejection> {
    let organization = claims.org.map(organization).transpose()?;
    let origin = if claims.authority_omitted {
        Origin::Omitted
    } else {
        Origin::Token
    };
    Ok(Identity {
        user_id: id(&claims.uid.0).map_err(|_| TokenRejection::Subject)?,
        tenant_id: id(&claims.tid.0)?,
        session_id: id(&claims.sid.0)?,
        token_id: id(&claims.jti.0)?,
        email: claims.email,
        roles: claims.roles,
        permissions: claims.permissions,
        mfa_verified: claims.mfa_verified,
        authenticated_at: Timestamp::from_unix_seconds(claims.auth_time.0),
        methods: claims.amr,
        issued_at: Timestamp::from_unix_seconds(claims.iat.0),
        expires_at: Timestamp::from_unix_seconds(claims.exp.0),
        actor: claims.act.map(|act| id(&act.sub.0)).transpose()?,
        organization,
        api_key: None,
        claims: claims.custom,
        origin,
        clean: CleanMark::default(),
    })
}

fn organization(claim: Organization<'_>) -> Result<OrganizationAuthority, TokenRejection> {
    Ok(OrganizationAuthority {
        id: id(&claim.id.0)?,
        roles: claim.roles,
        permissions: claim.permissions,
    })
}

fn id<T: FromStr>(text: &str) -> Result<T, TokenRejection> {
    text.parse().map_err(|_| TokenRejection::Claims)
}
