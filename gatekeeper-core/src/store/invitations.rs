use async_trait::async_trait;

use super::StoreError;
use crate::model::{
    Invitation, InvitationId, NormalizedEmail, OrganizationId, Page, PageRequest, TenantId,
    Timestamp, TokenHash, UserId,
};

/// Which invitations a list holds. `None` everywhere means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvitationFilter {
    /// To this address alone.
    pub email: Option<NormalizedEmail>,
    /// To this organisation alone.
    pub organization: Option<OrganizationId>,
    /// Only those that can be accepted at this time.
    pub pending_at: Option<Timestamp>,
}

/// Invitations.
#[async_trait]
pub trait InvitationRepository: Send {
    /// The invitation with this id.
    async fn find(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
    ) -> Result<Option<Invitation>, StoreError>;

    /// The same, held until the transaction ends.
    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
    ) -> Result<Option<Invitation>, StoreError>;

    /// The invitation with this token that can be accepted at `now`: neither accepted, revoked nor expired.
    async fn find_by_hash(
        &mut self,
        tenant: TenantId,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Invitation>, StoreError>;

    /// Adds an invitation.
    ///
    /// # Errors
    ///
    /// `Conflict(Id)`; `Conflict(Reference)` where the tenant or the organisation does not exist.
    async fn insert(&mut self, invitation: &Invitation) -> Result<(), StoreError>;

    /// Puts another token in place of the one before, where the invitation can be accepted at `now`; answers whether it did.
    async fn set_hash(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Notes that it is mailed again, void the token before, and let it expire at `expires_at`; where it is neither accepted nor
    /// revoked. Answers whether it did.
    async fn renew(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Accepts: the invitation with this token, neither accepted, revoked nor expired at `now`. One guarded statement; of any number
    /// of concurrent callers one gets it.
    async fn accept(
        &mut self,
        tenant: TenantId,
        hash: &TokenHash,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<Invitation>, StoreError>;

    /// Revokes an invitation that is neither accepted nor revoked; answers whether it did.
    async fn revoke(
        &mut self,
        tenant: TenantId,
        invitation: InvitationId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Revokes every invitation of this address to this organisation (or, with `None`, to the tenant itself) that is neither accepted
    /// nor revoked; answers how many.
    async fn revoke_all_for_email(
        &mut self,
        tenant: TenantId,
        email: &NormalizedEmail,
        organization: Option<OrganizationId>,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Invitations by (`created_at`, id), newest first.
    async fn list(
        &mut self,
        tenant: TenantId,
        filter: &InvitationFilter,
        page: PageRequest,
    ) -> Result<Page<Invitation>, StoreError>;

    /// Removes up to `limit` invitations to this address, wherever they stand; answers how many.
    async fn erase_for_email(
        &mut self,
        tenant: TenantId,
        email: &NormalizedEmail,
        limit: u32,
    ) -> Result<u64, StoreError>;

    /// Removes up to `limit` invitations, of all tenants, that were accepted, revoked or expired before `before`.
    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
