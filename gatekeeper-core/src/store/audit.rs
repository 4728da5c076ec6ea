use async_trait::async_trait;

use super::StoreError;
use crate::model::{AuditEvent, Event, Page, PageRequest, TenantId, Timestamp, UserId};

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

    /// Removes up to `limit` rows, of all tenants, of before `before`: the oldest first.
    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
