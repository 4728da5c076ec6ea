use super::{ApiKeys, CreatedApiKey, NewApiKey, input::Draft};
use crate::{
    AccessError, ApiKeyError, Error, Identity, RequestContext,
    crypto::ApiKeyFormat,
    flows::{Record, Unit},
    identity::reaches,
    model::{ApiKey, ApiKeyId, Event, User, UserId},
};

impl ApiKeys<'_> {
    /// Makes a key of one's own. Its text is in the answer and is never told again.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/name`, `/permissions`, `/networks`, `/expires_at`; [`AccessError::InsufficientRank`] where a scope goes
    /// beyond what one may do oneself; [`ApiKeyError::LimitReached`]; [`ApiKeyError::NotOffered`];
    /// [`AccessError::SessionRequired`] with a key, [`AccessError::Impersonating`] for whoever acts as somebody else;
    /// [`AccessError::Invalid`] where one's session is over; a failure of the store.
    pub async fn create(
        &self,
        cx: &RequestContext,
        who: &Identity,
        input: NewApiKey,
    ) -> Result<CreatedApiKey, Error> {
        let inner = self.0.inner();
        inner.require_api_keys()?;
        who.require_oneself()?;
        let now = inner.clock.now();
        let draft = Draft::of(&inner.config.api_keys, cx.tenant_id, now, input)?;
        let mut unit = Unit::begin(inner, cx, now).await?;
        let owner = unit.require_live(who).await?;
        let made = make(&mut unit, &owner, draft, None).await?;
        unit.record(created(&made.key).by(owner.id)).await?;
        unit.commit().await?;
        Ok(made)
    }
}

/// What the audit trail says of a key that was made.
pub(super) fn created(key: &ApiKey) -> Record {
    Record::success(Event::ApiKeyCreated)
        .detail("api_key", key.id.to_string())
        .detail("prefix", key.prefix.clone())
        .detail("permissions", key.permissions.clone())
}

/// Makes a key for somebody whose row is held.
pub(super) async fn make(
    unit: &mut Unit<'_>,
    owner: &User,
    draft: Draft,
    created_by: Option<UserId>,
) -> Result<CreatedApiKey, Error> {
    let tenant = unit.tenant();
    // Read here, with the owner's row held: what stands in the access token may be of yesterday.
    let authority = unit.tx().roles().authority(tenant, owner.id, None).await?;
    if !reaches(tenant, &authority.permissions, &draft.permissions) {
        return Err(AccessError::InsufficientRank.into());
    }
    let made = insert(unit, owner, draft, created_by).await?;
    require_room(unit, owner).await?;
    Ok(made)
}

/// Refuses where the user has more live keys than there may be.
pub(super) async fn require_room(unit: &mut Unit<'_>, owner: &User) -> Result<(), Error> {
    let (tenant, now) = (unit.tenant(), unit.now());
    let most = unit.inner().config.api_keys.max_per_user;
    let live = unit
        .tx()
        .api_keys()
        .count_live(tenant, owner.id, now)
        .await?;
    if live > most {
        Err(ApiKeyError::LimitReached.into())
    } else {
        Ok(())
    }
}

/// Draws the secret and writes the row.
pub(super) async fn insert(
    unit: &mut Unit<'_>,
    owner: &User,
    draft: Draft,
    created_by: Option<UserId>,
) -> Result<CreatedApiKey, Error> {
    let (inner, now) = (unit.inner(), unit.now());
    let id = ApiKeyId::new(now, inner.random.as_ref());
    let text = ApiKeyFormat::new(inner.config.api_keys.environment.as_str()).issue(
        owner.tenant_id,
        id,
        inner.random.as_ref(),
    );
    let key = ApiKey {
        id,
        tenant_id: owner.tenant_id,
        user_id: owner.id,
        name: draft.name,
        prefix: text.prefix,
        hash: text.hash,
        permissions: draft.permissions,
        networks: draft.networks,
        created_by,
        created_at: now,
        expires_at: draft.expires_at,
        last_used_at: None,
        revoked_at: None,
        replaced_by: None,
    };
    unit.tx().api_keys().insert(&key).await?;
    Ok(CreatedApiKey {
        key,
        text: text.text,
    })
}
