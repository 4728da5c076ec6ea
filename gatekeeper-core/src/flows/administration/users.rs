//! Finding users, and changing what is kept about them.

use serde_json::{Map, Value};

use super::Administration;
use crate::{
    AccessError, AccountError, Error, Profile, RequestContext, Violations,
    flows::{Record, Unit, validate},
    mail::{AccountMail, Notice},
    model::{
        EmailAddress, Event, Page, PageRequest, RevocationTarget, SearchPage, SessionEnd,
        TokenPurpose, User, UserId,
    },
    store::{Constraint, UserFilter, UserSearch},
};

/// The longest text that is searched for, in bytes.
pub(super) const MAX_QUERY: usize = 64;

/// What to change of a user; `None` leaves a field alone.
#[derive(Clone, Debug, Default)]
pub struct UserChanges {
    /// The name; `Some(None)` removes it.
    pub name: Option<Option<String>>,
    /// The language; `Some(None)` removes it.
    pub locale: Option<Option<String>>,
    /// The metadata, as a whole.
    pub metadata: Option<Map<String, Value>>,
    /// Another address.
    pub email: Option<NewAddress>,
}

/// An address that an administrator gives a user.
#[derive(Clone, Debug)]
pub struct NewAddress {
    /// The address.
    pub email: String,
    /// Whether it is known to be the user's. Else the user has to prove it, by a mail that goes there.
    pub verified: bool,
}

impl Administration<'_> {
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
        self.require_reading(cx, "users:read")?;
        let email = EmailAddress::parse(email).map_err(|_| AccountError::NotFound)?;
        let mut tx = self.0.inner().repository.begin().await?;
        let user = tx
            .users()
            .find_by_email(cx.tenant_id, email.normalized())
            .await?;
        user.ok_or(AccountError::NotFound.into())
    }

    /// The user with this id, with roles and permissions. Needs `users:read`.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`]; [`AccessError::Forbidden`]; a failure of the store.
    pub async fn find_user(&self, cx: &RequestContext, user: UserId) -> Result<Profile, Error> {
        self.require_reading(cx, "users:read")?;
        let found = self
            .0
            .inner()
            .repository
            .find_account(cx.tenant_id, user)
            .await?;
        let account = found.ok_or(AccountError::NotFound)?;
        Ok(Profile::new(account.user, account.authority))
    }

    /// Users, newest first. Needs `users:read`.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`]; a failure of the store.
    pub async fn list_users(
        &self,
        cx: &RequestContext,
        filter: &UserFilter,
        page: PageRequest,
    ) -> Result<Page<User>, Error> {
        self.require_reading(cx, "users:read")?;
        let mut tx = self.0.inner().repository.begin().await?;
        Ok(tx.users().list(cx.tenant_id, filter, page).await?)
    }

    /// Users of whose address, its domain with `@`, or name a word begins with what was typed. Needs `users:read`.
    ///
    /// A page may hold fewer than asked for, even none, and there may still be more: see [`SearchPage`].
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/query`: 1 to 64 bytes once it is in lower case; [`AccessError::Forbidden`]; a failure of the store.
    pub async fn search_users(
        &self,
        cx: &RequestContext,
        mut search: UserSearch,
    ) -> Result<SearchPage<User>, Error> {
        self.require_reading(cx, "users:read")?;
        search.prefix = search.prefix.trim().to_lowercase();
        if !(1..=MAX_QUERY).contains(&search.prefix.len()) {
            let detail = format!("must have 1 to {MAX_QUERY} bytes");
            return Err(Violations::one("/query", "query.length", detail).into());
        }
        if search.prefix.chars().any(char::is_control) {
            let detail = "must not contain control characters";
            return Err(Violations::one("/query", "query.characters", detail).into());
        }
        let mut tx = self.0.inner().repository.begin().await?;
        Ok(tx.users().search(cx.tenant_id, &search).await?)
    }

    /// These users with their roles and permissions, as they are now. Needs `users:read`.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`]; a failure of the store.
    pub async fn profiles(
        &self,
        cx: &RequestContext,
        users: Vec<User>,
    ) -> Result<Vec<Profile>, Error> {
        self.require_reading(cx, "users:read")?;
        let mut profiles = Vec::with_capacity(users.len());
        let mut tx = self.0.inner().repository.begin().await?;
        for user in users {
            let authority = tx.roles().authority(cx.tenant_id, user.id, None).await?;
            profiles.push(Profile::new(user, authority));
        }
        Ok(profiles)
    }

    /// Changes name, language, metadata or address of a user. Needs `users:write` and a rank.
    ///
    /// Another address is another way in, for whoever reads its mail: every session and link of the user ends, the old address is
    /// told, and unless it is known to be the user's, it has to be proved before the account is good again. A service account's
    /// address stays.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/name`, `/locale`, `/metadata`, `/email`; [`AccountError::NotFound`]; [`AccountError::EmailTaken`]; as
    /// every operation in the name of an administrator; a failure of the store.
    pub async fn update_user(
        &self,
        cx: &RequestContext,
        user: UserId,
        changes: UserChanges,
    ) -> Result<Profile, Error> {
        let address = check(&changes)?;
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let (acting, mut user) = self.act_on(&mut unit, "users:write", user).await?;
        let before = user.clone();
        let mut fields = Vec::new();
        if let Some(name) = changes.name {
            user.name = name;
            fields.push("name");
        }
        if let Some(locale) = changes.locale {
            user.locale = locale;
            fields.push("locale");
        }
        if let Some(metadata) = changes.metadata {
            user.metadata = metadata;
            fields.push("metadata");
        }
        let moved = match address {
            Some((email, verified))
                if email != user.email || verified && !user.email_verified() =>
            {
                if !user.is_person() {
                    let detail = "the address of a service account stays";
                    return Err(Violations::one("/email", "email.service_account", detail).into());
                }
                let moved = email.normalized() != user.email.normalized();
                user.email = email;
                user.email_verified_at = match (verified, moved) {
                    (true, _) => user.email_verified_at.filter(|_| !moved).or(Some(now)),
                    // Another spelling of what was proved is proved.
                    (false, false) => user.email_verified_at,
                    (false, true) => None,
                };
                fields.push("email");
                moved
            }
            Some(_) | None => false,
        };
        if !fields.is_empty() {
            user.updated_at = now;
            match unit.tx().users().update(&user).await {
                Err(error) if error.is_conflict(Constraint::UserEmail) => {
                    return Err(AccountError::EmailTaken.into());
                }
                updated => updated?,
            };
            unit.tx().users().update_search(&user).await?;
            let record = Record::success(Event::AccountUpdated)
                .by_administrator(&acting)
                .target(user.id);
            unit.record(record.detail("fields", fields)).await?;
        }
        if moved {
            let record = Record::success(Event::EmailChanged)
                .by_administrator(&acting)
                .target(user.id);
            unit.record(record).await?;
            move_out(&mut unit, &before, &user).await?;
        }
        let authority = unit
            .tx()
            .roles()
            .authority(cx.tenant_id, user.id, None)
            .await?;
        unit.commit().await?;
        Ok(Profile::new(user, authority))
    }

    /// Refuses to show an administrator what they may not see. The route asks too: this holds where there is no route. Operators are
    /// asked for nothing.
    pub(super) fn require_reading(
        &self,
        cx: &RequestContext,
        permission: &str,
    ) -> Result<(), Error> {
        let may = self
            .1
            .is_none_or(|who| who.tenant_id == cx.tenant_id && who.has_permission(permission));
        if may {
            Ok(())
        } else {
            Err(AccessError::Forbidden.into())
        }
    }
}

/// Looks at the form of what is to be changed; answers the address, and whether it is known to be the user's.
fn check(changes: &UserChanges) -> Result<Option<(EmailAddress, bool)>, Error> {
    let mut violations = Violations::none();
    let name = changes.name.as_ref().and_then(Option::as_deref);
    validate::name(&mut violations, "/name", name);
    let locale = changes.locale.as_ref().and_then(Option::as_deref);
    validate::locale(&mut violations, "/locale", locale);
    if let Some(metadata) = &changes.metadata {
        validate::metadata(&mut violations, "/metadata", metadata);
    }
    let address = changes.email.as_ref().and_then(|new| {
        let email = validate::email(&mut violations, "/email", &new.email);
        email.map(|email| (email, new.verified))
    });
    violations.check()?;
    Ok(address)
}

/// What follows when a user has another address: whoever read the old mailbox is out, and is told.
async fn move_out(unit: &mut Unit<'_>, before: &User, after: &User) -> Result<(), Error> {
    let (tenant, now) = (after.tenant_id, unit.now());
    unit.end_sessions(after.id, None, SessionEnd::RevokedByAdmin)
        .await?;
    unit.revoke(RevocationTarget::User(after.id, now)).await?;
    unit.tx()
        .tokens()
        .revoke_all_for_user(tenant, after.id, TokenPurpose::ALL, now)
        .await?;
    unit.mail(&AccountMail::notice(Notice::EmailChanged, before))
        .await?;
    if after.email_verified() {
        return Ok(());
    }
    unit.mail(&AccountMail::VerifyEmail { user_id: after.id })
        .await
}
