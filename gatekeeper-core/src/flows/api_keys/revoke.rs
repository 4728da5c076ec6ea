use super::ApiKeys;
use crate::{
    ApiKeyError, Error, Identity, RequestContext,
    flows::{Record, Unit},
    model::{ApiKey, ApiKeyId, Event, RevocationTarget, SessionId, UserId},
};

/// Whether a key was good before.
#[must_use]
pub(super) enum Revoked {
    Now,
    Before,
}

impl ApiKeys<'_> {
    /// Revokes a key of one's own: it opens nothing any more when this returns, on other nodes as soon as they hear of it. Doing it
    /// again changes nothing.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError::NotFound`]; [`AccessError::SessionRequired`](crate::AccessError::SessionRequired) with a key,
    /// [`AccessError::Impersonating`](crate::AccessError::Impersonating) for whoever acts as somebody else;
    /// [`AccessError::Invalid`](crate::AccessError::Invalid) where one's session is over; a failure of the store.
    pub async fn revoke(
        &self,
        cx: &RequestContext,
        who: &Identity,
        key: ApiKeyId,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        who.require_oneself()?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let owner = unit.require_live(who).await?;
        let key = hold(&mut unit, owner.id, key).await?;
        if let Revoked::Now = revoke(&mut unit, &key).await? {
            unit.record(revoked(&key).by(owner.id)).await?;
        }
        unit.commit().await
    }
}

/// What the audit trail says of a key that was revoked.
pub(super) fn revoked(key: &ApiKey) -> Record {
    Record::success(Event::ApiKeyRevoked)
        .detail("api_key", key.id.to_string())
        .detail("prefix", key.prefix.clone())
}

/// A key of this user's, held until the unit ends. The user's row is held already.
pub(super) async fn hold(
    unit: &mut Unit<'_>,
    owner: UserId,
    key: ApiKeyId,
) -> Result<ApiKey, Error> {
    let tenant = unit.tenant();
    let found = unit.tx().api_keys().find_for_update(tenant, key).await?;
    found
        .filter(|key| key.user_id == owner)
        .ok_or(ApiKeyError::NotFound.into())
}

/// Revokes a key and tells whoever remembers it.
pub(super) async fn revoke(unit: &mut Unit<'_>, key: &ApiKey) -> Result<Revoked, Error> {
    let (tenant, now) = (unit.tenant(), unit.now());
    if !unit.tx().api_keys().revoke(tenant, key.id, now).await? {
        return Ok(Revoked::Before);
    }
    forget(unit, key.id).await?;
    Ok(Revoked::Now)
}

/// Has every node read a key anew before it believes it again.
pub(super) async fn forget(unit: &mut Unit<'_>, key: ApiKeyId) -> Result<(), Error> {
    unit.revoke(RevocationTarget::Session(SessionId::from_uuid(
        key.as_uuid(),
    )))
    .await
}
