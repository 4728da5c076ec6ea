use async_trait::async_trait;

use super::StoreError;
use crate::model::{Tenant, TenantId};

/// Tenants.
#[async_trait]
pub trait TenantRepository: Send {
    /// The tenant with this id.
    async fn find(&mut self, tenant: TenantId) -> Result<Option<Tenant>, StoreError>;

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
