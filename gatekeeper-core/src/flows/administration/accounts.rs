use serde_json::{Map, json};

use super::{Administration, roles::grant::give_role};
use crate::{
    AccountError, Error, RequestContext, Violations,
    crypto::one_time,
    flows::{Record, Unit, accounts::close, passwords::LookedUp, validate},
    mail::{AccountMail, Notice},
    model::{
        EmailAddress, Event, OneTimeToken, OneTimeTokenId, PasswordCredential, RevocationTarget,
        RoleName, SecretString, SessionEnd, Timestamp, TokenPurpose, User, UserId, UserKind,
    },
    store::Constraint,
};

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The address; it counts as verified.
    pub email: String,
    /// What the user is called.
    pub name: Option<String>,
    /// Roles to grant.
    pub roles: Vec<String>,
    /// The password. Without one, the user sets it with a link (ASVS 6.4.6: an operator need not know it).
    pub password: Option<SecretString>,
}

/// An account that was made.
#[derive(Clone, Debug)]
pub struct CreatedUser {
    /// The user.
    pub user: User,
    /// The one-time link that sets a password, where none was given and an operator of the process asked. In the name of an
    /// administrator there is none: the link is mailed to the user, and nobody else sees it.
    pub setup_link: Option<SecretString>,
}

impl Administration<'_> {
    /// Makes a verified account. Needs `users:write`, and for roles `roles:assign` and a reach at least as far as theirs.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/email`, `/name`, `/password`, `/roles`; [`AccountError::EmailTaken`];
    /// [`AccountError::RoleNotFound`]; [`Error::Overloaded`]; [`Error::Unavailable`] where the settings ask for a look among breached
    /// passwords and there is no answer; as every operation in the name of an administrator,
    /// [`AccessError::Invalid`](crate::AccessError::Invalid), [`Forbidden`](crate::AccessError::Forbidden) and
    /// [`InsufficientRank`](crate::AccessError::InsufficientRank); a failure of the store.
    pub async fn create_user(
        &self,
        cx: &RequestContext,
        input: NewUser,
    ) -> Result<CreatedUser, Error> {
        let inner = self.0.inner();
        let mut violations = Violations::none();
        let email = validate::email(&mut violations, "/email", &input.email);
        validate::name(&mut violations, "/name", input.name.as_deref());
        let mut looked_up = LookedUp::Done;
        if let Some(password) = &input.password {
            let address = email
                .as_ref()
                .map_or("", |email| email.normalized().as_str());
            let context = [address, input.name.as_deref().unwrap_or_default()];
            looked_up = inner
                .check_password(
                    cx.tenant_id,
                    &mut violations,
                    "/password",
                    password,
                    &context,
                )
                .await?;
        }
        violations.check()?;
        let Some(email) = email else {
            return Err(Error::internal("a checked address is there"));
        };
        let hash = match &input.password {
            Some(password) => Some(inner.hasher.hash(password).await?),
            None => None,
        };

        let now = inner.clock.now();
        let user = self.verified_user(cx, email, input.name, now);
        let mut unit = Unit::begin(inner, cx, now).await?;
        let acting = self.act(&mut unit, "users:write").await?;
        match unit.tx().users().insert(&user).await {
            Err(error) if error.is_conflict(Constraint::UserEmail) => {
                return Err(AccountError::EmailTaken.into());
            }
            inserted => inserted?,
        }
        let record = Record::success(Event::AccountCreated)
            .by_administrator(&acting)
            .target(user.id);
        unit.record(record.looked_up(looked_up)).await?;
        if !input.roles.is_empty() {
            acting.require("roles:assign")?;
            for role in &input.roles {
                let role = RoleName::parse(role).ok_or(AccountError::RoleNotFound)?;
                give_role(&mut unit, &acting, user.id, &role).await?;
            }
            // Of all of them together, with what they inherit: nobody makes an account that may do more than they (CVE-2026-94000).
            let roles = unit.tx().roles();
            let given = roles.authority(cx.tenant_id, user.id, None).await?;
            acting.require_reach(&given.permissions)?;
        }
        let setup_link = match (hash, acting.user_id()) {
            (Some(hash), _) => {
                let password = PasswordCredential {
                    user_id: user.id,
                    tenant_id: cx.tenant_id,
                    hash,
                    changed_at: now,
                    must_change_since: None,
                };
                unit.tx().credentials().set_password(&password).await?;
                None
            }
            (None, Some(_)) => {
                unit.mail(&AccountMail::AccountCreated { user_id: user.id })
                    .await?;
                None
            }
            (None, None) => Some(self.setup_link(&mut unit, &user, now).await?),
        };
        unit.commit().await?;
        Ok(CreatedUser { user, setup_link })
    }

    fn verified_user(
        self,
        cx: &RequestContext,
        email: EmailAddress,
        name: Option<String>,
        now: Timestamp,
    ) -> User {
        User {
            id: UserId::new(now, self.0.random()),
            tenant_id: cx.tenant_id,
            kind: UserKind::Person,
            email,
            email_verified_at: Some(now),
            name,
            locale: None,
            avatar_url: None,
            metadata: Map::new(),
            disabled_at: None,
            mfa_enabled_at: None,
            created_at: now,
            updated_at: now,
            last_sign_in_at: None,
        }
    }

    async fn setup_link(
        &self,
        unit: &mut Unit<'_>,
        user: &User,
        now: Timestamp,
    ) -> Result<SecretString, Error> {
        let inner = self.0.inner();
        let (secret, hash) = one_time::generate(inner.random.as_ref());
        let token = OneTimeToken {
            id: OneTimeTokenId::new(now, inner.random.as_ref()),
            tenant_id: user.tenant_id,
            purpose: TokenPurpose::PasswordReset,
            user_id: user.id,
            hash,
            payload: json!({ "email": user.email.as_str() }),
            created_at: now,
            expires_at: now.after(inner.config.email.setup_lifetime),
            consumed_at: None,
        };
        unit.tx().tokens().insert(&token).await?;
        Ok(SecretString::new(
            inner.link(&inner.config.email.links.reset_password, &secret),
        ))
    }

    /// Disables an account: every session, access token and link ends, and so does what the user does as somebody else. Doing it again
    /// ends what began since. Needs `users:write` and a rank.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`]; [`RoleError::LastAdministrator`](crate::RoleError::LastAdministrator); as every operation in the name
    /// of an administrator; a failure of the store.
    pub async fn disable(&self, cx: &RequestContext, user: UserId) -> Result<(), Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let (acting, mut user) = self.act_on_losing(&mut unit, "users:write", user).await?;
        if user.is_active() {
            user.disabled_at = Some(now);
            user.updated_at = now;
            unit.tx().users().update(&user).await?;
            let record = Record::success(Event::AccountDisabled)
                .by_administrator(&acting)
                .target(user.id);
            unit.record(record).await?;
        }
        unit.end_sessions(user.id, None, SessionEnd::AccountClosed)
            .await?;
        unit.end_impersonations_by(user.id).await?;
        // What its API keys open, too, is looked at anew: a key is refused while its owner is disabled.
        unit.revoke(RevocationTarget::User(user.id, now)).await?;
        unit.tx()
            .tokens()
            .revoke_all_for_user(cx.tenant_id, user.id, TokenPurpose::ALL, now)
            .await?;
        unit.commit().await
    }

    /// Enables an account again. What ended stays ended: the user signs in anew. Needs `users:write` and a rank.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`]; as every operation in the name of an administrator; a failure of the store.
    pub async fn enable(&self, cx: &RequestContext, user: UserId) -> Result<(), Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let (acting, mut user) = self.act_on(&mut unit, "users:write", user).await?;
        if !user.is_active() {
            user.disabled_at = None;
            user.updated_at = now;
            unit.tx().users().update(&user).await?;
            let record = Record::success(Event::AccountEnabled)
                .by_administrator(&acting)
                .target(user.id);
            unit.record(record).await?;
        }
        unit.commit().await
    }

    /// Deletes an account with all that belongs to it: sessions, links, factors, roles, memberships, API keys. The audit trail stays.
    /// Its owner is told. Needs `users:delete` and a rank.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`]; [`RoleError::LastAdministrator`](crate::RoleError::LastAdministrator); as every operation in the name
    /// of an administrator; a failure of the store.
    pub async fn delete_user(&self, cx: &RequestContext, user: UserId) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, user) = self.act_on_losing(&mut unit, "users:delete", user).await?;
        close(&mut unit, &user).await?;
        unit.tx().users().delete(cx.tenant_id, user.id).await?;
        let record = Record::success(Event::AccountDeleted)
            .by_administrator(&acting)
            .target(user.id);
        unit.record(record).await?;
        unit.mail(&AccountMail::notice(Notice::AccountDeleted, &user))
            .await?;
        unit.commit().await
    }
}
