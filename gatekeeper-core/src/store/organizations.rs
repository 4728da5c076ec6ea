use async_trait::async_trait;

use super::StoreError;
use crate::model::{Membership, Organization, OrganizationId, Page, PageRequest, TenantId, UserId};

/// Organisations inside a tenant, and who belongs to them.
#[async_trait]
pub trait OrganizationRepository: Send {
    /// The organisation with this id.
    async fn find(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
    ) -> Result<Option<Organization>, StoreError>;

    /// The same, held until the transaction ends.
    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
    ) -> Result<Option<Organization>, StoreError>;

    /// Adds an organisation.
    ///
    /// # Errors
    ///
    /// `Conflict(OrganizationSlug)`; `Conflict(Reference)` where the tenant does not exist.
    async fn insert(&mut self, organization: &Organization) -> Result<(), StoreError>;

    /// Writes the whole row. Answers whether there was one.
    ///
    /// # Errors
    ///
    /// `Conflict(OrganizationSlug)`.
    async fn update(&mut self, organization: &Organization) -> Result<bool, StoreError>;

    /// Removes an organisation with its memberships and its invitations.
    async fn delete(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
    ) -> Result<bool, StoreError>;

    /// Organisations by (`created_at`, id), newest first.
    async fn list(
        &mut self,
        tenant: TenantId,
        page: PageRequest,
    ) -> Result<Page<Organization>, StoreError>;

    /// Makes a user a member, or gives a member these roles in place of those before; answers whether it was a member before. The
    /// time of a member that was there stays.
    ///
    /// # Errors
    ///
    /// `Conflict(Reference)` where the organisation, the user or a role does not exist in the tenant.
    async fn put_member(&mut self, membership: &Membership) -> Result<bool, StoreError>;

    /// Takes a user out; answers whether that changed anything.
    async fn remove_member(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<bool, StoreError>;

    /// A user's membership.
    async fn find_member(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<Membership>, StoreError>;

    /// Members by (`created_at`, user id), newest first.
    async fn members(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
        page: PageRequest,
    ) -> Result<Page<Membership>, StoreError>;

    /// What a user belongs to, with the membership, by (its `created_at`, organisation id), newest first.
    async fn list_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        page: PageRequest,
    ) -> Result<Page<(Organization, Membership)>, StoreError>;
}
