//! The chain of the audit trail: places, heads, erasure.

use gatekeeper_core::{
    model::{AuditEvent, AuditHead, AuditSeal, EventId, TenantId, Timestamp, UserId},
    store::{Constraint, StoreError},
};
use serde_json::Map;
use uuid::Uuid;

use super::{SqlTransaction, across, dialect::Time, rows::json, statements::statements, within};

statements! {
    unsealed = "SELECT {audit_event} FROM {p}audit_events \
                WHERE sequence IS NULL AND at < $1 ORDER BY tenant_id, at, id LIMIT $2";
    head = "SELECT {audit_head} FROM {p}audit_heads WHERE tenant_id = $1{for_update}";
    set_head = "INSERT INTO {p}audit_heads ({audit_head}) SELECT $1, $2, $3, $4, $5, $6, $7 \
                WHERE EXISTS (SELECT 1 FROM {p}tenants WHERE id = $1) \
                ON CONFLICT (tenant_id) DO UPDATE SET sequence = excluded.sequence, \
                    link = excluded.link, base_sequence = excluded.base_sequence, \
                    base_link = excluded.base_link, updated_at = excluded.updated_at, \
                    mac = excluded.mac";
    heads = "SELECT {audit_head} FROM {p}audit_heads WHERE tenant_id > $1 \
             ORDER BY tenant_id LIMIT $2";
    seal = "UPDATE {p}audit_events SET sequence = $3, link = $4 \
            WHERE id = $2 AND tenant_id = $1 AND sequence IS NULL";
    sealed = "SELECT {audit_event} FROM {p}audit_events \
              WHERE tenant_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";
    purge_sealed = "DELETE FROM {p}audit_events WHERE tenant_id = $1 AND sequence <= $2";
    erase = "UPDATE {p}audit_events SET ip = NULL, user_agent = NULL, details = $5, salt = NULL, \
                 erased_at = $3 \
             WHERE id IN (SELECT id FROM ( \
                 SELECT id FROM (SELECT id FROM {p}audit_events \
                     WHERE tenant_id = $1 AND actor = $2 AND erased_at IS NULL LIMIT $4) AS a \
                 UNION SELECT id FROM (SELECT id FROM {p}audit_events \
                     WHERE tenant_id = $1 AND target = $2 AND erased_at IS NULL LIMIT $4) AS b \
                 UNION SELECT id FROM (SELECT id FROM {p}audit_events \
                     WHERE tenant_id = $1 AND impersonator = $2 AND erased_at IS NULL \
                     LIMIT $4) AS c \
             ) AS old LIMIT $4)";
}

impl SqlTransaction {
    pub(super) async fn unsealed_rows(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let call = across(&self.sql.chain.unsealed)
            .bind(Time(before))
            .bind(i64::from(limit));
        self.fetch(call).await
    }

    pub(super) async fn chain_head(
        &mut self,
        tenant: TenantId,
    ) -> Result<Option<AuditHead>, StoreError> {
        let call = within(tenant, &self.sql.chain.head).bind(tenant.as_uuid());
        self.fetch_one(call).await
    }

    pub(super) async fn set_chain_head(&mut self, head: &AuditHead) -> Result<(), StoreError> {
        let call = within(head.tenant_id, &self.sql.chain.set_head)
            .bind(head.tenant_id.as_uuid())
            .bind(head.sequence)
            .bind(head.link.as_slice())
            .bind(head.base_sequence)
            .bind(head.base_link.as_slice())
            .bind(Time(head.updated_at))
            .bind(head.mac.as_slice());
        self.execute_in_tenant(call).await
    }

    pub(super) async fn chain_heads(
        &mut self,
        after: Option<TenantId>,
        limit: u32,
    ) -> Result<Vec<AuditHead>, StoreError> {
        let call = across(&self.sql.chain.heads)
            .bind(after.map_or_else(Uuid::nil, |tenant| tenant.as_uuid()))
            .bind(i64::from(limit));
        self.fetch(call).await
    }

    pub(super) async fn seal_row(
        &mut self,
        tenant: TenantId,
        event: EventId,
        seal: &AuditSeal,
    ) -> Result<bool, StoreError> {
        let call = within(tenant, &self.sql.chain.seal)
            .bind(tenant.as_uuid())
            .bind(event.as_uuid())
            .bind(seal.sequence)
            .bind(seal.link.as_slice());
        Ok(self.execute_or(call, Constraint::Id).await? > 0)
    }

    pub(super) async fn sealed_rows(
        &mut self,
        tenant: TenantId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let call = within(tenant, &self.sql.chain.sealed)
            .bind(tenant.as_uuid())
            .bind(after)
            .bind(i64::from(limit));
        self.fetch(call).await
    }

    pub(super) async fn purge_chain(
        &mut self,
        tenant: TenantId,
        sequence: i64,
    ) -> Result<u64, StoreError> {
        let call = within(tenant, &self.sql.chain.purge_sealed)
            .bind(tenant.as_uuid())
            .bind(sequence);
        self.execute(call).await
    }

    pub(super) async fn erase_rows(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let call = within(tenant, &self.sql.chain.erase)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(Time(now))
            .bind(i64::from(limit))
            .bind(json(&Map::new())?);
        self.execute(call).await
    }
}
