//! From a proven first factor to a session: the one way there is, whatever the factor was.

use super::{
    MfaPending, Sessions, SignIn, SignedIn,
    device::Recognised,
    factors,
    proven::{FirstFactor, Proven, Refused, Spent},
};
use crate::{
    AccountError, Error, PasswordError, RequestContext, TenantError,
    config::EmailVerification,
    crypto::one_time,
    flows::{
        Record, Unit,
        invitations::{Acceptance, accept_in},
        mfa::strictest,
    },
    gatekeeper::Inner,
    lockout::SuccessCounted,
    model::{
        Account, AuthMethod, Authority, Event, MfaRequirement, OneTimeToken, OneTimeTokenId,
        SecretString, Session, SessionId, Tenant, TenantId, Timestamp, TokenPurpose, User, UserId,
    },
};

/// What a sign-in still needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Session(Spared),
    SecondFactor,
}

/// Why no second factor is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spared {
    /// It was shown, or none is needed.
    No,
    /// The device is trusted.
    ByDevice,
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
        mfa_verified_at: methods.contains(&AuthMethod::MultiFactor).then_some(now),
        methods,
        last_seen_at: now,
        idle_expires_at: now.after(lifetimes.idle_lifetime).min(absolute_expires_at),
        absolute_expires_at,
        ended_at: None,
        end_reason: None,
        ip: cx.ip,
        user_agent: cx.user_agent.clone(),
        device_id: None,
        organization_id: None,
        impersonation: None,
    }
}

/// Writes a session and its audit event, unless the tenant is suspended: nobody comes in by what a node remembers of it.
pub(crate) async fn insert_session(unit: &mut Unit<'_>, session: &Session) -> Result<(), Error> {
    if session.tenant_id != TenantId::DEFAULT {
        let tenant = unit.tx().tenants().find(session.tenant_id).await?;
        tenant
            .filter(Tenant::is_open)
            .ok_or(TenantError::NotFound)?;
    }
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

impl Inner {
    /// Whether a user must have a second factor: the strictest of what application, tenant and roles say.
    pub(crate) async fn mfa_requirement(
        &self,
        tenant: TenantId,
        authority: &Authority,
    ) -> Result<MfaRequirement, Error> {
        let settings = self.tenant_settings(tenant).await?;
        let authority = authority.clone().complete();
        Ok(strictest(&self.config.mfa, &settings, &authority))
    }
}

impl Sessions<'_> {
    /// Answers a sign-in whose first factor is proven: with a session where that is enough, else with a token that waits for
    /// the second factor.
    ///
    /// Whatever the first factor was, the same is asked here: whether the account is active, its address verified, what the
    /// application's hook says, whether a second factor is needed, how many sessions there may be. All that it reads to
    /// decide, it reads again in the unit that holds the user's row.
    pub(crate) async fn complete(
        &self,
        cx: &RequestContext,
        proven: Proven,
    ) -> Result<Result<SignIn, Refused>, Error> {
        if let Err(refused) = self.admit(cx, &proven).await? {
            return Ok(Err(refused));
        }
        match self.next(cx, &proven).await? {
            Next::Session(spared) => {
                let begun = self.begin_session(cx, proven, spared).await?;
                Ok(begun.map(|signed_in| SignIn::SignedIn(Box::new(signed_in))))
            }
            Next::SecondFactor => self.ask_for_second_factor(cx, proven).await,
        }
    }

    /// Answers a sign-in, and records why it was refused.
    pub(crate) async fn settle<T>(
        &self,
        cx: &RequestContext,
        outcome: Result<T, Refused>,
    ) -> Result<T, Error> {
        self.settle_as(cx, Event::SignInFailed, outcome).await
    }

    /// The same, with another event.
    pub(crate) async fn settle_as<T>(
        &self,
        cx: &RequestContext,
        event: Event,
        outcome: Result<T, Refused>,
    ) -> Result<T, Error> {
        let refused = match outcome {
            Ok(answer) => return Ok(answer),
            Err(refused) => refused,
        };
        let inner = self.0.inner();
        let mut record = Record::failure(event, refused.reason);
        if let Some(account) = refused.account {
            record = record.target(account);
        }
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        unit.record(record).await?;
        if let Some(locked) = refused.locked {
            locked.record(&mut unit, inner).await?;
        }
        if let Some(mail) = &refused.mail {
            unit.mail(mail).await?;
        }
        unit.commit().await?;
        Err(refused.error)
    }

    /// Whether the account may be used at all.
    async fn admit(
        &self,
        cx: &RequestContext,
        proven: &Proven,
    ) -> Result<Result<(), Refused>, Error> {
        let inner = self.0.inner();
        let user = &proven.account.user;
        let refused = |reason, error: Error| Ok(Err(Refused::new(reason, Some(user.id), error)));
        if !user.is_active() {
            return Ok(Err(proven.refused("account_disabled")));
        }
        // A program shows its keys with each request, and never signs in.
        if !user.is_person() {
            return Ok(Err(proven.refused("service_account")));
        }
        let required = inner.config.email.verification == EmailVerification::Required;
        if required && !user.email_verified() && !proven.email_proven {
            return refused("email_unverified", AccountError::EmailUnverified.into());
        }
        let password = proven.account.password.as_ref();
        let void = password.is_some_and(|password| password.must_change_since.is_some());
        if proven.password_changed_at.is_some() && void {
            return refused("change_required", PasswordError::ChangeRequired.into());
        }
        if let Err(refusal) = inner.hooks.before_sign_in(cx, user).await {
            return refused("refused_by_hook", Error::Refused(refusal));
        }
        Ok(Ok(()))
    }

    async fn next(&self, cx: &RequestContext, proven: &Proven) -> Result<Next, Error> {
        let inner = self.0.inner();
        if proven.second_factor.is_some() {
            return Ok(Next::Session(Spared::No));
        }
        let account = &proven.account;
        let needed = account.user.mfa_enabled_at.is_some()
            || inner
                .mfa_requirement(cx.tenant_id, &account.authority)
                .await?
                == MfaRequirement::Required;
        if !needed {
            return Ok(Next::Session(Spared::No));
        }
        // A device is trusted by who showed the second factor there: where there is none any more, nothing was shown.
        if account.user.mfa_enabled_at.is_some()
            && let Some(device) = self.named_device(cx, account.user.id)
        {
            let mut tx = inner.repository.begin().await?;
            let found = tx
                .devices()
                .find(cx.tenant_id, account.user.id, device)
                .await?;
            if found.is_some_and(|device| device.is_trusted(inner.clock.now())) {
                return Ok(Next::Session(Spared::ByDevice));
            }
        }
        Ok(Next::SecondFactor)
    }

    /// Begins a session while the user's row is held, so that neither a change of password or factors nor the closing of the
    /// account can come between the check and the session.
    async fn begin_session(
        &self,
        cx: &RequestContext,
        proven: Proven,
        spared: Spared,
    ) -> Result<Result<SignedIn, Refused>, Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let user_id = proven.user_id();
        let mut session = new_session(inner, cx, user_id, proven.amr(), now);
        let custom = self
            .custom_claims(cx, &proven.account.user, &session)
            .await?;
        let limit = self.limit_of(cx, &proven.account.authority).await?;
        // Before the unit, which may hold the store that the counters are in: a right guess counts for nothing while the
        // counter is locked, however many guesses there are at once (CVE-2019-5421).
        if let Some(key) = &proven.guessed
            && inner.guessed_right(key).await? == SuccessCounted::Locked
        {
            return Ok(Err(proven.refused("locked")));
        }
        let mut unit = Unit::begin(inner, cx, now).await?;
        let mut user = match self.hold(&mut unit, cx, &proven).await? {
            Ok(user) => user,
            Err(refused) => return Ok(Err(refused)),
        };
        let recognised = self.recognise(&mut unit, cx, &user).await?;
        if spared == Spared::ByDevice && !recognised.is_trusted(now) {
            return Ok(Err(proven.refused("device_distrusted_meanwhile")));
        }
        if let Some(spend) = &proven.spend
            && let Spent::Refused(refused) = spend.spend(&mut unit, &mut user).await?
        {
            return Ok(Err(refused));
        }
        let mut authority = proven.account.authority.clone();
        if let Some(hash) = &proven.invitation {
            match accept_in(&mut unit, &user, hash).await? {
                Acceptance::Accepted(_) => unit.authority_changed(user_id).await?,
                Acceptance::Refused(reason) => {
                    return Ok(Err(Refused::new(reason, Some(user_id), Error::Token)));
                }
            }
            let roles = unit.tx().roles();
            authority = roles.authority(cx.tenant_id, user_id, None).await?;
        }
        if let Err(refused) = self
            .make_room(&mut unit, limit, user_id, cx.tenant_id)
            .await?
        {
            return Ok(Err(refused));
        }
        let trust = proven.trust_device && proven.second_factor.is_some();
        let device_token = self
            .remember_device(&mut unit, cx, &user, recognised, trust, &mut session)
            .await?;
        user.last_sign_in_at = Some(now);
        unit.tx().users().update(&user).await?;
        insert_session(&mut unit, &session).await?;
        let account = Account {
            user,
            authority,
            ..proven.account
        };
        let mut signed_in = self.tokens_for(session, account, custom, now)?;
        signed_in.device_token = device_token;
        unit.commit().await?;
        inner
            .hooks
            .after_sign_in(cx, &signed_in.profile.user, &signed_in.session)
            .await;
        Ok(Ok(signed_in))
    }

    /// Begins the first session of an account that the unit makes.
    pub(crate) async fn begin_first(
        &self,
        unit: &mut Unit<'_>,
        cx: &RequestContext,
        account: &mut Account,
        session: &mut Session,
    ) -> Result<Option<SecretString>, Error> {
        let user = &mut account.user;
        let stranger = Recognised::Stranger;
        let token = self
            .remember_device(unit, cx, user, stranger, false, session)
            .await?;
        user.last_sign_in_at = Some(unit.now());
        unit.tx().users().update(user).await?;
        insert_session(unit, session).await?;
        Ok(token)
    }

    /// The user, held, if everything still is as it was when the first factor was looked at.
    async fn hold(
        &self,
        unit: &mut Unit<'_>,
        cx: &RequestContext,
        proven: &Proven,
    ) -> Result<Result<User, Refused>, Error> {
        let user_id = proven.user_id();
        let held = unit
            .tx()
            .users()
            .find_for_update(cx.tenant_id, user_id)
            .await?;
        let Some(user) = held.filter(User::may_sign_in) else {
            return Ok(Err(proven.refused("account_disabled")));
        };
        if user.mfa_enabled_at != proven.account.user.mfa_enabled_at {
            return Ok(Err(proven.refused("mfa_changed_meanwhile")));
        }
        if let Some(checked) = proven.password_changed_at {
            let password = unit
                .tx()
                .credentials()
                .find_password(cx.tenant_id, user_id)
                .await?;
            let Some(password) = password.filter(|password| password.changed_at == checked) else {
                return Ok(Err(proven.refused("password_changed_meanwhile")));
            };
            if password.must_change_since.is_some() {
                let error = PasswordError::ChangeRequired;
                return Ok(Err(Refused::new("change_required", Some(user_id), error)));
            }
        }
        Ok(Ok(user))
    }

    /// Makes the token that waits for the second factor; where there is none yet and one is required, the one that lets it be
    /// set up.
    async fn ask_for_second_factor(
        &self,
        cx: &RequestContext,
        proven: Proven,
    ) -> Result<Result<SignIn, Refused>, Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let mut user = match self.hold(&mut unit, cx, &proven).await? {
            Ok(user) => user,
            Err(refused) => return Ok(Err(refused)),
        };
        if let Some(spend) = &proven.spend {
            match spend.spend(&mut unit, &mut user).await? {
                Spent::Done => {}
                Spent::Refused(refused) => return Ok(Err(refused)),
            }
            unit.tx().users().update(&user).await?;
        }
        let answer = match self.pending_in(&mut unit, &proven, &user).await? {
            Ok(answer) => answer,
            Err(refused) => return Ok(Err(refused)),
        };
        unit.commit().await?;
        Ok(Ok(answer))
    }

    /// Makes that token, within a unit that holds the user's row.
    pub(crate) async fn pending_in(
        &self,
        unit: &mut Unit<'_>,
        proven: &Proven,
        user: &User,
    ) -> Result<Result<SignIn, Refused>, Error> {
        let inner = self.0.inner();
        let methods = factors::offered(inner, unit.tx(), user, &proven.methods).await?;
        Ok(if !methods.is_empty() {
            let purpose = TokenPurpose::MfaPending;
            let pending = self.pending(unit, proven, purpose, methods).await?;
            Ok(SignIn::MfaRequired(pending))
        } else if user.mfa_enabled_at.is_none() {
            let purpose = TokenPurpose::MfaEnrollment;
            let methods = vec!["totp".to_owned()];
            let pending = self.pending(unit, proven, purpose, methods).await?;
            Ok(SignIn::MfaEnrollmentRequired(pending))
        } else {
            // Never without one: what was shown does not go together with the factors that the account has.
            Err(proven.refused("no_second_factor"))
        })
    }

    async fn pending(
        &self,
        unit: &mut Unit<'_>,
        proven: &Proven,
        purpose: TokenPurpose,
        methods: Vec<String>,
    ) -> Result<MfaPending, Error> {
        let inner = self.0.inner();
        let now = unit.now();
        let lifetime = match purpose {
            TokenPurpose::MfaEnrollment => inner.config.mfa.enrollment_lifetime,
            _ => inner.config.mfa.pending_lifetime,
        };
        let (token, hash) = one_time::generate(inner.random.as_ref());
        let row = OneTimeToken {
            id: OneTimeTokenId::new(now, inner.random.as_ref()),
            tenant_id: proven.account.user.tenant_id,
            purpose,
            user_id: proven.user_id(),
            hash,
            payload: FirstFactor::of(proven).to_payload(),
            created_at: now,
            expires_at: now.after(lifetime),
            consumed_at: None,
        };
        unit.tx().tokens().insert(&row).await?;
        Ok(MfaPending {
            token,
            expires_in: lifetime.as_secs(),
            methods,
        })
    }
}
