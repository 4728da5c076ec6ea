use async_trait::async_trait;
use gatekeeper_core::{
    model::{AuditEvent, Cursor, Page, PageRequest, TenantId, Timestamp},
    store::{AuditFilter, AuditRepository, StoreError},
};
use sqlx::SqlStr;
use uuid::Uuid;

use super::{SqlTransaction, dialect::Time, query, rows::json, users::limit};
use crate::settings::Templates;

pub(super) const PURGE_EXPIRED: &str = "DELETE FROM {p}audit_events WHERE id IN ( \
    SELECT id FROM {p}audit_events WHERE at < $1 ORDER BY at LIMIT $2)";

pub(super) const APPEND: &str = "INSERT INTO {p}audit_events ({audit_event}) \
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 \
    WHERE EXISTS (SELECT 1 FROM {p}tenants WHERE id = $2)";

/// A statement for each combination of filters: one statement for all of them could use no index.
#[derive(Debug)]
pub(in super::super) struct Lists(Vec<(Combination, SqlStr)>);

/// Which of actor, target and event are filtered by.
type Combination = [bool; 3];

impl Lists {
    pub(in super::super) fn new(templates: &Templates) -> Self {
        let combinations = (0..8).map(|bits| [bits & 1 != 0, bits & 2 != 0, bits & 4 != 0]);
        Self(
            combinations
                .map(|combination| (combination, templates.sql(&select(combination))))
                .collect(),
        )
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<&str> {
        self.0.iter().map(|(_, sql)| sql.as_str()).collect()
    }

    fn choose(&self, combination: Combination) -> Result<&SqlStr, StoreError> {
        self.0
            .iter()
            .find(|(of, _)| *of == combination)
            .map(|(_, sql)| sql)
            .ok_or_else(|| StoreError::corrupt("no statement for this filter"))
    }
}

fn select(combination: Combination) -> String {
    let filters = ["actor", "target", "event"]
        .into_iter()
        .zip(combination)
        .filter_map(|(column, wanted)| wanted.then_some(column))
        .zip(6..)
        .map(|(column, number)| format!("AND {column} = ${number} "))
        .collect::<Vec<_>>()
        .concat();
    format!(
        "SELECT {{audit_event}} FROM {{p}}audit_events \
         WHERE tenant_id = $1 AND at >= $2 AND (at, id) < ($3, $4) {filters}\
         ORDER BY at DESC, id DESC LIMIT $5"
    )
}

/// What a page's items sort before: the nearer one of the cursor and the end of the time asked for.
fn bound(filter: &AuditFilter, page: PageRequest) -> (Timestamp, Uuid) {
    const END: (Timestamp, Uuid) = (Timestamp::from_unix_micros(i64::MAX), Uuid::max());
    let until = filter.until.map_or(END, |until| (until, Uuid::nil()));
    let after = page.after.map_or(END, |cursor| (cursor.at, cursor.id));
    until.min(after)
}

#[async_trait]
impl AuditRepository for SqlTransaction {
    async fn append(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        let query = query(&self.sql.audit_append)
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
            .bind(json(&event.details)?);
        self.execute_in_tenant(query).await
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEvent>, StoreError> {
        let sql = self.sql.audit.choose([
            filter.actor.is_some(),
            filter.target.is_some(),
            filter.event.is_some(),
        ])?;
        let since = filter
            .since
            .unwrap_or(Timestamp::from_unix_micros(i64::MIN));
        let (at, id) = bound(filter, page);
        let mut query = query(sql)
            .bind(tenant.as_uuid())
            .bind(Time(since))
            .bind(Time(at))
            .bind(id)
            .bind(limit(page));
        // In the order in which `select` numbers them.
        if let Some(actor) = filter.actor {
            query = query.bind(actor.as_uuid());
        }
        if let Some(target) = filter.target {
            query = query.bind(target.as_uuid());
        }
        if let Some(event) = filter.event {
            query = query.bind(event.code());
        }
        let events: Vec<AuditEvent> = self.fetch(query).await?;
        Ok(Page::from_rows(events, page.limit, |event| Cursor {
            at: event.at,
            id: event.id.as_uuid(),
        }))
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let query = query(&self.sql.audit_purge)
            .bind(Time(before))
            .bind(i64::from(limit));
        self.execute(query).await
    }
}
