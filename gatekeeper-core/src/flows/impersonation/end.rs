use super::Impersonations;
use crate::{
    AccessError, Error, Identity, ImpersonationError, RequestContext,
    flows::Unit,
    model::{Session, SessionEnd},
};

impl Impersonations<'_> {
    /// Ceases to act as somebody else: the session is over, and its tokens are dead when this returns.
    ///
    /// # Errors
    ///
    /// [`ImpersonationError::NotActing`] where whoever asks acts as themselves; [`AccessError::Invalid`] where the session is over
    /// already; a failure of the store.
    pub async fn end(&self, cx: &RequestContext, who: &Identity) -> Result<(), Error> {
        if who.actor.is_none() {
            return Err(ImpersonationError::NotActing.into());
        }
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let now = unit.now();
        let session = unit
            .tx()
            .sessions()
            .find_for_update(cx.tenant_id, who.session_id)
            .await?;
        let acts = |session: &Session| {
            let by = session.impersonation.as_ref().map(|acting| acting.by);
            session.user_id == who.user_id && session.is_live(now) && by == who.actor
        };
        let session = session.filter(acts).ok_or(AccessError::Invalid)?;
        unit.end_session(session.id, SessionEnd::ImpersonationEnded)
            .await?;
        unit.commit().await
    }
}
