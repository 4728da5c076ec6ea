use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use async_trait::async_trait;

use super::{
    conflict,
    order::{count_up_to, newest_first, rows_for},
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{
        AuditEvent, AuditHead, AuditSeal, Cursor, EventId, Page, PageRequest, TenantId, Timestamp,
        UserId,
    },
    store::{AuditFilter, AuditRepository, Constraint, StoreError},
};

#[derive(Default)]
pub(super) struct AuditIndex {
    at: BTreeSet<(TenantId, Timestamp, EventId)>,
    unsealed: BTreeSet<(TenantId, Timestamp, EventId)>,
    sealed: BTreeMap<(TenantId, i64), EventId>,
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
        match self.seal {
            Some(seal) => {
                index
                    .sealed
                    .insert((self.tenant_id, seal.sequence), self.id);
            }
            None => {
                index.unsealed.insert((self.tenant_id, self.at, self.id));
            }
        }
    }

    fn unindex(&self, index: &mut AuditIndex) {
        index.at.remove(&(self.tenant_id, self.at, self.id));
        match self.seal {
            Some(seal) => {
                index.sealed.remove(&(self.tenant_id, seal.sequence));
            }
            None => {
                index.unsealed.remove(&(self.tenant_id, self.at, self.id));
            }
        }
    }
}

impl Row for AuditHead {
    type Key = TenantId;
    type Index = ();

    fn key(&self) -> TenantId {
        self.tenant_id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.audit_heads
    }

    fn index(&self, (): &mut ()) {}

    fn unindex(&self, (): &mut ()) {}
}

impl State {
    /// The rows that a filter lets through, newest first, beyond the cursor.
    fn audit_rows<'a>(
        &'a self,
        tenant: TenantId,
        filter: &'a AuditFilter,
        after: Option<Cursor>,
    ) -> impl Iterator<Item = &'a AuditEvent> {
        newest_first(&self.audit.by().at, tenant, after, EventId::from_uuid)
            .filter_map(|id| self.audit.get(&id))
            // Newest first: behind the first that is too old there are only older ones.
            .take_while(|event| filter.since.is_none_or(|since| event.at >= since))
            .filter(|event| matches(filter, event))
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
        let rows = self
            .state
            .audit_rows(tenant, filter, page.after)
            .take(rows_for(page))
            .cloned()
            .collect();
        Ok(Page::from_rows(rows, page.limit, |event| Cursor {
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
        let rows = self.state.audit_rows(tenant, filter, None);
        Ok(count_up_to(rows, up_to))
    }

    async fn unsealed(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let audit = &self.state.audit;
        Ok(audit
            .by()
            .unsealed
            .iter()
            .filter(|(_, at, _)| *at < before)
            .filter_map(|(_, _, id)| audit.get(id))
            .take(limit as usize)
            .cloned()
            .collect())
    }

    async fn head_for_update(&mut self, tenant: TenantId) -> Result<Option<AuditHead>, StoreError> {
        Ok(self.state.audit_heads.get(&tenant).copied())
    }

    async fn set_head(&mut self, head: &AuditHead) -> Result<(), StoreError> {
        self.state.require_tenant(head.tenant_id)?;
        self.put(*head);
        Ok(())
    }

    async fn heads(
        &mut self,
        after: Option<TenantId>,
        limit: u32,
    ) -> Result<Vec<AuditHead>, StoreError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let heads = self.state.audit_heads.range((from, Bound::Unbounded));
        Ok(heads.take(limit as usize).copied().collect())
    }

    async fn seal(
        &mut self,
        tenant: TenantId,
        event: EventId,
        seal: &AuditSeal,
    ) -> Result<bool, StoreError> {
        let taken = &self.state.audit.by().sealed;
        if taken.contains_key(&(tenant, seal.sequence)) {
            return Err(conflict(Constraint::Id));
        }
        let sealed = self.change::<AuditEvent>(&event, |row| {
            let waits = row.tenant_id == tenant && row.seal.is_none();
            if waits {
                row.seal = Some(*seal);
            }
            waits
        });
        Ok(sealed.is_some())
    }

    async fn sealed(
        &mut self,
        tenant: TenantId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let audit = &self.state.audit;
        let range = (
            Bound::Excluded((tenant, after)),
            Bound::Included((tenant, i64::MAX)),
        );
        if after == i64::MAX {
            return Ok(Vec::new());
        }
        Ok(audit
            .by()
            .sealed
            .range(range)
            .filter_map(|(_, id)| audit.get(id))
            .take(limit as usize)
            .cloned()
            .collect())
    }

    async fn purge_sealed(&mut self, tenant: TenantId, sequence: i64) -> Result<u64, StoreError> {
        let sealed = &self.state.audit.by().sealed;
        let due: Vec<EventId> = sealed
            .range((tenant, i64::MIN)..=(tenant, sequence))
            .map(|(_, id)| *id)
            .collect();
        for &id in &due {
            self.remove::<AuditEvent>(id);
        }
        Ok(due.len() as u64)
    }

    async fn erase(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let all = AuditFilter::default();
        let rows = self.state.audit_rows(tenant, &all, None);
        let due: Vec<EventId> = rows
            .filter(|row| row.erased_at.is_none())
            .filter(|row| [row.actor, row.target, row.impersonator].contains(&Some(user)))
            .take(limit as usize)
            .map(|row| row.id)
            .collect();
        for id in &due {
            self.change::<AuditEvent>(id, |row| {
                row.ip = None;
                row.user_agent = None;
                row.details.clear();
                row.salt = None;
                row.erased_at = Some(now);
                true
            });
        }
        Ok(due.len() as u64)
    }
}
