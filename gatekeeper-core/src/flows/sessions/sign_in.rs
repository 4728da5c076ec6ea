use std::sync::Arc;

use serde_json::Map;

use super::{
    Sessions, SignIn,
    proven::{Proven, Refused},
};
use crate::{
    Error, RequestContext,
    flows::{Counted, Counter, Guard, LockedNews, Record, Unit},
    lockout::SuccessCounted,
    model::{
        EmailAddress, Event, ExternalIdentity, Offered, TenantSettings, TokenHash, User, UserId,
        UserKind,
    },
    provider::{AuthProvider, Evidence, Provisioning, Subject, Verification},
};

impl Sessions<'_> {
    /// Signs in with whatever evidence a provider accepts.
    ///
    /// # Errors
    ///
    /// [`PasswordError::InvalidCredentials`](crate::PasswordError::InvalidCredentials) for every reason that would tell an
    /// attacker something, a locked account among them; [`Error::RateLimited`] by the account's quota, which leaves nothing
    /// behind; after sound evidence alone:
    /// [`AccountError::EmailUnverified`](crate::AccountError::EmailUnverified),
    /// [`PasswordError::ChangeRequired`](crate::PasswordError::ChangeRequired),
    /// [`SessionError::LimitReached`](crate::SessionError::LimitReached), [`Error::Refused`] by a hook; [`Error::Overloaded`];
    /// a failure of the store or of the provider.
    pub async fn sign_in(&self, cx: &RequestContext, evidence: Evidence) -> Result<SignIn, Error> {
        let outcome = self.try_sign_in(cx, &evidence, None).await?;
        self.settle(cx, outcome).await
    }

    /// Signs in, and accepts an invitation where the session begins. The caller settles what comes of it.
    pub(crate) async fn try_sign_in(
        &self,
        cx: &RequestContext,
        evidence: &Evidence,
        accepting: Option<Accepting>,
    ) -> Result<Result<SignIn, Refused>, Error> {
        let inner = self.0.inner();
        let settings = inner.tenant_settings(cx.tenant_id).await?;
        // Before anybody is looked up: in a tenant that closed this way in, everybody is answered alike and at the same cost.
        let provider = match Self::deciding(&inner.providers, evidence, &settings) {
            Ok(provider) => provider,
            Err(reason) => return Ok(Err(Refused::credentials(reason, None))),
        };
        let Evidence::Password { identifier, .. } = evidence;
        // Looked at before the password, which is verified whatever comes of it: a locked account costs what any other does.
        let named = self.named(cx, identifier).await?;
        let (identity, outdated) = match provider.finish(cx, evidence).await? {
            Verification::Verified(identity) => (identity, false),
            Verification::Outdated(identity) => (identity, true),
            Verification::Refused { reason, account } => {
                return Ok(Err(self
                    .wrong_password(cx, &named, reason, account)
                    .await?));
            }
        };
        // Before anything is told that only a right password brings: the password of a locked account counts for nothing.
        if named.guard.was_locked(inner.clock.now()) || inner.is_locked(&named.guard).await? {
            return Ok(Err(Refused::credentials("locked", named.account)));
        }
        if outdated {
            provider.renew(cx, evidence, &identity).await?;
        }
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
        let mut proven = Proven::new(account, identity.methods);
        proven.password_changed_at = password_changed_at;
        if named.account == Some(user_id) {
            // Cleared where the session begins: until then wrong codes count on it as well.
            proven.guessed = Some(named.guard.key);
        } else {
            // A directory's own name, which counts its passwords and nothing else.
            let counted = inner.guessed_right(&named.guard.key).await?;
            let own = self.account_guard(cx, user_id).await?;
            if counted == SuccessCounted::Locked || own.was_locked(inner.clock.now()) {
                return Ok(Err(Refused::credentials("locked", Some(user_id))));
            }
        }
        if let Some(accepting) = accepting {
            proven.invitation = Some(accepting.hash);
            // What these roles ask for, they ask for before they are given: a second factor, fewer sessions.
            let roles = &mut proven.account.authority.roles;
            roles.extend(accepting.roles);
            roles.sort_unstable();
            roles.dedup();
        }
        if password_changed_at.is_some() {
            let Evidence::Password { password, .. } = evidence;
            inner
                .look_at_password(cx, &proven.account, password)
                .await?;
        }
        self.complete(cx, proven).await
    }

    /// The first provider that accepts the evidence and that the tenant has not closed.
    fn deciding<'p>(
        providers: &'p [Arc<dyn AuthProvider>],
        evidence: &Evidence,
        settings: &TenantSettings,
    ) -> Result<&'p Arc<dyn AuthProvider>, &'static str> {
        let mut reason = "no_provider";
        for provider in providers {
            if provider.accepts(evidence) {
                match settings.method(provider.method()) {
                    Offered::Yes => return Ok(provider),
                    Offered::No => reason = "method_closed",
                }
            }
        }
        Err(reason)
    }

    /// Whom a sign-in names, and where guesses at them are counted. As much work for a name without an account.
    async fn named(&self, cx: &RequestContext, identifier: &str) -> Result<Named, Error> {
        let inner = self.0.inner();
        let email = EmailAddress::parse(identifier).ok();
        // Before anything that costs; whether a device is known can be told only when it is known whose.
        if let (Some(email), None) = (&email, &cx.device_token) {
            inner.limit_account(cx, email.normalized()).await?;
        }
        let account = match &email {
            Some(email) => {
                inner
                    .repository
                    .find_account_by_email(cx.tenant_id, email.normalized())
                    .await?
            }
            None => None,
        };
        let account = account.map(|account| account.user.id);
        if let (Some(email), Some(_)) = (&email, &cx.device_token) {
            match account.and_then(|user| self.named_device(cx, user)) {
                Some(device) => inner.limit_known_device(cx, device).await?,
                None => inner.limit_account(cx, email.normalized()).await?,
            }
        }
        let guard = if let Some(user) = account {
            self.account_guard(cx, user).await?
        } else {
            let trimmed = identifier.trim().to_lowercase();
            let name = email
                .as_ref()
                .map_or(trimmed.as_str(), |email| email.normalized().as_str());
            let key = inner.counter(cx.tenant_id, Counter::Name(name));
            inner.guard(key).await?
        };
        Ok(Named {
            email,
            account,
            guard,
        })
    }

    /// The counter of guesses at an account from where the caller is: that of the device, if the account knows it and it has
    /// not guessed too often itself; else that of all strangers.
    pub(crate) async fn account_guard(
        &self,
        cx: &RequestContext,
        user: UserId,
    ) -> Result<Guard, Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        if let Some(device) = self.known_device(cx, user).await? {
            let key = inner.counter(cx.tenant_id, Counter::Device(device));
            let guard = inner.guard(key).await?;
            if !guard.was_locked(now) {
                return Ok(guard);
            }
        }
        let key = inner.counter(cx.tenant_id, Counter::Account(user));
        inner.guard(key).await
    }

    /// Counts a wrong password.
    async fn wrong_password(
        &self,
        cx: &RequestContext,
        named: &Named,
        reason: &'static str,
        account: Option<UserId>,
    ) -> Result<Refused, Error> {
        let inner = self.0.inner();
        let account = account.or(named.account);
        let telling = match inner.guessed_wrong(&named.guard).await? {
            Counted::Locked => return Ok(Refused::credentials("locked", account)),
            Counted::Open => return Ok(Refused::credentials(reason, account)),
            Counted::NowLocked(telling) => telling,
        };
        let whom = match (named.account, &named.email) {
            (Some(user), _) => user.to_string(),
            (None, Some(email)) => email.normalized().as_str().to_owned(),
            (None, None) => String::new(),
        };
        let telling = inner.tell_of_lock(cx.tenant_id, &whom, telling).await?;
        let news = LockedNews::Name {
            email: named.email.clone(),
            account: named.account,
            telling,
        };
        Ok(Refused {
            locked: Some(news),
            ..Refused::credentials(reason, account)
        })
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
        let settings = inner.tenant_settings(cx.tenant_id).await?;
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
        // Whoever a provider makes an account for signs up.
        if settings.registration() == Offered::No {
            return Ok(Err(Refused::credentials("registration_closed", None)));
        }
        if settings.address(email.normalized()) == Offered::No {
            return Ok(Err(Refused::credentials("domain_not_allowed", None)));
        }
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
            kind: UserKind::Person,
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

/// An invitation that a sign-in accepts.
pub(crate) struct Accepting {
    pub(crate) hash: TokenHash,
    /// The roles that it gives in the tenant, with all that they inherit.
    pub(crate) roles: Vec<String>,
}

/// Whom a sign-in names.
struct Named {
    email: Option<EmailAddress>,
    account: Option<UserId>,
    guard: Guard,
}

/// Whom an outside provider vouches for.
struct Vouched {
    subject: String,
    verified_email: Option<EmailAddress>,
    name: Option<String>,
}
