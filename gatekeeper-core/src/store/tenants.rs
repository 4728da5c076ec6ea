use async_trait::async_trait;

use super::StoreError;
use crate::model::{Page, PageRequest, Tenant, TenantId};

/// Tenants.
#[async_trait]
pub trait TenantRepository: Send {
    /// The tenant with this id.
    async fn find(&mut self, tenant: TenantId) -> Result<Option<Tenant>, StoreError>;

    /// The same, held until the transaction ends. Whoever changes the roles of a tenant, or what they inherit, holds it.
    async fn find_for_update(&mut self, tenant: TenantId) -> Result<Option<Tenant>, StoreError>;

    /// Tenants by (`created_at`, id), newest first.
    async fn list(&mut self, page: PageRequest) -> Result<Page<Tenant>, StoreError>;

    /// Removes a tenant with all that is its own, the audit trail and its chain included. Answers whether there was one. The default
    /// tenant cannot be removed: `false`. Revocations alone stay until they expire: every node has to hear that its access tokens are
    /// dead.
    async fn delete(&mut self, tenant: TenantId) -> Result<bool, StoreError>;

    /// Adds a tenant with its system roles `admin` (permission `*`) and, where it is the default tenant,
    /// `platform_admin` (`*` and `tenants:*`).
    ///
    /// # Errors
    ///
    /// `Conflict(TenantSlug)`.
    async fn insert(&mut self, tenant: &Tenant) -> Result<(), StoreError>;

    /// Writes the whole row. Answers whether there was one.
    ///
    /// # Errors
    ///
    /// `Conflict(TenantSlug)`.
    async fn update(&mut self, tenant: &Tenant) -> Result<bool, StoreError>;
}
