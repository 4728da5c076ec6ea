use std::time::Duration;

use super::{
    CreatedApiKey, NewApiKey, create,
    input::Draft,
    revoke::{self, Revoked, hold},
    rotate,
};
use crate::{
    AccessError, AccountError, Administration, ApiKeyError, Error, ImpersonationError,
    RequestContext,
    flows::{Unit, administration::Acting},
    model::{ApiKey, ApiKeyId, Page, PageRequest, User, UserId},
};

/// Reads keys of others.
const READ: &str = "api_keys:read";
/// Makes, rotates and revokes keys of others.
const WRITE: &str = "api_keys:write";

impl Administration<'_> {
    /// A user's keys, dead ones too, newest first. Permission `api_keys:read`.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`]; [`AccessError::Forbidden`]; a failure of the store.
    pub async fn list_api_keys(
        &self,
        cx: &RequestContext,
        user: UserId,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, Error> {
        self.require_held(READ)?;
        let mut tx = self.0.inner().repository.begin().await?;
        if tx.users().find(cx.tenant_id, user).await?.is_none() {
            return Err(AccountError::NotFound.into());
        }
        Ok(tx
            .api_keys()
            .list_for_user(cx.tenant_id, user, page)
            .await?)
    }

    /// One of a user's keys. Permission `api_keys:read`.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError::NotFound`]; [`AccessError::Forbidden`]; a failure of the store.
    pub async fn find_api_key(
        &self,
        cx: &RequestContext,
        user: UserId,
        key: ApiKeyId,
    ) -> Result<ApiKey, Error> {
        self.require_held(READ)?;
        let mut tx = self.0.inner().repository.begin().await?;
        let found = tx.api_keys().find(cx.tenant_id, key).await?;
        found
            .filter(|key| key.user_id == user)
            .ok_or(ApiKeyError::NotFound.into())
    }

    /// Makes a key for a service account. Permission `api_keys:write`, and a reach as far as the account's and the key's.
    ///
    /// # Security
    ///
    /// Whoever has a key of somebody's can act as them. An administrator therefore makes none for other people (there is
    /// impersonation, which is announced, limited and recorded), and an operator of the process should think twice.
    ///
    /// # Errors
    ///
    /// As [`ApiKeys::create`](crate::ApiKeys::create), and [`AccountError::NotFound`]; [`AccessError::Forbidden`];
    /// [`AccessError::InsufficientRank`]; [`ImpersonationError::NotPossible`] for another person.
    pub async fn create_api_key(
        &self,
        cx: &RequestContext,
        user: UserId,
        input: NewApiKey,
    ) -> Result<CreatedApiKey, Error> {
        let inner = self.0.inner();
        inner.require_api_keys()?;
        self.require_signed_in()?;
        let now = inner.clock.now();
        let draft = Draft::of(&inner.config.api_keys, cx.tenant_id, now, input)?;
        let mut unit = Unit::begin(inner, cx, now).await?;
        let (acting, owner) = self.act_on(&mut unit, WRITE, user).await?;
        require_program(&acting, &owner)?;
        acting.require_reach(&draft.permissions)?;
        let by = acting.user_id().filter(|by| *by != owner.id);
        let made = create::make(&mut unit, &owner, draft, by).await?;
        let record = create::created(&made.key).by_administrator(&acting);
        unit.record(record.target(owner.id)).await?;
        unit.commit().await?;
        Ok(made)
    }

    /// Rotates a key of a service account, as [`ApiKeys::rotate`](crate::ApiKeys::rotate) does one's own. Permission
    /// `api_keys:write`, and a reach as far as the account's.
    ///
    /// # Errors
    ///
    /// As [`ApiKeys::rotate`](crate::ApiKeys::rotate), and those of [`create_api_key`](Self::create_api_key).
    pub async fn rotate_api_key(
        &self,
        cx: &RequestContext,
        user: UserId,
        key: ApiKeyId,
        grace: Duration,
    ) -> Result<CreatedApiKey, Error> {
        let inner = self.0.inner();
        inner.require_api_keys()?;
        self.require_signed_in()?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, owner) = self.act_on(&mut unit, WRITE, user).await?;
        require_program(&acting, &owner)?;
        let (old, made) = rotate::rotate(&mut unit, &owner, key, grace, Some(&acting)).await?;
        let record = rotate::rotated(&old, &made.key).by_administrator(&acting);
        unit.record(record.target(owner.id)).await?;
        unit.commit().await?;
        Ok(made)
    }

    /// Revokes a key of anybody's. Permission `api_keys:write`, and a reach as far as the owner's. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`], [`ApiKeyError::NotFound`]; [`AccessError::Forbidden`]; [`AccessError::InsufficientRank`]; a failure
    /// of the store.
    pub async fn revoke_api_key(
        &self,
        cx: &RequestContext,
        user: UserId,
        key: ApiKeyId,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, owner) = self.act_on(&mut unit, WRITE, user).await?;
        let key = hold(&mut unit, owner.id, key).await?;
        if let Revoked::Now = revoke::revoke(&mut unit, &key).await? {
            let record = revoke::revoked(&key).by_administrator(&acting);
            unit.record(record.target(owner.id)).await?;
        }
        unit.commit().await
    }

    /// For what only reads: the permission in the identity, which the transport has asked for already.
    pub(super) fn require_held(&self, permission: &str) -> Result<(), Error> {
        if self.1.is_none_or(|who| who.has_permission(permission)) {
            Ok(())
        } else {
            Err(AccessError::Forbidden.into())
        }
    }

    /// What makes a credential is for somebody who is signed in as themselves.
    fn require_signed_in(&self) -> Result<(), Error> {
        match self.1 {
            Some(who) => Ok(who.require_oneself()?),
            None => Ok(()),
        }
    }
}

/// Refuses an administrator another person's key.
fn require_program(acting: &Acting, owner: &User) -> Result<(), Error> {
    let other = acting.user_id().is_some_and(|by| by != owner.id);
    if other && owner.is_person() {
        Err(ImpersonationError::NotPossible.into())
    } else {
        Ok(())
    }
}
