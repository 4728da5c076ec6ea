use super::{Sessions, SignedIn};
use crate::{
    Error, RequestContext, SessionError,
    crypto::RefreshToken,
    flows::{Record, Unit, impersonation::GoesOn},
    mail::{AccountMail, Notice},
    model::{Event, SecretString, Session, SessionEnd, Timestamp},
    store::{RotatedSession, SessionRotation},
};

/// What a refresh token is, whose generation is not the current one of a live session.
enum Staleness {
    /// The one before the current, within the grace: two tabs, a lost answer, a retry.
    Retry,
    /// It was used, and somebody has what came of it.
    Reuse,
    /// Nothing that this server ever handed out for this session, or the account may not be used.
    Refused,
}

impl Sessions<'_> {
    /// Exchanges a refresh token for new tokens.
    ///
    /// The token just before the current one gets, within the grace, the same successor again. Anything older, or later,
    /// is reuse: the session ends (RFC 9700 section 4.14.2). A routine rotation writes no audit event.
    ///
    /// # Errors
    ///
    /// [`SessionError::InvalidRefreshToken`] for every reason; [`Error::Refused`] by the claims hook; a failure of the
    /// store.
    pub async fn refresh(
        &self,
        cx: &RequestContext,
        refresh_token: &SecretString,
    ) -> Result<SignedIn, Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let token = inner
            .refresh_tokens
            .verify(cx.tenant_id, refresh_token.expose())
            .map_err(|_| SessionError::InvalidRefreshToken)?;
        let rotation = SessionRotation {
            tenant_id: cx.tenant_id,
            session_id: token.session_id,
            generation: token.generation,
            now,
            idle_lifetime: inner.config.sessions.idle_lifetime,
            ip: cx.ip,
        };
        match inner.repository.rotate_session(&rotation).await? {
            Some(RotatedSession { session, account }) => {
                self.require_going_on(cx, &session).await?;
                let custom = self.custom_claims(cx, &account.user, &session).await?;
                self.tokens_for(session, account, custom, now)
            }
            None => self.refresh_stale(cx, &token, now).await,
        }
    }

    async fn refresh_stale(
        &self,
        cx: &RequestContext,
        token: &RefreshToken,
        now: Timestamp,
    ) -> Result<SignedIn, Error> {
        let inner = self.0.inner();
        let invalid = || Error::from(SessionError::InvalidRefreshToken);
        let session = inner
            .repository
            .find_session(cx.tenant_id, token.session_id)
            .await?
            .ok_or_else(invalid)?;
        match self.staleness(&session, token, now) {
            Staleness::Retry => {
                let account = inner
                    .repository
                    .find_account(cx.tenant_id, session.user_id)
                    .await?;
                let mut account = account
                    .filter(|account| account.user.is_active())
                    .ok_or_else(invalid)?;
                if session.organization_id.is_some() {
                    account.authority = inner
                        .repository
                        .find_authority(cx.tenant_id, session.user_id, session.organization_id)
                        .await?
                        .ok_or_else(invalid)?;
                }
                self.require_going_on(cx, &session).await?;
                let custom = self.custom_claims(cx, &account.user, &session).await?;
                self.tokens_for(session, account, custom, now)
            }
            Staleness::Reuse => {
                self.end_reused(cx, &session, token).await?;
                Err(invalid())
            }
            Staleness::Refused => Err(invalid()),
        }
    }

    /// Where somebody acts as the user, they must still be the one who may.
    async fn require_going_on(&self, cx: &RequestContext, session: &Session) -> Result<(), Error> {
        match self.0.impersonation().goes_on(cx, session).await? {
            GoesOn::Yes => Ok(()),
            GoesOn::Ended => Err(SessionError::InvalidRefreshToken.into()),
        }
    }

    fn staleness(self, session: &Session, token: &RefreshToken, now: Timestamp) -> Staleness {
        if !session.is_live(now) || token.generation >= session.generation {
            return Staleness::Refused;
        }
        let before_current = token.generation.checked_add(1) == Some(session.generation);
        let in_grace = now
            < session
                .rotated_at
                .after(self.0.inner().config.sessions.refresh_grace);
        if before_current && in_grace {
            Staleness::Retry
        } else {
            Staleness::Reuse
        }
    }

    async fn end_reused(
        &self,
        cx: &RequestContext,
        session: &Session,
        token: &RefreshToken,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        // Of several that come with the same old token, one ends the session and tells; the others find it ended.
        if unit.end_session(session.id, SessionEnd::Reuse).await? {
            let record = Record::failure(Event::SessionReuseDetected, "refresh_token_reused")
                .target(session.user_id);
            let record = record.detail("session_id", session.id.to_string());
            let generations = (token.generation, session.generation);
            unit.record(
                record
                    .detail("generation", generations.0)
                    .detail("current_generation", generations.1),
            )
            .await?;
            if let Some(user) = unit
                .tx()
                .users()
                .find(cx.tenant_id, session.user_id)
                .await?
            {
                unit.mail(&AccountMail::notice(Notice::SessionReused, &user))
                    .await?;
            }
        }
        unit.commit().await
    }
}
