use async_trait::async_trait;

use super::StoreError;
use crate::model::{Device, DeviceId, TenantId, Timestamp, UserId};

/// Browsers and apps that a user has signed in with before.
#[async_trait]
pub trait DeviceRepository: Send {
    /// A user's device, revoked or not.
    async fn find(
        &mut self,
        tenant: TenantId,
        user: UserId,
        device: DeviceId,
    ) -> Result<Option<Device>, StoreError>;

    /// Adds a device, or writes the whole row of the one with its id.
    ///
    /// # Errors
    ///
    /// `Conflict(Reference)` where the user does not exist in the tenant.
    async fn put(&mut self, device: &Device) -> Result<(), StoreError>;

    /// The devices of a user that are neither revoked nor expired at `now`, newest first, at most 100.
    async fn list(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Device>, StoreError>;

    /// Revokes a device that is not revoked; answers whether it did.
    async fn revoke(
        &mut self,
        tenant: TenantId,
        user: UserId,
        device: DeviceId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Takes from every device of a user the trust that spares it the second factor; it stays a known one. Answers how many
    /// were trusted.
    async fn distrust_all(&mut self, tenant: TenantId, user: UserId) -> Result<u64, StoreError>;

    /// Revokes every device of a user that is not revoked; answers how many.
    async fn revoke_all(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Removes up to `limit` devices, of all tenants, that expired or were revoked before `before`.
    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
