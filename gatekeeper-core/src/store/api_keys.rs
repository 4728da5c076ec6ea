use async_trait::async_trait;

use super::StoreError;
use crate::model::{ApiKey, ApiKeyId, Page, PageRequest, TenantId, Timestamp, UserId};

/// API keys. What every request with one needs is
/// [`Repository::find_api_key`](super::Repository::find_api_key).
#[async_trait]
pub trait ApiKeyRepository: Send {
    /// The key with this id.
    async fn find(&mut self, tenant: TenantId, key: ApiKeyId)
    -> Result<Option<ApiKey>, StoreError>;

    /// The same, held until the transaction ends.
    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        key: ApiKeyId,
    ) -> Result<Option<ApiKey>, StoreError>;

    /// Adds a key.
    ///
    /// # Errors
    ///
    /// `Conflict(Id)`; `Conflict(Reference)` where the user does not exist in the tenant.
    async fn insert(&mut self, key: &ApiKey) -> Result<(), StoreError>;

    /// Puts another in a key's place: it has a successor and, from `expires_at` on, is dead, if it was not to be earlier. Only where it
    /// is neither revoked nor has a successor; answers whether it did.
    async fn replace(
        &mut self,
        tenant: TenantId,
        key: ApiKeyId,
        by: ApiKeyId,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Revokes a key that is not revoked; answers whether it did.
    async fn revoke(
        &mut self,
        tenant: TenantId,
        key: ApiKeyId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Revokes every key of a user that is not revoked; answers which.
    async fn revoke_all_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<ApiKeyId>, StoreError>;

    /// A user's keys, revoked and expired ones too, by (`created_at`, id), newest first.
    async fn list_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, StoreError>;

    /// How many keys of a user are live at `now`. The caller holds the user's row.
    async fn count_live(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<u32, StoreError>;

    /// Removes up to `limit` keys, of all tenants, that were revoked or expired before `before`.
    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
