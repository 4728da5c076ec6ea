//! The sessions of users.

use super::Administration;
use crate::{
    AccountError, Error, RequestContext, SessionError,
    flows::{Record, Unit},
    model::{Event, Page, PageRequest, RevocationTarget, Session, SessionEnd, SessionId, UserId},
};

impl Administration<'_> {
    /// A user's live sessions, newest first. Needs `users:read`.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`]; [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    pub async fn user_sessions(
        &self,
        cx: &RequestContext,
        user: UserId,
        page: PageRequest,
    ) -> Result<Page<Session>, Error> {
        self.require_reading(cx, "users:read")?;
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut tx = inner.repository.begin().await?;
        let found = tx.users().find(cx.tenant_id, user).await?;
        let user = found.ok_or(AccountError::NotFound)?;
        let sessions = tx.sessions();
        Ok(sessions
            .list_for_user(cx.tenant_id, user.id, now, page)
            .await?)
    }

    /// Ends one session of a user. Needs `users:write` and a rank.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`]; [`SessionError::NotFound`] where it is not a live session of this user's; as every operation in the
    /// name of an administrator; a failure of the store.
    pub async fn end_user_session(
        &self,
        cx: &RequestContext,
        user: UserId,
        session: SessionId,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, user) = self.act_on(&mut unit, "users:write", user).await?;
        let now = unit.now();
        let found = unit
            .tx()
            .sessions()
            .find_for_update(cx.tenant_id, session)
            .await?;
        if found.is_none_or(|found| found.user_id != user.id || !found.is_live(now)) {
            return Err(SessionError::NotFound.into());
        }
        unit.end_session(session, SessionEnd::RevokedByAdmin)
            .await?;
        let record = Record::success(Event::SessionEnded)
            .by_administrator(&acting)
            .target(user.id)
            .because(SessionEnd::RevokedByAdmin.as_str());
        unit.record(record.detail("session_id", session.to_string()))
            .await?;
        unit.commit().await
    }

    /// Signs a user out everywhere: every session and access token ends. API keys stay. Needs `users:write` and a rank.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`]; as every operation in the name of an administrator; a failure of the store.
    pub async fn sign_out_user(&self, cx: &RequestContext, user: UserId) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, user) = self.act_on(&mut unit, "users:write", user).await?;
        let now = unit.now();
        let ended = unit
            .end_sessions(user.id, None, SessionEnd::RevokedByAdmin)
            .await?;
        // Of sessions that ended by themselves there may be tokens still.
        unit.revoke(RevocationTarget::User(user.id, now)).await?;
        let record = Record::success(Event::SessionEnded)
            .by_administrator(&acting)
            .target(user.id)
            .because(SessionEnd::RevokedByAdmin.as_str());
        unit.record(record.detail("count", ended)).await?;
        unit.commit().await
    }
}
