use async_trait::async_trait;

use super::StoreError;
use crate::model::{Authority, Role, RoleName, TenantId, Timestamp, UserId};

/// Roles and who has them.
#[async_trait]
pub trait RoleRepository: Send {
    /// The role of this name.
    async fn find(&mut self, tenant: TenantId, name: &RoleName)
    -> Result<Option<Role>, StoreError>;

    /// Adds a role.
    ///
    /// # Errors
    ///
    /// `Conflict(RoleName)`.
    async fn insert(&mut self, role: &Role) -> Result<(), StoreError>;

    /// Every role of the tenant, by name.
    async fn list(&mut self, tenant: TenantId) -> Result<Vec<Role>, StoreError>;

    /// Gives a user a role; answers whether that changed anything.
    ///
    /// # Errors
    ///
    /// `Conflict(Reference)` where the role or the user does not exist in the tenant.
    async fn grant(
        &mut self,
        tenant: TenantId,
        user: UserId,
        role: &RoleName,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Takes a role from a user; answers whether that changed anything.
    async fn revoke(
        &mut self,
        tenant: TenantId,
        user: UserId,
        role: &RoleName,
    ) -> Result<bool, StoreError>;

    /// The roles granted to a user and their permissions.
    async fn authority(&mut self, tenant: TenantId, user: UserId) -> Result<Authority, StoreError>;
}
