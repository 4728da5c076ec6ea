use std::collections::HashMap;

use super::Impersonations;
use crate::{
    AccessError, Error, Identity, RequestContext,
    model::{Session, Timestamp, UserId},
};

/// Somebody who acts as another user, as that user sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impersonator {
    /// Who.
    pub id: UserId,
    /// What they are called.
    pub name: Option<String>,
    /// Their address.
    pub email: String,
}

/// That somebody acts as a user: what an application shows on every page meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImpersonationStatus {
    /// Who acts.
    pub by: Impersonator,
    /// Why.
    pub reason: String,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

impl Impersonations<'_> {
    /// Whether whoever asks acts as somebody else, and how; `None` where they act as themselves.
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`] where the session is over; a failure of the store.
    pub async fn status(
        &self,
        cx: &RequestContext,
        who: &Identity,
    ) -> Result<Option<ImpersonationStatus>, Error> {
        let Some(actor) = who.actor else {
            return Ok(None);
        };
        let inner = self.0.inner();
        let now = inner.clock.now();
        let session = inner
            .repository
            .find_session(cx.tenant_id, who.session_id)
            .await?
            .filter(|session| session.user_id == who.user_id && session.is_live(now))
            .ok_or(AccessError::Invalid)?;
        let sessions = [session];
        let mut known = self.impersonators(cx, &sessions).await?;
        let [session] = sessions;
        let by = known.remove(&actor).ok_or(AccessError::Invalid)?;
        let impersonation = session.impersonation.as_ref();
        Ok(impersonation.map(|impersonation| ImpersonationStatus {
            by,
            reason: impersonation.reason.clone(),
            expires_at: session.expires_at(),
        }))
    }

    /// Who acts in these sessions, where somebody does, by id.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn impersonators(
        &self,
        cx: &RequestContext,
        sessions: &[Session],
    ) -> Result<HashMap<UserId, Impersonator>, Error> {
        let mut ids: Vec<UserId> = Vec::new();
        for session in sessions {
            ids.extend(session.impersonation.as_ref().map(|acting| acting.by));
        }
        ids.sort_unstable();
        ids.dedup();
        let mut known = HashMap::with_capacity(ids.len());
        // Hardly any list has one: nothing is asked for the others.
        if ids.is_empty() {
            return Ok(known);
        }
        let mut tx = self.0.inner().repository.begin().await?;
        for id in ids {
            if let Some(user) = tx.users().find(cx.tenant_id, id).await? {
                let impersonator = Impersonator {
                    id,
                    name: user.name,
                    email: user.email.as_str().to_owned(),
                };
                known.insert(id, impersonator);
            }
        }
        Ok(known)
    }
}
