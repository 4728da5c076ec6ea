//! Sign-in, refresh, sign-out, and the list of one's sessions.
//!
//! A session row counts generations; a refresh token is (session, generation, MAC). Rotation is one guarded statement.
//!
//! | token's generation | answer |
//! |---|---|
//! | the current one | rotate: the next one |
//! | the one before, within the grace | the current one again |
//! | older, or after the grace | reuse: the session ends, its owner is mailed |
//!
//! Threats: guessing; finding out who has an account (every refusal of a sign-in is one answer, after one hash); a stolen
//! refresh token (RFC 9700 section 4.14.2); a session that outlives its end (the access tokens of an ended session are
//! revoked in the same transaction); a sign-in that overtakes a change of password or the closing of the account (the
//! session is inserted while the user's row is held, and only if the password that was checked still stands).

mod codes;
mod complete;
mod device;
mod factors;
mod finish_mfa;
mod limit;
mod list;
mod proven;
mod refresh;
mod sign_in;
mod sign_out;
mod step_up;

pub(crate) use complete::{insert_session, new_session};
pub use finish_mfa::FinishMfa;
pub(crate) use proven::{FirstFactor, PendingToken, Proven, Refused, Spend, Spent};
pub(crate) use sign_in::Accepting;

use serde_json::{Map, Value};

use crate::{
    Error, Gatekeeper, RequestContext,
    crypto::jwt::{AccessClaims, IssueError},
    flows::accounts::Profile,
    model::{Account, Device, SecretString, Session, Timestamp, TokenId, User},
};

/// Sessions. From [`Gatekeeper::sessions`].
#[derive(Clone, Copy, Debug)]
pub struct Sessions<'a>(pub(crate) &'a Gatekeeper);

/// Somebody signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The access token: a JWT (RFC 9068).
    pub access_token: SecretString,
    /// How long the access token is good for, in seconds.
    pub expires_in: u64,
    /// The refresh token.
    pub refresh_token: SecretString,
    /// The session.
    pub session: Session,
    /// Who signed in.
    pub profile: Profile,
    /// A token by which this device is recognised from now on, where it was not before; to be kept by it and sent with every
    /// sign-in.
    pub device_token: Option<SecretString>,
}

/// What came of a sign-in whose evidence was sound.
#[derive(Clone, Debug)]
#[must_use]
#[non_exhaustive]
pub enum SignIn {
    /// There is a session.
    SignedIn(Box<SignedIn>),
    /// The first factor was right; a second one is needed.
    MfaRequired(MfaPending),
    /// The first factor was right; the account's rules ask for a second one, and it has none: one has to be set up first.
    MfaEnrollmentRequired(MfaPending),
}

/// A sign-in that waits for a second factor.
#[derive(Clone, Debug)]
pub struct MfaPending {
    /// Finishes the sign-in, and does nothing else.
    pub token: SecretString,
    /// How long it is good for, in seconds.
    pub expires_in: u64,
    /// The methods that may finish it: `totp`, `backup_code`, `email`, `sms`.
    pub methods: Vec<String>,
}

/// One of a user's devices, as its owner sees it.
#[derive(Clone, Debug)]
pub struct SessionDevice {
    /// The device.
    pub device: Device,
    /// Whether the session that asks began on it.
    pub is_current: bool,
    /// Whether it is spared the second factor now.
    pub is_trusted: bool,
}

impl Sessions<'_> {
    /// What the application adds to the access token of a session. Asked outside of any transaction.
    pub(crate) async fn custom_claims(
        &self,
        cx: &RequestContext,
        user: &User,
        session: &Session,
    ) -> Result<Map<String, Value>, Error> {
        let claims = self.0.inner().hooks.claims(cx, user, session).await;
        claims.map_err(Error::Refused)
    }

    /// The tokens of a session as it now stands.
    pub(crate) fn tokens_for(
        self,
        session: Session,
        account: Account,
        custom: Map<String, Value>,
        now: Timestamp,
    ) -> Result<SignedIn, Error> {
        let inner = self.0.inner();
        let Account {
            user, authority, ..
        } = account;
        let profile = Profile::new(user, authority);
        // Nobody acts as another for a moment longer than the session says.
        let ends_at = session
            .impersonation
            .as_ref()
            .map(|_| session.absolute_expires_at);
        let most = inner.config.authority.max_token_bytes;
        let mut claims = AccessClaims {
            user_id: profile.user.id,
            tenant_id: session.tenant_id,
            session_id: session.id,
            token_id: TokenId::new(now, inner.random.as_ref()),
            email: profile.user.email.as_str().to_owned(),
            roles: profile.authority.roles.clone(),
            permissions: profile.authority.permissions.clone(),
            organization: profile.authority.organization.clone(),
            authority_omitted: profile.authority.token_bytes() > most,
            mfa_verified: session.mfa_verified_at.is_some(),
            authenticated_at: session.authenticated_at,
            methods: session
                .methods
                .iter()
                .map(|method| method.as_str().to_owned())
                .collect(),
            issued_at: now,
            actor: session.impersonation.as_ref().map(|acting| acting.by),
            ends_at,
            custom,
        };
        let tokens = inner.authenticator.tokens();
        let access_token = match tokens.issue(&claims) {
            // Within the limit, but the application's claims leave less room than that.
            Err(IssueError::TooLong) if !claims.authority_omitted => {
                claims.authority_omitted = true;
                tokens.issue(&claims)
            }
            issued => issued,
        }
        .map_err(Error::internal)?;
        let refresh_token =
            inner
                .refresh_tokens
                .issue(session.tenant_id, session.id, session.generation);
        let lifetime = inner.config.access_tokens.lifetime;
        let expires_in = ends_at
            .map_or(lifetime, |end| end.since(now).min(lifetime))
            .as_secs();
        Ok(SignedIn {
            access_token,
            expires_in,
            refresh_token,
            session,
            profile,
            device_token: None,
        })
    }
}
