use async_trait::async_trait;

use super::StoreError;
use crate::model::{Authority, OrganizationId, Role, RoleName, TenantId, Timestamp, UserId};

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
    /// `Conflict(RoleName)`; `Conflict(Reference)` where the tenant or a role it inherits does not exist.
    async fn insert(&mut self, role: &Role) -> Result<(), StoreError>;

    /// Writes description, permissions and what it inherits. Answers whether there was one.
    ///
    /// # Errors
    ///
    /// `Conflict(Reference)` where a role it inherits does not exist.
    async fn update(&mut self, role: &Role) -> Result<bool, StoreError>;

    /// Removes a role with its grants, from groups and memberships, and from what others inherit.
    async fn delete(&mut self, tenant: TenantId, name: &RoleName) -> Result<bool, StoreError>;

    /// Says which roles a role stands for: itself and all that it inherits, however far. It replaces what was said before. A role that
    /// was just inserted stands for itself alone until then. The caller holds the tenant's row.
    async fn set_closure(
        &mut self,
        tenant: TenantId,
        name: &RoleName,
        closure: &[RoleName],
    ) -> Result<(), StoreError>;

    /// Whether an active user other than this one has the role granted directly.
    async fn has_other_holder(
        &mut self,
        tenant: TenantId,
        role: &RoleName,
        except: UserId,
    ) -> Result<bool, StoreError>;

    /// The roles granted directly to a user, by name.
    async fn granted(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<RoleName>, StoreError>;

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

    /// What a user may do, with this organisation as the active one: everything that was granted directly, to groups, and to the
    /// membership of the organisation (where the user is a member of it), with all that the roles stand for.
    async fn authority(
        &mut self,
        tenant: TenantId,
        user: UserId,
        organization: Option<OrganizationId>,
    ) -> Result<Authority, StoreError>;
}
