use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Blacklist, BlacklistVerdict, set::RevocationSet};
use crate::{
    Identity,
    env::Clock,
    model::{Revocation, TenantId, Timestamp, UserId},
    store::StoreError,
};

/// A blacklist that knows what it was told, and nothing else: for a single process whose tokens need not outlive it, and
/// for tests. It is never stale.
///
/// # Security
///
/// Its memory dies with the process. With a store that keeps sessions, use
/// [`StoreBlacklist`](super::StoreBlacklist): after a restart, this one would believe a revoked token until it expires.
#[derive(Debug, Default)]
pub struct MemoryBlacklist {
    set: RevocationSet,
}

impl MemoryBlacklist {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many revocations are kept.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops revocations that have expired at `now`. Happens by itself too, as the set grows.
    pub fn purge_expired(&self, now: Timestamp) {
        self.set.sweep(now);
    }
}

#[async_trait]
impl Blacklist for MemoryBlacklist {
    fn check(&self, identity: &Identity, now: Timestamp) -> BlacklistVerdict {
        self.set.judge(identity, now).into()
    }

    fn authority_since(
        &self,
        tenant: TenantId,
        user: UserId,
        epoch: u64,
        _: Timestamp,
    ) -> BlacklistVerdict {
        self.set.since(tenant, user, epoch).into()
    }

    fn epoch(&self, _: Timestamp) -> Option<u64> {
        Some(self.set.epoch())
    }

    async fn check_source(
        &self,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<BlacklistVerdict, StoreError> {
        Ok(self.check(identity, now))
    }

    async fn publish(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        let now = revocations
            .iter()
            .map(|revocation| revocation.revoked_at)
            .max()
            .unwrap_or_default();
        self.set.insert(revocations, now);
        Ok(())
    }

    async fn run(self: Arc<Self>, _: Arc<dyn Clock>, mut shutdown: watch::Receiver<bool>) {
        // Nobody else writes: there is nothing to follow.
        while !*shutdown.borrow_and_update() {
            if shutdown.changed().await.is_err() {
                return;
            }
        }
    }
}
