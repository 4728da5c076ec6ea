use async_trait::async_trait;

use super::StoreError;
use crate::{
    lockout::{LockoutKey, LockoutState},
    model::Timestamp,
};

/// Counters of failures. Read without a transaction by
/// [`Repository::lockout_state`](super::Repository::lockout_state).
#[async_trait]
pub trait LockoutRepository: Send {
    /// A counter, made at zero where there is none, held until the transaction ends.
    async fn hold(&mut self, key: &LockoutKey, now: Timestamp) -> Result<LockoutState, StoreError>;

    /// Writes a counter that is held; `now` is when it last changed.
    async fn set(
        &mut self,
        key: &LockoutKey,
        state: &LockoutState,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Removes a counter; answers whether there was one.
    async fn delete(&mut self, key: &LockoutKey) -> Result<bool, StoreError>;

    /// Removes up to `limit` counters that last changed before `before` and are not locked for good.
    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
