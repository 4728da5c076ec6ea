use async_trait::async_trait;
use gatekeeper_core::{
    model::{
        AuditEvent, AuditHead, AuditSeal, Cursor, EventId, Page, PageRequest, TenantId, Timestamp,
        UserId,
    },
    store::{AuditFilter, AuditRepository, StoreError},
};
use uuid::Uuid;

use super::{
    Call, SqlTransaction,
    dialect::Time,
    lists::{Lists, conditions, counted},
    rows::{json, maybe},
    users::limit,
    within,
};
use crate::settings::Templates;

pub(super) const APPEND: &str = "INSERT INTO {p}audit_events ({audit_event}) \
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19 \
    WHERE EXISTS (SELECT 1 FROM {p}tenants WHERE id = $2)";

/// Which of actor, target and event are filtered by.
const FILTERS: [&str; 3] = ["actor =", "target =", "event ="];

pub(super) fn lists(templates: &Templates) -> Lists<3> {
    Lists::new(templates, |wanted| {
        format!(
            "SELECT {{audit_event}} FROM {{p}}audit_events \
             WHERE tenant_id = $1 AND at >= $2 AND (at, id) < ($3, $4) {}\
             ORDER BY at DESC, id DESC LIMIT $5",
            conditions(wanted, FILTERS, 6)
        )
    })
}

pub(super) fn counts(templates: &Templates) -> Lists<3> {
    Lists::new(templates, |wanted| {
        format!(
            "SELECT COUNT(*) FROM (SELECT 1 FROM {{p}}audit_events \
             WHERE tenant_id = $1 AND at >= $2 AND (at, id) < ($3, $4) {}LIMIT $5) AS few",
            conditions(wanted, FILTERS, 6)
        )
    })
}

/// What a page's items sort before: the nearer one of the cursor and the end of the time asked for.
fn bound(filter: &AuditFilter, after: Option<Cursor>) -> (Timestamp, Uuid) {
    const END: (Timestamp, Uuid) = (Timestamp::from_unix_micros(i64::MAX), Uuid::max());
    let until = filter.until.map_or(END, |until| (until, Uuid::nil()));
    let after = after.map_or(END, |cursor| (cursor.at, cursor.id));
    until.min(after)
}

/// A list, or a count, with what its filter asks for.
fn filtered<'q>(
    lists: &Lists<3>,
    tenant: TenantId,
    filter: &AuditFilter,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Call<'q>, StoreError> {
    let sql = lists.choose([
        filter.actor.is_some(),
        filter.target.is_some(),
        filter.event.is_some(),
    ])?;
    let since = filter
        .since
        .unwrap_or(Timestamp::from_unix_micros(i64::MIN));
    let (at, id) = bound(filter, after);
    let mut call = within(tenant, sql)
        .bind(tenant.as_uuid())
        .bind(Time(since))
        .bind(Time(at))
        .bind(id)
        .bind(limit);
    // In the order in which the conditions are numbered.
    if let Some(actor) = filter.actor {
        call = call.bind(actor.as_uuid());
    }
    if let Some(target) = filter.target {
        call = call.bind(target.as_uuid());
    }
    if let Some(event) = filter.event {
        call = call.bind(event.code());
    }
    Ok(call)
}

#[async_trait]
impl AuditRepository for SqlTransaction {
    async fn append(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        let call = within(event.tenant_id, &self.sql.audit_append)
            .bind(event.id.as_uuid())
            .bind(event.tenant_id.as_uuid())
            .bind(Time(event.at))
            .bind(event.event.code())
            .bind(event.outcome.as_str())
            .bind(event.reason.as_deref())
            .bind(event.actor.map(|actor| actor.as_uuid()))
            .bind(event.target.map(|target| target.as_uuid()))
            .bind(event.correlation_id.as_str())
            .bind(event.ip.map(|ip| ip.to_string()))
            .bind(event.user_agent.as_deref())
            .bind(json(&event.details)?)
            .bind(event.impersonator.map(|user| user.as_uuid()))
            .bind(event.api_key.map(|key| key.as_uuid()))
            .bind(event.digest.as_ref().map(<[u8; 32]>::as_slice))
            .bind(event.salt.as_ref().map(<[u8; 16]>::as_slice))
            .bind(maybe(event.erased_at))
            .bind(event.seal.map(|seal| seal.sequence))
            .bind(event.seal.as_ref().map(|seal| seal.link.as_slice()));
        self.execute_in_tenant(call).await
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEvent>, StoreError> {
        let call = filtered(&self.sql.audit, tenant, filter, page.after, limit(page))?;
        let events: Vec<AuditEvent> = self.fetch(call).await?;
        Ok(Page::from_rows(events, page.limit, |event| Cursor {
            at: event.at,
            id: event.id.as_uuid(),
        }))
    }

    async fn count(
        &mut self,
        tenant: TenantId,
        filter: &AuditFilter,
        up_to: u32,
    ) -> Result<u32, StoreError> {
        let lists = &self.sql.audit_counts;
        let call = filtered(lists, tenant, filter, None, i64::from(up_to))?;
        counted(self.fetch_one(call).await?)
    }

    async fn unsealed(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        self.unsealed_rows(before, limit).await
    }

    async fn head_for_update(&mut self, tenant: TenantId) -> Result<Option<AuditHead>, StoreError> {
        self.chain_head(tenant).await
    }

    async fn set_head(&mut self, head: &AuditHead) -> Result<(), StoreError> {
        self.set_chain_head(head).await
    }

    async fn heads(
        &mut self,
        after: Option<TenantId>,
        limit: u32,
    ) -> Result<Vec<AuditHead>, StoreError> {
        self.chain_heads(after, limit).await
    }

    async fn seal(
        &mut self,
        tenant: TenantId,
        event: EventId,
        seal: &AuditSeal,
    ) -> Result<bool, StoreError> {
        self.seal_row(tenant, event, seal).await
    }

    async fn sealed(
        &mut self,
        tenant: TenantId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        self.sealed_rows(tenant, after, limit).await
    }

    async fn purge_sealed(&mut self, tenant: TenantId, sequence: i64) -> Result<u64, StoreError> {
        self.purge_chain(tenant, sequence).await
    }

    async fn erase(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.erase_rows(tenant, user, now, limit).await
    }
}
