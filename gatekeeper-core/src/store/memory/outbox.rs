use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{
    conflict,
    order::{newest_first, oldest_before, oldest_until, rows_for},
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{Cursor, MailId, OutboxEntry, OutboxState, Page, PageRequest, TenantId, Timestamp},
    store::{Constraint, OutboxRepository, StoreError},
};

/// A tenant and the name of a state.
type Standing = (TenantId, &'static str);

/// Each entry stands in `listed`, and in the one of the others that goes with its state.
#[derive(Default)]
pub(super) struct OutboxIndex {
    listed: BTreeSet<(Standing, Timestamp, MailId)>,
    due: BTreeSet<(Timestamp, MailId)>,
    delivered: BTreeSet<(Timestamp, MailId)>,
}

fn finished_at(entry: &OutboxEntry) -> Timestamp {
    entry.finished_at.unwrap_or(entry.created_at)
}

fn listed(entry: &OutboxEntry) -> (Standing, Timestamp, MailId) {
    let standing = (entry.tenant_id, entry.state.as_str());
    (standing, entry.created_at, entry.id)
}

impl Row for OutboxEntry {
    type Key = MailId;
    type Index = OutboxIndex;

    fn key(&self) -> MailId {
        self.id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.outbox
    }

    fn index(&self, index: &mut OutboxIndex) {
        index.listed.insert(listed(self));
        match self.state {
            OutboxState::Pending => index.due.insert((self.due_at, self.id)),
            OutboxState::Dead => false,
            OutboxState::Delivered => index.delivered.insert((finished_at(self), self.id)),
        };
    }

    fn unindex(&self, index: &mut OutboxIndex) {
        index.listed.remove(&listed(self));
        match self.state {
            OutboxState::Pending => index.due.remove(&(self.due_at, self.id)),
            OutboxState::Dead => false,
            OutboxState::Delivered => index.delivered.remove(&(finished_at(self), self.id)),
        };
    }
}

/// Whether it is claimed, and still by the worker that holds this attempt.
fn is_held(entry: &OutboxEntry, attempt: i32) -> bool {
    entry.state == OutboxState::Pending && entry.attempts > 0 && entry.attempts == attempt
}

#[async_trait]
impl OutboxRepository for MemoryTransaction {
    async fn enqueue(&mut self, entry: &OutboxEntry) -> Result<(), StoreError> {
        self.state.require_tenant(entry.tenant_id)?;
        if self.state.outbox.contains(&entry.id) {
            return Err(conflict(Constraint::Id));
        }
        self.put(entry.clone());
        Ok(())
    }

    async fn claim(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        let due = oldest_until(&self.state.outbox.by().due, now, limit);
        Ok(due
            .iter()
            .filter_map(|id| {
                self.change::<OutboxEntry>(id, |entry| {
                    entry.attempts = entry.attempts.saturating_add(1);
                    entry.due_at = lease_until;
                    true
                })
            })
            .collect())
    }

    async fn complete(
        &mut self,
        id: MailId,
        attempt: i32,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = self.change::<OutboxEntry>(&id, |entry| {
            if !is_held(entry, attempt) {
                return false;
            }
            entry.state = OutboxState::Delivered;
            entry.payload = Vec::new();
            entry.finished_at = Some(now);
            true
        });
        Ok(done.is_some())
    }

    async fn fail(
        &mut self,
        id: MailId,
        attempt: i32,
        error: &str,
        retry_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let noted = self.change::<OutboxEntry>(&id, |entry| {
            if !is_held(entry, attempt) {
                return false;
            }
            entry.last_error = Some(error.to_owned());
            entry.due_at = retry_at.unwrap_or(entry.due_at);
            if retry_at.is_none() {
                entry.state = OutboxState::Dead;
                entry.finished_at = Some(now);
            }
            true
        });
        Ok(noted.is_some())
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        state: OutboxState,
        page: PageRequest,
    ) -> Result<Page<OutboxEntry>, StoreError> {
        let outbox = &self.state.outbox;
        let standing = (tenant, state.as_str());
        let rows = newest_first(&outbox.by().listed, standing, page.after, MailId::from_uuid)
            .filter_map(|id| outbox.get(&id))
            .take(rows_for(page))
            .cloned()
            .collect();
        Ok(Page::from_rows(rows, page.limit, |entry| Cursor {
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
        let discarded = self.change::<OutboxEntry>(&id, |entry| {
            if entry.tenant_id != tenant || entry.state == OutboxState::Delivered {
                return false;
            }
            entry.state = OutboxState::Delivered;
            entry.payload = Vec::new();
            entry.last_error = None;
            entry.finished_at = Some(now);
            true
        });
        Ok(discarded.is_some())
    }

    async fn revive(
        &mut self,
        tenant: TenantId,
        id: MailId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let revived = self.change::<OutboxEntry>(&id, |entry| {
            if entry.tenant_id != tenant || entry.state != OutboxState::Dead {
                return false;
            }
            entry.state = OutboxState::Pending;
            entry.attempts = 0;
            entry.due_at = now;
            entry.finished_at = None;
            true
        });
        Ok(revived.is_some())
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let due = oldest_before(&self.state.outbox.by().delivered, before, limit);
        for &id in &due {
            self.remove::<OutboxEntry>(id);
        }
        Ok(due.len() as u64)
    }
}
