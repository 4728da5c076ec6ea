use super::{Acting, Administration};
use crate::{
    Error, RequestContext,
    flows::{Record, Unit, passwords::mark},
    mail::AccountMail,
    model::{Event, RevocationTarget, SessionEnd, TokenPurpose, User, UserId},
};

impl Administration<'_> {
    /// Says that a user's password is known to others: every session, access token and link ends, the password opens nothing
    /// any more, and its owner is told to reset it. Doing it again ends what began since, and mails nothing. Needs `users:write` and a
    /// rank.
    ///
    /// A user without a password is signed out likewise.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`](crate::AccountError::NotFound); as every operation in the name of an administrator; a failure of the
    /// store.
    pub async fn require_password_change(
        &self,
        cx: &RequestContext,
        user: UserId,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, user) = self.act_on(&mut unit, "users:write", user).await?;
        make_void(&mut unit, &acting, &user).await?;
        unit.commit().await
    }

    /// The same, and mails the link by which the user sets a new one. Whoever asks sees neither.
    ///
    /// # Errors
    ///
    /// As [`require_password_change`](Self::require_password_change).
    pub async fn reset_password(&self, cx: &RequestContext, user: UserId) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, user) = self.act_on(&mut unit, "users:write", user).await?;
        make_void(&mut unit, &acting, &user).await?;
        let record = Record::success(Event::PasswordResetRequested)
            .by_administrator(&acting)
            .target(user.id);
        unit.record(record).await?;
        unit.mail(&AccountMail::ResetRequested {
            email: user.email.as_str().to_owned(),
        })
        .await?;
        unit.commit().await
    }
}

/// Ends all that rests on a password which others know.
async fn make_void(unit: &mut Unit<'_>, acting: &Acting, user: &User) -> Result<(), Error> {
    let (tenant, now) = (user.tenant_id, unit.now());
    let reason = match acting.user_id() {
        Some(_) => "required_by_administrator",
        None => "required_by_operator",
    };
    // Whether it was marked before makes no difference to what ends.
    let _ = mark(unit, user, reason, acting.user_id()).await?;
    unit.end_sessions(user.id, None, SessionEnd::RevokedByAdmin)
        .await?;
    unit.revoke(RevocationTarget::User(user.id, now)).await?;
    unit.tx().devices().distrust_all(tenant, user.id).await?;
    unit.tx()
        .tokens()
        .revoke_all_for_user(tenant, user.id, TokenPurpose::ALL, now)
        .await?;
    Ok(())
}
