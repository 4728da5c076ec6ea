use super::Administration;
use crate::{
    AccountError, Error, RequestContext,
    flows::{Unit, passwords::mark},
    model::{SessionEnd, TokenPurpose, UserId},
};

impl Administration<'_> {
    /// Says that a user's password is known to others: every session, access token and link ends, the password opens nothing
    /// any more, and its owner is told to reset it. Doing it again ends what began since, and mails nothing.
    ///
    /// A user without a password is signed out likewise.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`]; a failure of the store.
    pub async fn require_password_change(
        &self,
        cx: &RequestContext,
        user: UserId,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let held = unit
            .tx()
            .users()
            .find_for_update(cx.tenant_id, user)
            .await?;
        let user = held.ok_or(AccountError::NotFound)?;
        // Whether it was marked before makes no difference to what ends.
        let _ = mark(&mut unit, &user, "required_by_operator").await?;
        unit.end_sessions(user.id, None, SessionEnd::RevokedByAdmin)
            .await?;
        unit.tx()
            .devices()
            .distrust_all(cx.tenant_id, user.id)
            .await?;
        unit.tx()
            .tokens()
            .revoke_all_for_user(cx.tenant_id, user.id, TokenPurpose::ALL, now)
            .await?;
        unit.commit().await
    }
}
