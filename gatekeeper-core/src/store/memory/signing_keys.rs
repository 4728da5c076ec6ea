use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{
    conflict,
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{KeyId, StoredSigningKey, Timestamp},
    store::{Constraint, SigningKeyRepository, StoreError},
};

#[derive(Default)]
pub(super) struct SigningKeyIndex {
    created: BTreeSet<(Timestamp, KeyId)>,
}

impl Row for StoredSigningKey {
    type Key = KeyId;
    type Index = SigningKeyIndex;

    fn key(&self) -> KeyId {
        self.id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.signing_keys
    }

    fn index(&self, index: &mut SigningKeyIndex) {
        index.created.insert((self.created_at, self.id));
    }

    fn unindex(&self, index: &mut SigningKeyIndex) {
        index.created.remove(&(self.created_at, self.id));
    }
}

impl State {
    fn signing_keys(&self) -> Vec<StoredSigningKey> {
        self.signing_keys
            .by()
            .created
            .iter()
            .filter_map(|(_, id)| self.signing_keys.get(id).cloned())
            .collect()
    }
}

#[async_trait]
impl SigningKeyRepository for MemoryTransaction {
    async fn list_for_update(&mut self) -> Result<Vec<StoredSigningKey>, StoreError> {
        Ok(self.state.signing_keys())
    }

    async fn list(&mut self) -> Result<Vec<StoredSigningKey>, StoreError> {
        Ok(self.state.signing_keys())
    }

    async fn insert(&mut self, key: &StoredSigningKey) -> Result<(), StoreError> {
        if self.state.signing_keys.contains(&key.id) {
            return Err(conflict(Constraint::Id));
        }
        self.put(key.clone());
        Ok(())
    }

    async fn retire(&mut self, key: KeyId, at: Timestamp) -> Result<bool, StoreError> {
        let retired = self.change::<StoredSigningKey>(&key, |row| {
            row.retired_at = Some(at);
            true
        });
        Ok(retired.is_some())
    }
}
