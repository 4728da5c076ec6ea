use std::time::Duration;

use super::{
    ApiKeys, CreatedApiKey, create, effective, end_of,
    input::Draft,
    revoke::{forget, hold},
};
use crate::{
    ApiKeyError, Error, Identity, RequestContext, Violations,
    flows::{Record, Unit, administration::Acting},
    model::{ApiKey, ApiKeyId, Event, User},
};

impl ApiKeys<'_> {
    /// Puts a new key in the place of one of one's own: of the same name, networks and lifetime, and with those of its scopes that
    /// one still reaches. The old one lives on for `grace`, and never longer than it would have.
    ///
    /// Once only: what has a successor is not rotated again.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/grace_seconds`; [`ApiKeyError::NotFound`], [`ApiKeyError::Settled`]; [`ApiKeyError::LimitReached`]
    /// where the old one would be one too many; [`ApiKeyError::NotOffered`];
    /// [`AccessError::SessionRequired`](crate::AccessError::SessionRequired) with a key,
    /// [`AccessError::Impersonating`](crate::AccessError::Impersonating) for whoever acts as somebody else;
    /// [`AccessError::Invalid`](crate::AccessError::Invalid) where one's session is over; a failure of the store.
    pub async fn rotate(
        &self,
        cx: &RequestContext,
        who: &Identity,
        key: ApiKeyId,
        grace: Duration,
    ) -> Result<CreatedApiKey, Error> {
        let inner = self.0.inner();
        inner.require_api_keys()?;
        who.require_oneself()?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let owner = unit.require_live(who).await?;
        let (old, made) = rotate(&mut unit, &owner, key, grace, None).await?;
        unit.record(rotated(&old, &made.key).by(owner.id)).await?;
        unit.commit().await?;
        Ok(made)
    }
}

/// What the audit trail says of a key that has a successor.
pub(super) fn rotated(old: &ApiKey, new: &ApiKey) -> Record {
    Record::success(Event::ApiKeyRotated)
        .detail("api_key", old.id.to_string())
        .detail("successor", new.id.to_string())
        .detail("prefix", new.prefix.clone())
        .detail("permissions", new.permissions.clone())
}

/// Rotates a key of somebody whose row is held.
pub(super) async fn rotate(
    unit: &mut Unit<'_>,
    owner: &User,
    key: ApiKeyId,
    grace: Duration,
    by: Option<&Acting>,
) -> Result<(ApiKey, CreatedApiKey), Error> {
    let (tenant, now) = (unit.tenant(), unit.now());
    let config = &unit.inner().config.api_keys;
    let old = hold(unit, owner.id, key).await?;
    if !old.is_live(now) || old.replaced_by.is_some() {
        return Err(ApiKeyError::Settled.into());
    }
    if grace > config.max_grace {
        let most = config.max_grace.as_secs();
        let detail = format!("must be at most {most}");
        return Err(Violations::one("/grace_seconds", "api_key.grace", detail).into());
    }
    let authority = unit.tx().roles().authority(tenant, owner.id, None).await?;
    let permissions = effective(tenant, &old.permissions, &authority.permissions);
    if let Some(acting) = by {
        acting.require_reach(&permissions)?;
    }
    let lifetime = old.expires_at.map(|at| at.since(old.created_at));
    let draft = Draft {
        name: old.name.clone(),
        permissions,
        networks: old.networks.clone(),
        expires_at: end_of(now, lifetime, config.max_lifetime),
    };
    let created_by = by.and_then(Acting::user_id).filter(|by| *by != owner.id);
    let made = create::insert(unit, owner, draft, created_by).await?;
    let replaced = unit
        .tx()
        .api_keys()
        .replace(tenant, old.id, made.key.id, now.after(grace))
        .await?;
    if !replaced {
        return Err(ApiKeyError::Settled.into());
    }
    create::require_room(unit, owner).await?;
    // Who remembers the old one would let it live for longer than it now does.
    forget(unit, old.id).await?;
    Ok((old, made))
}
