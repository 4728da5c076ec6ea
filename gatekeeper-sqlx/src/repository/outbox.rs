use async_trait::async_trait;
use gatekeeper_core::{
    model::{Cursor, MailId, OutboxEntry, OutboxState, Page, PageRequest, TenantId, Timestamp},
    store::{OutboxRepository, StoreError},
};

use super::{
    SqlTransaction, across,
    dialect::Time,
    effects,
    rows::maybe,
    statements::statements,
    users::{bound, limit},
    within,
};

statements! {
    enqueue = "INSERT INTO {p}outbox ({outbox_entry}) \
               SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 \
               WHERE EXISTS (SELECT 1 FROM {p}tenants WHERE id = $2)";
    complete = "UPDATE {p}outbox SET state = 'delivered', payload = $4, finished_at = $3, \
                    last_error = NULL \
                WHERE id = $1 AND attempts = $2 AND state = 'pending'";
    fail = "UPDATE {p}outbox SET state = $4, due_at = COALESCE($5, due_at), finished_at = $6, \
                last_error = $3 \
            WHERE id = $1 AND attempts = $2 AND state = 'pending'";
    list = "SELECT {outbox_entry} FROM {p}outbox \
            WHERE tenant_id = $1 AND state = $2 AND (created_at, id) < ($3, $4) \
            ORDER BY created_at DESC, id DESC LIMIT $5";
    discard = "UPDATE {p}outbox SET state = 'delivered', payload = $4, finished_at = $3, \
                   last_error = NULL \
               WHERE id = $2 AND tenant_id = $1 AND state IN ('pending', 'dead')";
    revive = "UPDATE {p}outbox SET state = 'pending', attempts = 0, due_at = $3, \
                  finished_at = NULL \
              WHERE id = $2 AND tenant_id = $1 AND state = 'dead'";
    purge_expired = "DELETE FROM {p}outbox WHERE id IN (SELECT id FROM {p}outbox \
                         WHERE state = 'delivered' AND finished_at < $1 \
                         ORDER BY finished_at LIMIT $2{skip_locked})";
}

#[async_trait]
impl OutboxRepository for SqlTransaction {
    async fn enqueue(&mut self, entry: &OutboxEntry) -> Result<(), StoreError> {
        let query = within(entry.tenant_id, &self.sql.outbox.enqueue)
            .bind(entry.id.as_uuid())
            .bind(entry.tenant_id.as_uuid())
            .bind(entry.kind.as_str())
            .bind(entry.payload.as_slice())
            .bind(entry.state.as_str())
            .bind(entry.attempts)
            .bind(Time(entry.due_at))
            .bind(Time(entry.created_at))
            .bind(maybe(entry.finished_at))
            .bind(entry.last_error.as_deref());
        self.execute_in_tenant(query).await
    }

    async fn claim(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        effects::claim(self, now, lease_until, limit).await
    }

    async fn complete(
        &mut self,
        id: MailId,
        attempt: i32,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let query = across(&self.sql.outbox.complete)
            .bind(id.as_uuid())
            .bind(attempt)
            .bind(Time(now))
            .bind(&[0_u8; 0][..]);
        Ok(self.execute(query).await? > 0)
    }

    async fn fail(
        &mut self,
        id: MailId,
        attempt: i32,
        error: &str,
        retry_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (state, finished_at) = match retry_at {
            Some(_) => (OutboxState::Pending, None),
            None => (OutboxState::Dead, Some(now)),
        };
        let query = across(&self.sql.outbox.fail)
            .bind(id.as_uuid())
            .bind(attempt)
            .bind(error)
            .bind(state.as_str())
            .bind(maybe(retry_at))
            .bind(maybe(finished_at));
        Ok(self.execute(query).await? > 0)
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        state: OutboxState,
        page: PageRequest,
    ) -> Result<Page<OutboxEntry>, StoreError> {
        let (at, id) = bound(page);
        let query = within(tenant, &self.sql.outbox.list)
            .bind(tenant.as_uuid())
            .bind(state.as_str())
            .bind(at)
            .bind(id)
            .bind(limit(page));
        let entries: Vec<OutboxEntry> = self.fetch(query).await?;
        Ok(Page::from_rows(entries, page.limit, |entry| Cursor {
            at: entry.created_at,
            id: entry.id.as_uuid(),
        }))
    }

    async fn discard(
        &mut self,
        tenant: TenantId,
        id: MailId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let query = within(tenant, &self.sql.outbox.discard)
            .bind(tenant.as_uuid())
            .bind(id.as_uuid())
            .bind(Time(now))
            .bind(&[0_u8; 0][..]);
        Ok(self.execute(query).await? > 0)
    }

    async fn revive(
        &mut self,
        tenant: TenantId,
        id: MailId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let query = within(tenant, &self.sql.outbox.revive)
            .bind(tenant.as_uuid())
            .bind(id.as_uuid())
            .bind(Time(now));
        Ok(self.execute(query).await? > 0)
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let query = across(&self.sql.outbox.purge_expired)
            .bind(Time(before))
            .bind(i64::from(limit));
        self.execute(query).await
    }
}
