use async_trait::async_trait;

use super::StoreError;
use crate::model::{
    AuditEvent, AuditHead, AuditSeal, Event, EventId, Page, PageRequest, TenantId, Timestamp,
    UserId,
};

/// Which rows of the audit trail a list holds. `None` everywhere means all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Done by this user.
    pub actor: Option<UserId>,
    /// Concerning this user.
    pub target: Option<UserId>,
    /// Of this kind.
    pub event: Option<Event>,
    /// At or after this.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
}

/// The audit trail. Rows are only ever added, and go when they are older than the application keeps them.
#[async_trait]
pub trait AuditRepository: Send {
    /// Adds a row.
    async fn append(&mut self, event: &AuditEvent) -> Result<(), StoreError>;

    /// Rows by (`at`, id), newest first.
    async fn list(
        &mut self,
        tenant: TenantId,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEvent>, StoreError>;

    /// How many rows there are, but never more than `up_to`: what it costs is bounded by that.
    async fn count(
        &mut self,
        tenant: TenantId,
        filter: &AuditFilter,
        up_to: u32,
    ) -> Result<u32, StoreError>;

    /// Up to `limit` rows of all tenants that have no place in their chain yet and were appended before `before`, by tenant and then
    /// by (`at`, id), oldest first. For the worker that gives them one.
    async fn unsealed(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError>;

    /// Where a tenant's chain stands, held until the transaction ends; `None` before its first row.
    async fn head_for_update(&mut self, tenant: TenantId) -> Result<Option<AuditHead>, StoreError>;

    /// Writes where a tenant's chain stands.
    async fn set_head(&mut self, head: &AuditHead) -> Result<(), StoreError>;

    /// Where the chains stand, by tenant id, of up to `limit` tenants after this one.
    async fn heads(
        &mut self,
        after: Option<TenantId>,
        limit: u32,
    ) -> Result<Vec<AuditHead>, StoreError>;

    /// Gives a row that has none its place; answers whether it did.
    async fn seal(
        &mut self,
        tenant: TenantId,
        event: EventId,
        seal: &AuditSeal,
    ) -> Result<bool, StoreError>;

    /// Up to `limit` rows with numbers above `after`, in their order.
    async fn sealed(
        &mut self,
        tenant: TenantId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError>;

    /// Removes the rows with numbers up to `sequence`; answers how many.
    async fn purge_sealed(&mut self, tenant: TenantId, sequence: i64) -> Result<u64, StoreError>;

    /// Erases address, user agent, details and salt of up to `limit` rows that this user did, as themselves or acting as another, or that
    /// concern this user, and that are not erased yet; answers how many.
    async fn erase(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError>;
}
