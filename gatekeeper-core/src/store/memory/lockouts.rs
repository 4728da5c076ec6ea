use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{
    order::oldest_before,
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    lockout::{Lock, LockoutKey, LockoutState},
    model::Timestamp,
    store::{LockoutRepository, StoreError},
};

/// A counter of failures as a row.
#[derive(Clone)]
pub(super) struct Counter {
    key: LockoutKey,
    state: LockoutState,
    updated_at: Timestamp,
}

/// Those that may go one day, by their last change.
#[derive(Default)]
pub(super) struct LockoutIndex {
    updated: BTreeSet<(Timestamp, LockoutKey)>,
}

impl Row for Counter {
    type Key = LockoutKey;
    type Index = LockoutIndex;

    fn key(&self) -> LockoutKey {
        self.key
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.lockouts
    }

    fn index(&self, index: &mut LockoutIndex) {
        if self.state.lock != Some(Lock::ForGood) {
            index.updated.insert((self.updated_at, self.key));
        }
    }

    fn unindex(&self, index: &mut LockoutIndex) {
        index.updated.remove(&(self.updated_at, self.key));
    }
}

impl State {
    pub(super) fn lockout(&self, key: &LockoutKey) -> LockoutState {
        let counter = self.lockouts.get(key);
        counter.map(|row| row.state).unwrap_or_default()
    }
}

#[async_trait]
impl LockoutRepository for MemoryTransaction {
    async fn hold(&mut self, key: &LockoutKey, now: Timestamp) -> Result<LockoutState, StoreError> {
        if !self.state.lockouts.contains(key) {
            self.put(Counter {
                key: *key,
                state: LockoutState::default(),
                updated_at: now,
            });
        }
        Ok(self.state.lockout(key))
    }

    async fn set(
        &mut self,
        key: &LockoutKey,
        state: &LockoutState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change::<Counter>(key, |row| {
            row.state = *state;
            row.updated_at = now;
            true
        });
        Ok(())
    }

    async fn delete(&mut self, key: &LockoutKey) -> Result<bool, StoreError> {
        Ok(self.remove::<Counter>(*key))
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let due = oldest_before(&self.state.lockouts.by().updated, before, limit);
        for &key in &due {
            self.remove::<Counter>(key);
        }
        Ok(due.len() as u64)
    }
}
