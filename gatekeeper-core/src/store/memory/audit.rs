use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{
    conflict,
    order::{newest_first, oldest_before, rows_for},
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{AuditEvent, Cursor, EventId, Page, PageRequest, TenantId, Timestamp},
    store::{AuditFilter, AuditRepository, Constraint, StoreError},
};

#[derive(Default)]
pub(super) struct AuditIndex {
    at: BTreeSet<(TenantId, Timestamp, EventId)>,
    age: BTreeSet<(Timestamp, EventId)>,
}

impl Row for AuditEvent {
    type Key = EventId;
    type Index = AuditIndex;

    fn key(&self) -> EventId {
        self.id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.audit
    }

    fn index(&self, index: &mut AuditIndex) {
        index.at.insert((self.tenant_id, self.at, self.id));
        index.age.insert((self.at, self.id));
    }

    fn unindex(&self, index: &mut AuditIndex) {
        index.at.remove(&(self.tenant_id, self.at, self.id));
        index.age.remove(&(self.at, self.id));
    }
}

fn matches(filter: &AuditFilter, event: &AuditEvent) -> bool {
    filter.actor.is_none_or(|actor| event.actor == Some(actor))
        && filter
            .target
            .is_none_or(|target| event.target == Some(target))
        && filter.event.is_none_or(|kind| event.event == kind)
        && filter.until.is_none_or(|until| event.at < until)
}

#[async_trait]
impl AuditRepository for MemoryTransaction {
    async fn append(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        self.state.require_tenant(event.tenant_id)?;
        if self.state.audit.contains(&event.id) {
            return Err(conflict(Constraint::Id));
        }
        self.put(event.clone());
        Ok(())
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEvent>, StoreError> {
        let audit = &self.state.audit;
        let rows = newest_first(&audit.by().at, tenant, page.after, EventId::from_uuid)
            .filter_map(|id| audit.get(&id))
            // Newest first: behind the first that is too old there are only older ones.
            .take_while(|event| filter.since.is_none_or(|since| event.at >= since))
            .filter(|event| matches(filter, event))
            .take(rows_for(page))
            .cloned()
            .collect();
        Ok(Page::from_rows(rows, page.limit, |event| Cursor {
            at: event.at,
            id: event.id.as_uuid(),
        }))
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let due = oldest_before(&self.state.audit.by().age, before, limit);
        for &id in &due {
            self.remove::<AuditEvent>(id);
        }
        Ok(due.len() as u64)
    }
}
