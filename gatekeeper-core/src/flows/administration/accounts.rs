use serde_json::{Map, json};

use super::Administration;
use crate::{
    AccountError, Error, RequestContext, Violations,
    crypto::one_time,
    flows::{Record, Unit, passwords::LookedUp, validate},
    model::{
        EmailAddress, Event, OneTimeToken, OneTimeTokenId, Page, PageRequest, PasswordCredential,
        RevocationTarget, RoleName, SecretString, SessionEnd, Timestamp, TokenPurpose, User,
        UserId, UserKind,
    },
    store::{Constraint, UserFilter},
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
    /// The one-time link that sets a password, where none was given.
    pub setup_link: Option<SecretString>,
}

impl Administration<'_> {
    /// Makes a verified account.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/email`, `/name`, `/password`, `/roles`; [`AccountError::EmailTaken`];
    /// [`AccountError::RoleNotFound`]; [`Error::Overloaded`]; [`Error::Unavailable`] where the settings ask for a look among breached
    /// passwords and there is no answer; a failure of the store.
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
        match unit.tx().users().insert(&user).await {
            Err(error) if error.is_conflict(Constraint::UserEmail) => {
                return Err(AccountError::EmailTaken.into());
            }
            inserted => inserted?,
        }
        let record = Record::success(Event::AccountCreated).target(user.id);
        unit.record(record.looked_up(looked_up)).await?;
        for role in &input.roles {
            grant(&mut unit, cx, user.id, role).await?;
        }
        let setup_link = if let Some(hash) = hash {
            let password = PasswordCredential {
                user_id: user.id,
                tenant_id: cx.tenant_id,
                hash,
                changed_at: now,
                must_change_since: None,
            };
            unit.tx().credentials().set_password(&password).await?;
            None
        } else {
            Some(self.setup_link(&mut unit, &user, now).await?)
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

    /// The user with this address.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`]; a failure of the store.
    pub async fn find_user_by_email(
        &self,
        cx: &RequestContext,
        email: &str,
    ) -> Result<User, Error> {
        let email = EmailAddress::parse(email).map_err(|_| AccountError::NotFound)?;
        let mut tx = self.0.inner().repository.begin().await?;
        let user = tx
            .users()
            .find_by_email(cx.tenant_id, email.normalized())
            .await?;
        user.ok_or(AccountError::NotFound.into())
    }

    /// Users, newest first.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn list_users(
        &self,
        cx: &RequestContext,
        filter: &UserFilter,
        page: PageRequest,
    ) -> Result<Page<User>, Error> {
        let mut tx = self.0.inner().repository.begin().await?;
        Ok(tx.users().list(cx.tenant_id, filter, page).await?)
    }

    /// Disables an account: every session, access token and link ends. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`]; a failure of the store.
    pub async fn disable(&self, cx: &RequestContext, user: UserId) -> Result<(), Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let held = unit
            .tx()
            .users()
            .find_for_update(cx.tenant_id, user)
            .await?;
        let mut user = held.ok_or(AccountError::NotFound)?;
        if user.is_active() {
            user.disabled_at = Some(now);
            user.updated_at = now;
            unit.tx().users().update(&user).await?;
            unit.record(Record::success(Event::AccountDisabled).target(user.id))
                .await?;
        }
        unit.end_sessions(user.id, None, SessionEnd::AccountClosed)
            .await?;
        unit.revoke(RevocationTarget::User(user.id, now)).await?;
        unit.tx()
            .tokens()
            .revoke_all_for_user(cx.tenant_id, user.id, TokenPurpose::ALL, now)
            .await?;
        unit.commit().await
    }

    /// Enables an account again. What ended stays ended: the user signs in anew.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`]; a failure of the store.
    pub async fn enable(&self, cx: &RequestContext, user: UserId) -> Result<(), Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let held = unit
            .tx()
            .users()
            .find_for_update(cx.tenant_id, user)
            .await?;
        let mut user = held.ok_or(AccountError::NotFound)?;
        if !user.is_active() {
            user.disabled_at = None;
            user.updated_at = now;
            unit.tx().users().update(&user).await?;
            unit.record(Record::success(Event::AccountEnabled).target(user.id))
                .await?;
        }
        unit.commit().await
    }
}

/// Grants a role by name.
pub(super) async fn grant(
    unit: &mut Unit<'_>,
    cx: &RequestContext,
    user: UserId,
    role: &str,
) -> Result<(), Error> {
    let name = RoleName::parse(role).ok_or(AccountError::RoleNotFound)?;
    if unit.tx().roles().find(cx.tenant_id, &name).await?.is_none() {
        return Err(AccountError::RoleNotFound.into());
    }
    let now = unit.now();
    if unit
        .tx()
        .roles()
        .grant(cx.tenant_id, user, &name, now)
        .await?
    {
        unit.record(
            Record::success(Event::RoleGranted)
                .target(user)
                .detail("role", name.as_str()),
        )
        .await?;
    }
    Ok(())
}
