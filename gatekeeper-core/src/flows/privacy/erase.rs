use super::{Erasure, Privacy};
use crate::{
    AccountError, Error, Identity, RequestContext,
    flows::{Record, Unit, administration::keep_an_administrator},
    mail::{AccountMail, Notice},
    model::{Event, PageRequest, RevocationTarget, SecretString, SessionEnd, User, UserId},
    store::AuditFilter,
};

impl Privacy<'_> {
    /// Deletes the account of whoever asks, and has erased what the audit trail holds of them: addresses, user agents, details. What
    /// happened stays under ids that name nobody any more.
    ///
    /// # Errors
    ///
    /// [`PasswordError::CurrentIncorrect`](crate::PasswordError::CurrentIncorrect); [`RoleError::LastAdministrator`](crate::RoleError::LastAdministrator);
    /// [`AccessError::Impersonating`](crate::AccessError::Impersonating),
    /// [`AccessError::SessionRequired`](crate::AccessError::SessionRequired), [`AccessError::Invalid`](crate::AccessError::Invalid); a
    /// failure of the store.
    pub async fn erase_own(
        &self,
        cx: &RequestContext,
        who: &Identity,
        password: &SecretString,
    ) -> Result<(), Error> {
        who.require_oneself()?;
        let inner = self.0.inner();
        inner
            .confirm_password(cx, who, password, Event::AccountDeleted)
            .await?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        hold_roles(&mut unit).await?;
        let user = unit.require_live(who).await?;
        let record = |event| Record::success(event).by(user.id);
        close(&mut unit, &user, record).await?;
        unit.commit().await
    }

    /// Deletes a user's account, and has erased what the audit trail holds of them. An operator may erase a user who was deleted before,
    /// too.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`]; [`RoleError::LastAdministrator`](crate::RoleError::LastAdministrator); [`AccessError::Forbidden`](crate::AccessError::Forbidden),
    /// [`AccessError::InsufficientRank`](crate::AccessError::InsufficientRank),
    /// [`AccessError::Invalid`](crate::AccessError::Invalid); a failure of the store.
    pub async fn erase(&self, cx: &RequestContext, user: UserId) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        hold_roles(&mut unit).await?;
        let acted = self
            .administration()
            .act_on(&mut unit, "users:erase", user)
            .await;
        match acted {
            Ok((acting, user)) => {
                let record = |event| {
                    Record::success(event)
                        .by_administrator(&acting)
                        .target(user.id)
                };
                close(&mut unit, &user, record).await?;
            }
            Err(Error::Account(AccountError::NotFound)) if self.1.is_none() => {
                erase_departed(&mut unit, user).await?;
            }
            Err(error) => return Err(error),
        }
        unit.commit().await
    }
}

/// Who is the last administrator must not change meanwhile. The tenant's row is held before any user's.
async fn hold_roles(unit: &mut Unit<'_>) -> Result<(), Error> {
    let tenant = unit.tenant();
    unit.tx().tenants().find_for_update(tenant).await?;
    Ok(())
}

/// Ends everything of an account, and says what is left to do.
async fn close(
    unit: &mut Unit<'_>,
    user: &User,
    record: impl Fn(Event) -> Record,
) -> Result<(), Error> {
    let tenant = unit.tenant();
    keep_an_administrator(unit, user.id).await?;
    unit.end_sessions(user.id, None, SessionEnd::AccountClosed)
        .await?;
    unit.end_impersonations_by(user.id).await?;
    unit.revoke(RevocationTarget::User(user.id, unit.now()))
        .await?;
    unit.tx().users().delete(tenant, user.id).await?;
    unit.record(record(Event::AccountDeleted)).await?;
    unit.record(record(Event::AccountErased)).await?;
    if user.is_person() {
        unit.mail(&AccountMail::notice(Notice::AccountDeleted, user))
            .await?;
    }
    unit.erase_later(&Erasure {
        user_id: user.id,
        email: Some(user.email.normalized().as_str().to_owned()),
    })
    .await
}

/// Somebody whose account is gone, and whom the trail of this tenant still knows.
async fn erase_departed(unit: &mut Unit<'_>, user: UserId) -> Result<(), Error> {
    let tenant = unit.tenant();
    let about = AuditFilter {
        target: Some(user),
        ..AuditFilter::default()
    };
    let known = unit
        .tx()
        .audit()
        .list(tenant, &about, PageRequest::first(1))
        .await?;
    if known.items.is_empty() {
        return Err(AccountError::NotFound.into());
    }
    unit.record(Record::success(Event::AccountErased).target(user))
        .await?;
    unit.erase_later(&Erasure {
        user_id: user,
        email: None,
    })
    .await
}
