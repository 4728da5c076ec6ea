use async_trait::async_trait;

use super::StoreError;
use crate::model::{
    Cursor, Group, GroupId, Page, PageRequest, RoleName, TenantId, Timestamp, UserId,
};

/// Groups, their members and their roles.
#[async_trait]
pub trait GroupRepository: Send {
    /// The group with this id, with its roles.
    async fn find(&mut self, tenant: TenantId, group: GroupId)
    -> Result<Option<Group>, StoreError>;

    /// The same, held until the transaction ends.
    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        group: GroupId,
    ) -> Result<Option<Group>, StoreError>;

    /// Adds a group with its roles.
    ///
    /// # Errors
    ///
    /// `Conflict(GroupName)`; `Conflict(Reference)` where the tenant or a role does not exist.
    async fn insert(&mut self, group: &Group) -> Result<(), StoreError>;

    /// Writes name, description and roles. Answers whether there was one.
    ///
    /// # Errors
    ///
    /// `Conflict(GroupName)`; `Conflict(Reference)` where a role does not exist.
    async fn update(&mut self, group: &Group) -> Result<bool, StoreError>;

    /// Removes a group with its memberships.
    async fn delete(&mut self, tenant: TenantId, group: GroupId) -> Result<bool, StoreError>;

    /// Groups by (`created_at`, id), newest first.
    async fn list(
        &mut self,
        tenant: TenantId,
        page: PageRequest,
    ) -> Result<Page<Group>, StoreError>;

    /// Makes a user a member; answers whether that changed anything.
    ///
    /// # Errors
    ///
    /// `Conflict(Reference)` where the group or the user does not exist in the tenant.
    async fn add_member(
        &mut self,
        tenant: TenantId,
        group: GroupId,
        user: UserId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Takes a user out; answers whether that changed anything.
    async fn remove_member(
        &mut self,
        tenant: TenantId,
        group: GroupId,
        user: UserId,
    ) -> Result<bool, StoreError>;

    /// Members with the time since when they are, by (that time, user id), newest first.
    async fn members(
        &mut self,
        tenant: TenantId,
        group: GroupId,
        page: PageRequest,
    ) -> Result<Page<Cursor>, StoreError>;

    /// The groups of a user, by name, at most 500.
    async fn list_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<Group>, StoreError>;

    /// Whether any group has this role.
    async fn any_with_role(
        &mut self,
        tenant: TenantId,
        role: &RoleName,
    ) -> Result<bool, StoreError>;
}
