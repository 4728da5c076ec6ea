use super::Sessions;
use crate::{
    Error, Identity, RequestContext, SessionError,
    flows::{Record, Unit},
    model::{Event, SecretString, SessionEnd, SessionId, UserId},
};

impl Sessions<'_> {
    /// Ends the session of an access token. Its refresh token and access tokens are dead when this returns. Ending a
    /// session that is over already is no error.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn sign_out(&self, cx: &RequestContext, who: &Identity) -> Result<(), Error> {
        self.sign_out_of(cx, who.user_id, who.session_id, who.actor)
            .await
    }

    /// The same, for somebody whose access token has expired. Any refresh token of the session will do, a used one too:
    /// ending is the safe direction.
    ///
    /// # Errors
    ///
    /// [`SessionError::InvalidRefreshToken`] where it is not a refresh token of ours; a failure of the store.
    pub async fn sign_out_by_refresh_token(
        &self,
        cx: &RequestContext,
        refresh_token: &SecretString,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let token = inner
            .refresh_tokens
            .verify(cx.tenant_id, refresh_token.expose())
            .map_err(|_| SessionError::InvalidRefreshToken)?;
        match inner
            .repository
            .find_session(cx.tenant_id, token.session_id)
            .await?
        {
            Some(session) => {
                let actor = session.impersonation.map(|acting| acting.by);
                self.sign_out_of(cx, session.user_id, session.id, actor)
                    .await
            }
            None => Err(SessionError::InvalidRefreshToken.into()),
        }
    }

    /// `actor` is who acts as the user in the session, where somebody does.
    async fn sign_out_of(
        &self,
        cx: &RequestContext,
        user: UserId,
        session: SessionId,
        actor: Option<UserId>,
    ) -> Result<(), Error> {
        let reason = SessionEnd::SignedOut;
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        if unit.end_session(session, reason).await? {
            let record = Record::success(Event::SessionEnded)
                .by(user)
                .acted_by(actor)
                .because(reason.as_str());
            unit.record(record.detail("session_id", session.to_string()))
                .await?;
        }
        unit.commit().await
    }

    /// Ends one of one's own sessions.
    ///
    /// # Errors
    ///
    /// [`SessionError::NotFound`] where it is not a live session of this user's;
    /// [`AccessError::Invalid`](crate::AccessError::Invalid) where one's own is over; a failure of the store.
    pub async fn end(
        &self,
        cx: &RequestContext,
        who: &Identity,
        session: SessionId,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        unit.require_live(who).await?;
        let now = unit.now();
        let found = unit
            .tx()
            .sessions()
            .find_for_update(cx.tenant_id, session)
            .await?;
        if found.is_none_or(|found| found.user_id != who.user_id || !found.is_live(now)) {
            return Err(SessionError::NotFound.into());
        }
        let reason = if session == who.session_id {
            SessionEnd::SignedOut
        } else {
            SessionEnd::RevokedByUser
        };
        unit.end_session(session, reason).await?;
        let record = Record::success(Event::SessionEnded)
            .by(who.user_id)
            .because(reason.as_str());
        unit.record(record.detail("session_id", session.to_string()))
            .await?;
        unit.commit().await
    }

    /// Ends all of one's own sessions but the one that asks.
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`](crate::AccessError::Invalid) where one's own is over; a failure of the store.
    pub async fn end_others(&self, cx: &RequestContext, who: &Identity) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        unit.require_live(who).await?;
        let ended = unit
            .end_sessions(who.user_id, Some(who.session_id), SessionEnd::RevokedByUser)
            .await?;
        if ended > 0 {
            let record = Record::success(Event::SessionEnded).by(who.user_id);
            unit.record(
                record
                    .because(SessionEnd::RevokedByUser.as_str())
                    .detail("count", ended),
            )
            .await?;
        }
        unit.commit().await
    }
}
