use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{
    conflict,
    order::{LAST, newest_first, oldest_before, rows_for},
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{Account, ApiKey, ApiKeyId, Cursor, Page, PageRequest, TenantId, Timestamp, UserId},
    store::{ApiKeyRepository, Constraint, StoreError},
};

#[derive(Default)]
pub(super) struct ApiKeyIndex {
    user: BTreeSet<(UserId, Timestamp, ApiKeyId)>,
    over: BTreeSet<(Timestamp, ApiKeyId)>,
}

/// When the key was or will be dead, whichever way comes first; keys that live for good stand at the end of time.
fn over_at(key: &ApiKey) -> Timestamp {
    let ends = [key.revoked_at, key.expires_at].into_iter().flatten();
    ends.min().unwrap_or(LAST)
}

impl Row for ApiKey {
    type Key = ApiKeyId;
    type Index = ApiKeyIndex;

    fn key(&self) -> ApiKeyId {
        self.id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.api_keys
    }

    fn index(&self, index: &mut ApiKeyIndex) {
        index.user.insert((self.user_id, self.created_at, self.id));
        index.over.insert((over_at(self), self.id));
    }

    fn unindex(&self, index: &mut ApiKeyIndex) {
        index.user.remove(&(self.user_id, self.created_at, self.id));
        index.over.remove(&(over_at(self), self.id));
    }
}

impl State {
    pub(super) fn api_key(&self, tenant: TenantId, key: ApiKeyId) -> Option<&ApiKey> {
        self.api_keys
            .get(&key)
            .filter(|row| row.tenant_id == tenant)
    }

    /// The ids of a user's keys, dead ones too, newest first.
    pub(super) fn api_keys_of(&self, user: UserId) -> Vec<ApiKeyId> {
        newest_first(&self.api_keys.by().user, user, None, ApiKeyId::from_uuid).collect()
    }

    /// A key with its owner, whose password is not read.
    pub(super) fn api_key_with_owner(
        &self,
        tenant: TenantId,
        key: ApiKeyId,
    ) -> Option<(ApiKey, Account)> {
        let key = self.api_key(tenant, key)?;
        let user = self.user(tenant, key.user_id)?;
        let account = Account {
            user: user.clone(),
            password: None,
            authority: self.authority(tenant, user.id, None),
        };
        Some((key.clone(), account))
    }
}

impl MemoryTransaction {
    pub(super) fn touch(
        &mut self,
        tenant: TenantId,
        key: ApiKeyId,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> bool {
        let touched = self.change::<ApiKey>(&key, |row| {
            let due =
                row.tenant_id == tenant && row.last_used_at.is_none_or(|last| last < unless_since);
            if due {
                row.last_used_at = Some(now);
            }
            due
        });
        touched.is_some()
    }
}

fn revoke(key: &mut ApiKey, now: Timestamp) -> bool {
    if key.revoked_at.is_some() {
        return false;
    }
    key.revoked_at = Some(now);
    true
}

#[async_trait]
impl ApiKeyRepository for MemoryTransaction {
    async fn find(
        &mut self,
        tenant: TenantId,
        key: ApiKeyId,
    ) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.state.api_key(tenant, key).cloned())
    }

    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        key: ApiKeyId,
    ) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.state.api_key(tenant, key).cloned())
    }

    async fn insert(&mut self, key: &ApiKey) -> Result<(), StoreError> {
        self.state.require_user(key.tenant_id, key.user_id)?;
        if self.state.api_keys.contains(&key.id) {
            return Err(conflict(Constraint::Id));
        }
        self.put(key.clone());
        Ok(())
    }

    async fn replace(
        &mut self,
        tenant: TenantId,
        key: ApiKeyId,
        by: ApiKeyId,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let replaced = self.change::<ApiKey>(&key, |row| {
            let stands =
                row.tenant_id == tenant && row.revoked_at.is_none() && row.replaced_by.is_none();
            if stands {
                row.replaced_by = Some(by);
                row.expires_at = Some(row.expires_at.unwrap_or(LAST).min(expires_at));
            }
            stands
        });
        Ok(replaced.is_some())
    }

    async fn revoke(
        &mut self,
        tenant: TenantId,
        key: ApiKeyId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let revoked =
            self.change::<ApiKey>(&key, |row| row.tenant_id == tenant && revoke(row, now));
        Ok(revoked.is_some())
    }

    async fn revoke_all_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<ApiKeyId>, StoreError> {
        let mut revoked = Vec::new();
        for id in self.state.api_keys_of(user) {
            let changed =
                self.change::<ApiKey>(&id, |row| row.tenant_id == tenant && revoke(row, now));
            revoked.extend(changed.map(|row| row.id));
        }
        Ok(revoked)
    }

    async fn list_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, StoreError> {
        let by = &self.state.api_keys.by().user;
        let rows = newest_first(by, user, page.after, ApiKeyId::from_uuid)
            .filter_map(|id| self.state.api_key(tenant, id))
            .take(rows_for(page))
            .cloned()
            .collect();
        Ok(Page::from_rows(rows, page.limit, |row| Cursor {
            at: row.created_at,
            id: row.id.as_uuid(),
        }))
    }

    async fn count_live(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let keys = self.state.api_keys_of(user).into_iter();
        let live = keys
            .filter_map(|id| self.state.api_key(tenant, id))
            .filter(|row| row.is_live(now))
            .count();
        Ok(u32::try_from(live).unwrap_or(u32::MAX))
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let due = oldest_before(&self.state.api_keys.by().over, before, limit);
        for &id in &due {
            self.remove::<ApiKey>(id);
        }
        Ok(due.len() as u64)
    }
}
