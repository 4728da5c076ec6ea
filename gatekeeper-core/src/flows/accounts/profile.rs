use super::{Accounts, Profile, ProfileChanges};
use crate::{
    Error, Identity, RequestContext, Violations,
    flows::{
        Record, Unit,
        administration::{hold_administrators, keep_an_administrator},
        validate,
    },
    mail::{AccountMail, Notice},
    model::{Event, RevocationTarget, SecretString, SessionEnd, SessionId, User},
};

impl Accounts<'_> {
    /// Oneself, as stored now.
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`](crate::AccessError::Invalid) where the account is gone or disabled; a failure of the store.
    pub async fn profile(&self, cx: &RequestContext, who: &Identity) -> Result<Profile, Error> {
        let account = self.0.inner().account_of(cx, who).await?;
        Ok(Profile::new(account.user, account.authority))
    }

    /// Changes name, locale or metadata.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/name`, `/locale`, `/metadata`; [`AccessError::Invalid`](crate::AccessError::Invalid); a failure of the store.
    pub async fn update_profile(
        &self,
        cx: &RequestContext,
        who: &Identity,
        changes: ProfileChanges,
    ) -> Result<Profile, Error> {
        let mut violations = Violations::none();
        validate::name(
            &mut violations,
            "/name",
            changes.name.as_ref().and_then(Option::as_deref),
        );
        validate::locale(
            &mut violations,
            "/locale",
            changes.locale.as_ref().and_then(Option::as_deref),
        );
        if let Some(metadata) = &changes.metadata {
            validate::metadata(&mut violations, "/metadata", metadata);
        }
        violations.check()?;

        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let mut user = unit.require_live(who).await?;
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
        let authority = unit
            .tx()
            .roles()
            .authority(cx.tenant_id, user.id, None)
            .await?;
        if !fields.is_empty() {
            user.updated_at = now;
            unit.tx().users().update(&user).await?;
            if fields.contains(&"name") {
                unit.tx().users().update_search(&user).await?;
            }
            unit.record(
                Record::success(Event::AccountUpdated)
                    .by(user.id)
                    .detail("fields", fields),
            )
            .await?;
        }
        unit.commit().await?;
        Ok(Profile::new(user, authority))
    }

    /// Deletes one's own account with all that belongs to it. The audit trail stays.
    ///
    /// # Errors
    ///
    /// [`PasswordError::CurrentIncorrect`](crate::PasswordError::CurrentIncorrect); [`AccessError::Invalid`](crate::AccessError::Invalid);
    /// [`RoleError::LastAdministrator`](crate::RoleError::LastAdministrator); a failure of the store.
    pub async fn delete(
        &self,
        cx: &RequestContext,
        who: &Identity,
        password: &SecretString,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        inner
            .confirm_password(cx, who, password, Event::AccountDeleted)
            .await?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        hold_administrators(&mut unit, who.user_id).await?;
        let user = unit.require_live(who).await?;
        keep_an_administrator(&mut unit, user.id).await?;
        close(&mut unit, &user).await?;
        unit.tx().users().delete(cx.tenant_id, user.id).await?;
        unit.record(Record::success(Event::AccountDeleted).by(user.id))
            .await?;
        unit.mail(&AccountMail::notice(Notice::AccountDeleted, &user))
            .await?;
        unit.commit().await
    }
}

/// Ends all by which a user, who is held, comes in: sessions, those in which they act as others too, access tokens, API keys.
pub(crate) async fn close(unit: &mut Unit<'_>, user: &User) -> Result<(), Error> {
    let now = unit.now();
    unit.end_sessions(user.id, None, SessionEnd::AccountClosed)
        .await?;
    unit.end_impersonations_by(user.id).await?;
    unit.revoke(RevocationTarget::User(user.id, now)).await?;
    let keys = unit
        .tx()
        .api_keys()
        .revoke_all_for_user(user.tenant_id, user.id, now)
        .await?;
    for key in keys {
        // What a key opened is remembered under its id, as a session's tokens are under the session's.
        let target = RevocationTarget::Session(SessionId::from_uuid(key.as_uuid()));
        unit.revoke(target).await?;
    }
    Ok(())
}
