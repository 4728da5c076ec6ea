use async_trait::async_trait;

use super::StoreError;
use crate::model::{MailId, OutboxEntry, OutboxState, Page, PageRequest, TenantId, Timestamp};

/// Effects that were decided in a transaction and are carried out afterwards.
#[async_trait]
pub trait OutboxRepository: Send {
    /// Adds an entry.
    async fn enqueue(&mut self, entry: &OutboxEntry) -> Result<(), StoreError>;

    /// Takes up to `limit` pending entries that are due at `now`, oldest due first, of all tenants: counts the attempt
    /// and sets `due_at` to `lease_until`, so that nobody else takes them before. No entry is given to two callers.
    async fn claim(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutboxEntry>, StoreError>;

    /// Marks a claimed entry delivered and wipes its payload, where its attempt is still the one numbered `attempt`.
    async fn complete(
        &mut self,
        id: MailId,
        attempt: i32,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Notes that a claimed entry's attempt failed: it is due again at `retry_at`, or, with `None`, dead.
    async fn fail(
        &mut self,
        id: MailId,
        attempt: i32,
        error: &str,
        retry_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Entries that stand in `state`, by (`created_at`, id), newest first.
    async fn list(
        &mut self,
        tenant: TenantId,
        state: OutboxState,
        page: PageRequest,
    ) -> Result<Page<OutboxEntry>, StoreError>;

    /// Marks an entry delivered that is pending, claimed or not, or dead, and wipes its payload: nothing comes of it. Answers whether it
    /// did.
    async fn discard(
        &mut self,
        tenant: TenantId,
        id: MailId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Makes a dead entry pending again, with its attempts counted from zero.
    async fn revive(
        &mut self,
        tenant: TenantId,
        id: MailId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Removes up to `limit` delivered entries finished before `before`, of all tenants.
    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
