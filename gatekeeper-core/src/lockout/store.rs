use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{
    FailureCounted, Lock, LockFor, LockoutCounters, LockoutKey, LockoutPolicy, LockoutState,
    SuccessCounted,
};
use crate::{
    model::Timestamp,
    store::{Repository, StoreError},
};

/// Counters in the store: shared by every node that shares the store.
pub struct StoreLockout {
    repository: Arc<dyn Repository>,
}

impl StoreLockout {
    /// Counters in this store.
    pub fn new(repository: Arc<dyn Repository>) -> Self {
        Self { repository }
    }
}

impl fmt::Debug for StoreLockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreLockout").finish_non_exhaustive()
    }
}

#[async_trait]
impl LockoutCounters for StoreLockout {
    async fn state(&self, key: &LockoutKey) -> Result<LockoutState, StoreError> {
        self.repository.lockout_state(key).await
    }

    async fn fail(
        &self,
        key: &LockoutKey,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<FailureCounted, StoreError> {
        let mut tx = self.repository.begin().await?;
        let mut state = tx.lockouts().hold(key, now).await?;
        if state.is_locked(now) {
            return Ok(FailureCounted::AlreadyLocked);
        }
        state.failures = state.failures.saturating_add(1);
        let locked = match policy.after(state.failures) {
            LockFor::Nothing => None,
            LockFor::Delay(delay) => Some(Lock::Until(now.after(delay))),
            LockFor::Good => Some(Lock::ForGood),
        };
        state.lock = locked.or(state.lock);
        tx.lockouts().set(key, &state, now).await?;
        tx.commit().await?;
        Ok(locked.map_or(FailureCounted::Counted, FailureCounted::Locked))
    }

    async fn succeed(
        &self,
        key: &LockoutKey,
        now: Timestamp,
    ) -> Result<SuccessCounted, StoreError> {
        // Nearly always there is nothing to forget, and then nothing to write.
        if self.repository.lockout_state(key).await? == LockoutState::default() {
            return Ok(SuccessCounted::Cleared);
        }
        let mut tx = self.repository.begin().await?;
        let state = tx.lockouts().hold(key, now).await?;
        if state.is_locked(now) {
            return Ok(SuccessCounted::Locked);
        }
        tx.lockouts().delete(key).await?;
        tx.commit().await?;
        Ok(SuccessCounted::Cleared)
    }

    async fn clear(&self, key: &LockoutKey) -> Result<LockoutState, StoreError> {
        let mut tx = self.repository.begin().await?;
        let state = tx.lockouts().hold(key, Timestamp::default()).await?;
        tx.lockouts().delete(key).await?;
        tx.commit().await?;
        Ok(state)
    }

    fn name(&self) -> &'static str {
        "store"
    }
}
