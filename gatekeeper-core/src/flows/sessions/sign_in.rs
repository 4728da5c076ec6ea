use serde_json::Map;

use super::{Sessions, SignIn};
use crate::{
    AccountError, Error, PasswordError, RequestContext,
    config::EmailVerification,
    flows::{Record, Unit},
    gatekeeper::Inner,
    model::{
        Account, AuthMethod, EmailAddress, Event, ExternalIdentity, Session, SessionId, Timestamp,
        User, UserId,
    },
    provider::{AuthProvider, Evidence, Provisioning, Subject, Verification},
};

/// A sign-in that is refused, with the true reason for the audit trail.
struct Refused {
    reason: &'static str,
    account: Option<UserId>,
    error: Error,
}

impl Refused {
    /// The answer that fits every reason.
    fn credentials(reason: &'static str, account: Option<UserId>) -> Self {
        Self {
            reason,
            account,
            error: PasswordError::InvalidCredentials.into(),
        }
    }
}

/// A session about to begin, not yet written.
pub(crate) fn new_session(
    inner: &Inner,
    cx: &RequestContext,
    user: UserId,
    methods: Vec<AuthMethod>,
    now: Timestamp,
) -> Session {
    let lifetimes = &inner.config.sessions;
    let absolute_expires_at = now.after(lifetimes.absolute_lifetime);
    Session {
        // Always a new id: whatever the browser had before names nothing afterwards (CVE-2022-25896).
        id: SessionId::new(now, inner.random.as_ref()),
        tenant_id: cx.tenant_id,
        user_id: user,
        generation: 0,
        rotated_at: now,
        created_at: now,
        authenticated_at: now,
        methods,
        mfa_verified_at: None,
        last_seen_at: now,
        idle_expires_at: now.after(lifetimes.idle_lifetime).min(absolute_expires_at),
        absolute_expires_at,
        ended_at: None,
        end_reason: None,
        ip: cx.ip,
        user_agent: cx.user_agent.clone(),
        device_id: None,
    }
}

/// Writes a session and its audit event.
pub(crate) async fn insert_session(unit: &mut Unit<'_>, session: &Session) -> Result<(), Error> {
    unit.tx().sessions().insert(session).await?;
    let methods: Vec<&str> = session
        .methods
        .iter()
        .map(|method| method.as_str())
        .collect();
    let record = Record::success(Event::SessionCreated).by(session.user_id);
    let record = record.detail("session_id", session.id.to_string());
    unit.record(record.detail("methods", methods)).await
}

impl Sessions<'_> {
    /// Signs in with whatever evidence a provider accepts.
    ///
    /// # Errors
    ///
    /// [`PasswordError::InvalidCredentials`] for every reason that would tell an attacker something;
    /// [`AccountError::EmailUnverified`] only after sound evidence; [`Error::Refused`] by a hook; [`Error::Overloaded`]; a
    /// failure of the store or of the provider.
    pub async fn sign_in(&self, cx: &RequestContext, evidence: Evidence) -> Result<SignIn, Error> {
        let inner = self.0.inner();
        match self.try_sign_in(cx, &evidence).await? {
            Ok(signed_in) => Ok(signed_in),
            Err(refused) => {
                let mut record = Record::failure(Event::SignInFailed, refused.reason);
                if let Some(account) = refused.account {
                    record = record.target(account);
                }
                Unit::record_alone(inner, cx, inner.clock.now(), record).await?;
                Err(refused.error)
            }
        }
    }

    async fn try_sign_in(
        &self,
        cx: &RequestContext,
        evidence: &Evidence,
    ) -> Result<Result<SignIn, Refused>, Error> {
        let inner = self.0.inner();
        let Some(provider) = inner
            .providers
            .iter()
            .find(|provider| provider.accepts(evidence))
        else {
            return Ok(Err(Refused::credentials("no_provider", None)));
        };
        let identity = match provider.finish(cx, evidence).await? {
            Verification::Verified(identity) => identity,
            Verification::Refused { reason, account } => {
                return Ok(Err(Refused::credentials(reason, account)));
            }
        };
        let (user_id, password_changed_at) = match identity.subject {
            Subject::Local {
                user_id,
                password_changed_at,
            } => (user_id, Some(password_changed_at)),
            Subject::External {
                subject,
                verified_email,
                name,
            } => {
                let vouched = Vouched {
                    subject,
                    verified_email,
                    name,
                };
                match self
                    .account_of_identity(cx, provider.as_ref(), vouched)
                    .await?
                {
                    Ok(user_id) => (user_id, None),
                    Err(refused) => return Ok(Err(refused)),
                }
            }
        };
        let Some(account) = inner.repository.find_account(cx.tenant_id, user_id).await? else {
            return Ok(Err(Refused::credentials("unknown_account", None)));
        };
        if !account.user.is_active() {
            return Ok(Err(Refused::credentials("account_disabled", Some(user_id))));
        }
        let required = inner.config.email.verification == EmailVerification::Required;
        if required && !account.user.email_verified() {
            let error = AccountError::EmailUnverified.into();
            return Ok(Err(Refused {
                reason: "email_unverified",
                account: Some(user_id),
                error,
            }));
        }
        if let Err(refusal) = inner.hooks.before_sign_in(cx, &account.user).await {
            let error = Error::Refused(refusal);
            return Ok(Err(Refused {
                reason: "refused_by_hook",
                account: Some(user_id),
                error,
            }));
        }
        self.begin_session(cx, account, identity.methods, password_changed_at)
            .await
    }

    /// Begins a session while the user's row is held, so that neither a change of password nor the closing of the account
    /// can come between the check and the session.
    async fn begin_session(
        &self,
        cx: &RequestContext,
        account: Account,
        methods: Vec<AuthMethod>,
        password_changed_at: Option<Timestamp>,
    ) -> Result<Result<SignIn, Refused>, Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let user_id = account.user.id;
        let session = new_session(inner, cx, user_id, methods, now);
        let custom = self.custom_claims(cx, &account.user, &session).await?;
        let mut unit = Unit::begin(inner, cx, now).await?;
        let held = unit
            .tx()
            .users()
            .find_for_update(cx.tenant_id, user_id)
            .await?;
        let Some(mut user) = held.filter(User::is_active) else {
            return Ok(Err(Refused::credentials("account_disabled", Some(user_id))));
        };
        if let Some(checked) = password_changed_at {
            let password = unit
                .tx()
                .credentials()
                .find_password(cx.tenant_id, user_id)
                .await?;
            if password.is_none_or(|password| password.changed_at != checked) {
                return Ok(Err(Refused::credentials(
                    "password_changed_meanwhile",
                    Some(user_id),
                )));
            }
        }
        user.last_sign_in_at = Some(now);
        unit.tx().users().update(&user).await?;
        insert_session(&mut unit, &session).await?;
        let account = Account { user, ..account };
        let signed_in = self.tokens_for(session, account, custom, now)?;
        unit.commit().await?;
        inner
            .hooks
            .after_sign_in(cx, &signed_in.profile.user, &signed_in.session)
            .await;
        Ok(Ok(SignIn::SignedIn(Box::new(signed_in))))
    }

    /// The account linked to an outside identity; where there is none, a new one if the provider may make it.
    async fn account_of_identity(
        &self,
        cx: &RequestContext,
        provider: &dyn AuthProvider,
        vouched: Vouched,
    ) -> Result<Result<UserId, Refused>, Error> {
        let inner = self.0.inner();
        if vouched.subject.is_empty() || vouched.subject.len() > 255 {
            return Err(Error::internal(
                "a provider's subject must have 1 to 255 bytes",
            ));
        }
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let linked = unit
            .tx()
            .credentials()
            .find_identity(cx.tenant_id, provider.id(), &vouched.subject)
            .await?;
        if let Some(identity) = linked {
            return Ok(Ok(identity.user_id));
        }
        if provider.provisioning() == Provisioning::Refuse {
            return Ok(Err(Refused::credentials("identity_not_linked", None)));
        }
        let Some(email) = vouched.verified_email else {
            return Ok(Err(Refused::credentials("no_verified_email", None)));
        };
        // Never linked by the address alone: whoever had it first keeps the account (CVE-2024-21632).
        if let Some(owner) = unit
            .tx()
            .users()
            .find_by_email(cx.tenant_id, email.normalized())
            .await?
        {
            return Ok(Err(Refused::credentials("email_taken", Some(owner.id))));
        }
        let user = User {
            id: UserId::new(now, inner.random.as_ref()),
            tenant_id: cx.tenant_id,
            email,
            email_verified_at: Some(now),
            name: vouched.name,
            locale: None,
            avatar_url: None,
            metadata: Map::new(),
            disabled_at: None,
            mfa_enabled_at: None,
            created_at: now,
            updated_at: now,
            last_sign_in_at: None,
        };
        unit.tx().users().insert(&user).await?;
        let identity = ExternalIdentity {
            tenant_id: cx.tenant_id,
            provider: provider.id().to_owned(),
            subject: vouched.subject,
            user_id: user.id,
            created_at: now,
        };
        unit.tx().credentials().insert_identity(&identity).await?;
        let record = Record::success(Event::AccountRegistered).by(user.id);
        unit.record(record.detail("provider", provider.id()))
            .await?;
        let record = Record::success(Event::IdentityLinked).by(user.id);
        unit.record(record.detail("provider", provider.id()))
            .await?;
        unit.commit().await?;
        inner.hooks.after_register(cx, &user).await;
        Ok(Ok(user.id))
    }
}

/// Whom an outside provider vouches for.
struct Vouched {
    subject: String,
    verified_email: Option<EmailAddress>,
    name: Option<String>,
}
