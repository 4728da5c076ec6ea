use serde_json::Map;

use super::{Accounts, Register, Registered};
use crate::{
    AccountError, Error, RequestContext, Violations,
    config::EmailVerification,
    env::Random,
    flows::{
        Record, Unit,
        passwords::{LookedUp, forget_passwords},
        sessions::{Proven, new_session},
        validate,
    },
    hooks::Registration,
    mail::AccountMail,
    model::{
        Account, AuthMethod, Authority, EmailAddress, Event, MfaRequirement, Offered,
        PasswordCredential, SecretString, SessionEnd, SignInMethod, Timestamp, TokenPurpose, User,
        UserId, UserKind,
    },
    rate_limit::{MailAllowance, MailLimit, TOO_MANY},
    store::{Constraint, StoreError},
};

/// A sign-up whose fields are sound and whose password is hashed.
struct Applicant {
    email: EmailAddress,
    name: Option<String>,
    locale: Option<String>,
    hash: SecretString,
    looked_up: LookedUp,
}

impl Accounts<'_> {
    /// Signs up.
    ///
    /// Where verification is required the answer is the same for an address that is taken; its owner is told by mail
    /// instead. An unverified account is taken over by the newer sign-up: its sessions and links end, so that the link that
    /// works belongs to the password that was chosen last. Where the address was sent enough mails already, the answer is the
    /// same, and nothing is done.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/email`, `/password`, `/name`, `/locale`; [`Error::Refused`] by a hook;
    /// [`AccountError::RegistrationClosed`] and [`AccountError::DomainNotAllowed`] by the tenant's settings; [`AccountError::EmailTaken`] where verification is optional; [`Error::Overloaded`]; [`Error::Unavailable`] where the settings
    /// ask for a look among breached passwords and there is no answer; a failure of the store.
    pub async fn register(
        &self,
        cx: &RequestContext,
        input: Register,
    ) -> Result<Registered, Error> {
        let inner = self.0.inner();
        let settings = inner.tenant_settings(cx.tenant_id).await?;
        if settings.registration() == Offered::No {
            return Err(AccountError::RegistrationClosed.into());
        }
        let mut violations = Violations::none();
        let email = validate::email(&mut violations, "/email", &input.email);
        validate::name(&mut violations, "/name", input.name.as_deref());
        validate::locale(&mut violations, "/locale", input.locale.as_deref());
        let address = email
            .as_ref()
            .map_or("", |email| email.normalized().as_str());
        let context = [address, input.name.as_deref().unwrap_or_default()];
        let looked_up = inner
            .check_password(
                cx.tenant_id,
                &mut violations,
                "/password",
                &input.password,
                &context,
            )
            .await?;
        violations.check()?;
        let Some(email) = email else {
            return Err(Error::internal("a checked address is there"));
        };

        // Of the domain alone, before anything is looked up: it says nothing about an account.
        if settings.address(email.normalized()) == Offered::No {
            return Err(AccountError::DomainNotAllowed.into());
        }

        let registration = Registration {
            email,
            name: input.name,
            locale: input.locale,
        };
        inner
            .hooks
            .before_register(cx, &registration)
            .await
            .map_err(Error::Refused)?;
        // Hashed whether or not the address is taken: the time must not tell.
        let hash = inner.hasher.hash(&input.password).await?;
        let Registration {
            email,
            name,
            locale,
        } = registration;
        let applicant = Applicant {
            email,
            name,
            locale,
            hash,
            looked_up,
        };
        let allowance = inner
            .may_mail(cx, MailLimit::Verification, applicant.email.normalized())
            .await?;

        // Where passwords are no way in, the one that was just chosen is none either: the link in the mail leads on.
        let by_password = settings.method(SignInMethod::Password);
        match (inner.config.email.verification, by_password) {
            (EmailVerification::Required, _) | (EmailVerification::Optional, Offered::No) => {
                match allowance {
                    MailAllowance::Allowed => self.register_unverified(cx, &applicant).await,
                    MailAllowance::TooMany => self.register_nothing(cx, &applicant).await,
                }
            }
            (EmailVerification::Optional, Offered::Yes) => {
                self.register_signed_in(cx, &applicant, allowance).await
            }
        }
    }

    /// The address was sent enough: nothing is changed, since nobody could be told of it, and the last link that went out
    /// stays good. Whether there is an account makes no difference.
    async fn register_nothing(
        &self,
        cx: &RequestContext,
        applicant: &Applicant,
    ) -> Result<Registered, Error> {
        let inner = self.0.inner();
        let record = Record::failure(Event::AccountRegistrationRepeated, TOO_MANY);
        let record = record.detail("email_digest", inner.email_digest(&applicant.email));
        Unit::record_alone(inner, cx, inner.clock.now(), record).await?;
        Ok(Registered::VerificationRequired)
    }

    async fn register_unverified(
        &self,
        cx: &RequestContext,
        applicant: &Applicant,
    ) -> Result<Registered, Error> {
        // Once more where somebody else took the address between the look and the write.
        let made = match self.try_register_unverified(cx, applicant).await {
            Err(Error::Store(error)) if error.is_conflict(Constraint::UserEmail) => {
                self.try_register_unverified(cx, applicant).await?
            }
            done => done?,
        };
        if let Some(user) = made {
            self.0.inner().hooks.after_register(cx, &user).await;
        }
        Ok(Registered::VerificationRequired)
    }

    async fn try_register_unverified(
        &self,
        cx: &RequestContext,
        applicant: &Applicant,
    ) -> Result<Option<User>, Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let found = unit
            .tx()
            .users()
            .find_by_email(cx.tenant_id, applicant.email.normalized())
            .await?;
        let held = match found {
            Some(user) => {
                unit.tx()
                    .users()
                    .find_for_update(cx.tenant_id, user.id)
                    .await?
            }
            None => None,
        };
        let made = match held {
            Some(user) if user.email_verified() || !user.may_sign_in() => {
                let record = Record::failure(Event::AccountRegistrationRepeated, "email_taken")
                    .target(user.id);
                unit.record(record).await?;
                unit.mail(&AccountMail::RegistrationRepeated { user_id: user.id })
                    .await?;
                None
            }
            Some(mut user) => {
                user.email = applicant.email.clone();
                user.name.clone_from(&applicant.name);
                user.locale.clone_from(&applicant.locale);
                user.updated_at = now;
                unit.tx().users().update(&user).await?;
                unit.tx().users().update_search(&user).await?;
                // Its earlier passwords were chosen by somebody who may be somebody else: they bind nobody.
                forget_passwords(inner, &mut unit, &user).await?;
                unit.tx()
                    .credentials()
                    .set_password(&applicant.password(&user, now))
                    .await?;
                // Now, not when the worker makes the newer link: until then, the older one would open the account to a
                // password that its reader did not choose. Sessions there are where verification was optional before.
                unit.end_sessions(user.id, None, SessionEnd::PasswordChanged)
                    .await?;
                unit.tx()
                    .tokens()
                    .revoke_all_for_user(cx.tenant_id, user.id, TokenPurpose::ALL, now)
                    .await?;
                let record = Record::success(Event::AccountRegistrationRepeated).target(user.id);
                unit.record(record.looked_up(applicant.looked_up)).await?;
                unit.mail(&AccountMail::VerifyEmail { user_id: user.id })
                    .await?;
                None
            }
            None => {
                let user = applicant.user(self.0.random(), cx, now);
                insert_user(&mut unit, &user, applicant).await?;
                unit.mail(&AccountMail::VerifyEmail { user_id: user.id })
                    .await?;
                Some(user)
            }
        };
        unit.commit().await?;
        Ok(made)
    }

    async fn register_signed_in(
        &self,
        cx: &RequestContext,
        applicant: &Applicant,
        allowance: MailAllowance,
    ) -> Result<Registered, Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let user = applicant.user(self.0.random(), cx, now);
        let mut account = Account {
            user,
            password: None,
            authority: Authority::default(),
        };
        let methods = vec![AuthMethod::Password];
        let mut session = new_session(inner, cx, account.user.id, methods.clone(), now);
        let sessions = self.0.sessions();
        let requirement = inner
            .mfa_requirement(cx.tenant_id, &account.authority)
            .await?;
        let custom = sessions.custom_claims(cx, &account.user, &session).await?;

        let mut unit = Unit::begin(inner, cx, now).await?;
        match insert_user(&mut unit, &account.user, applicant).await {
            Err(Error::Store(error)) if error.is_conflict(Constraint::UserEmail) => {
                drop(unit);
                return self.email_taken(cx, applicant, &error).await;
            }
            made => made?,
        }
        let user_id = account.user.id;
        match allowance {
            MailAllowance::Allowed => {
                unit.mail(&AccountMail::VerifyEmail { user_id }).await?;
            }
            MailAllowance::TooMany => {}
        }
        if requirement == MfaRequirement::Required {
            let mut proven = Proven::new(account, methods);
            proven.password_changed_at = Some(now);
            let user = proven.account.user.clone();
            let pending = sessions.pending_in(&mut unit, &proven, &user).await?;
            unit.commit().await?;
            inner.hooks.after_register(cx, &user).await;
            return match pending {
                Ok(pending) => Ok(Registered::MfaNeeded(pending)),
                Err(refused) => Err(refused.error),
            };
        }
        let device_token = sessions
            .begin_first(&mut unit, cx, &mut account, &mut session)
            .await?;
        let mut signed_in = sessions.tokens_for(session, account, custom, now)?;
        signed_in.device_token = device_token;
        unit.commit().await?;
        inner
            .hooks
            .after_register(cx, &signed_in.profile.user)
            .await;
        inner
            .hooks
            .after_sign_in(cx, &signed_in.profile.user, &signed_in.session)
            .await;
        Ok(Registered::SignedIn(Box::new(signed_in)))
    }

    async fn email_taken(
        &self,
        cx: &RequestContext,
        applicant: &Applicant,
        conflict: &StoreError,
    ) -> Result<Registered, Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let owner = inner
            .repository
            .find_account_by_email(cx.tenant_id, applicant.email.normalized())
            .await?;
        let mut record = Record::failure(Event::AccountRegistrationRepeated, "email_taken");
        if let Some(owner) = owner {
            record = record.target(owner.user.id);
        }
        Unit::record_alone(inner, cx, now, record).await?;
        tracing::debug!(%conflict, "sign-up with a taken address");
        Err(AccountError::EmailTaken.into())
    }
}

/// Writes a new user with the password and the audit event.
async fn insert_user(unit: &mut Unit<'_>, user: &User, applicant: &Applicant) -> Result<(), Error> {
    unit.tx().users().insert(user).await?;
    let password = applicant.password(user, user.created_at);
    unit.tx().credentials().set_password(&password).await?;
    let record = Record::success(Event::AccountRegistered).by(user.id);
    unit.record(record.looked_up(applicant.looked_up)).await
}

impl Applicant {
    fn user(&self, random: &dyn Random, cx: &RequestContext, now: Timestamp) -> User {
        User {
            id: UserId::new(now, random),
            tenant_id: cx.tenant_id,
            kind: UserKind::Person,
            email: self.email.clone(),
            email_verified_at: None,
            name: self.name.clone(),
            locale: self.locale.clone(),
            avatar_url: None,
            metadata: Map::new(),
            disabled_at: None,
            mfa_enabled_at: None,
            created_at: now,
            updated_at: now,
            last_sign_in_at: None,
        }
    }

    fn password(&self, user: &User, now: Timestamp) -> PasswordCredential {
        PasswordCredential {
            user_id: user.id,
            tenant_id: user.tenant_id,
            hash: self.hash.clone(),
            changed_at: now,
            must_change_since: None,
        }
    }
}
