mod copy;
mod entry;
mod follow;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use gatekeeper_core::{
    Check, CheckState, Identity,
    blacklist::{Blacklist, BlacklistVerdict, StoreBlacklist},
    crypto::{MessageSeals, SecretKeys},
    env::{Clock, Random, SystemRandom},
    model::{Revocation, TenantId, Timestamp, UserId},
    store::StoreError,
};
use tokio::sync::{Notify, watch};

use crate::{RedisClient, client::Away, hex};
use copy::{Answer, Copy};

/// How many revocations wait for a Redis that is away. More are left to the store, and the copy in Redis is filled anew.
const MOST_WAITING: usize = 4096;

/// A [`StoreBlacklist`] that hears of revocations through Redis, before the store's poll or signal would tell it.
///
/// The store stays the source that is right: it is polled as ever, and what it says of staleness holds. Redis is the fast
/// news, and the copy that a node reads when it connects. A check is answered in process and never waits.
///
/// # Strict
///
/// One made by [`strict`](Self::strict) asks Redis with every check: what any node has told Redis is refused by the next
/// check everywhere. Redis is believed where its copy is known to be complete; otherwise the store is asked; where
/// that does not answer, the check is an error. Roles and permissions that are read anew are read with every request, since what was
/// read before may be outdated for all the process knows. A revocation whose node could not reach Redis is found by the store's poll.
///
/// # Security
///
/// What is heard or read is sealed under the installation's secret: who can write to Redis cannot sign anybody out through
/// this. They can remove entries; what a node has heard, or the store's poll has found, stays.
pub struct RedisBlacklist {
    client: RedisClient,
    store: Arc<StoreBlacklist>,
    copy: Copy,
    strict: bool,
    waiting: Mutex<Waiting>,
    /// Whether news come through at present.
    hearing: AtomicBool,
    /// The copy was found to be incomplete.
    incomplete: Notify,
}

/// What Redis was not told.
#[derive(Default)]
struct Waiting {
    revocations: Vec<Revocation>,
    /// Whether there were too many: the copy lacks some.
    overflowed: bool,
}

impl Waiting {
    fn is_some(&self) -> bool {
        self.overflowed || !self.revocations.is_empty()
    }
}

impl RedisBlacklist {
    /// A blacklist around the one that follows the store:
    /// [`GatekeeperBuilder::blacklist`](gatekeeper_core::GatekeeperBuilder::blacklist) hands it over. The secrets are those of the
    /// [`Gatekeeper`](gatekeeper_core::Gatekeeper).
    pub fn new(client: RedisClient, secrets: &SecretKeys, store: Arc<StoreBlacklist>) -> Self {
        let random: &dyn Random = &SystemRandom;
        let node = hex(&random.bytes::<8>());
        Self {
            copy: Copy::new(client.clone(), MessageSeals::new(secrets), node),
            client,
            store,
            strict: false,
            waiting: Mutex::default(),
            hearing: AtomicBool::new(false),
            incomplete: Notify::new(),
        }
    }

    /// The same, asking Redis with every check. Each authenticated request then waits for one round trip.
    pub fn strict(client: RedisClient, secrets: &SecretKeys, store: Arc<StoreBlacklist>) -> Self {
        Self {
            strict: true,
            ..Self::new(client, secrets, store)
        }
    }

    /// Tells Redis, or keeps it for later.
    async fn tell(&self, revocations: &[Revocation]) {
        if let Err(taken) = self.copy.publish(revocations).await {
            let mut waiting = self.waiting();
            let left = revocations.get(taken..).unwrap_or_default();
            let room = MOST_WAITING.saturating_sub(waiting.revocations.len());
            waiting.overflowed |= left.len() > room;
            waiting.revocations.extend(left.iter().take(room));
            tracing::debug!(
                waiting = waiting.revocations.len(),
                "other nodes hear of revocations through the store alone"
            );
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Blacklist for RedisBlacklist {
    fn check(&self, identity: &Identity, now: Timestamp) -> BlacklistVerdict {
        match self.store.check(identity, now) {
            BlacklistVerdict::Clean | BlacklistVerdict::Outdated if self.strict => {
                BlacklistVerdict::Stale
            }
            verdict => verdict,
        }
    }

    fn authority_since(
        &self,
        tenant: TenantId,
        user: UserId,
        epoch: u64,
        now: Timestamp,
    ) -> BlacklistVerdict {
        if self.strict {
            return BlacklistVerdict::Stale;
        }
        self.store.authority_since(tenant, user, epoch, now)
    }

    fn epoch(&self, now: Timestamp) -> Option<u64> {
        if self.strict {
            return None;
        }
        self.store.epoch(now)
    }

    async fn check_source(
        &self,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<BlacklistVerdict, StoreError> {
        if self.strict {
            match self.store.check(identity, now) {
                BlacklistVerdict::Revoked => return Ok(BlacklistVerdict::Revoked),
                // A store that cannot be heard may know of what nobody could tell Redis.
                BlacklistVerdict::Stale => {}
                BlacklistVerdict::Clean | BlacklistVerdict::Outdated => {
                    match self.copy.ask(identity).await {
                        Ok(Answer::Known(known)) => {
                            self.learn(&known, now);
                            match self.store.check(identity, now) {
                                BlacklistVerdict::Stale => {}
                                verdict => return Ok(verdict),
                            }
                        }
                        Ok(Answer::Unknown) => self.incomplete.notify_one(),
                        Err(Away) => {}
                    }
                }
            }
        }
        self.store.check_source(identity, now).await
    }

    async fn publish(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        self.store.publish(revocations).await?;
        if !revocations.is_empty() {
            self.tell(revocations).await;
        }
        Ok(())
    }

    async fn run(self: Arc<Self>, clock: Arc<dyn Clock>, shutdown: watch::Receiver<bool>) {
        let store = Arc::clone(&self.store).run(Arc::clone(&clock), shutdown.clone());
        tokio::join!(store, self.follow(clock.as_ref(), shutdown));
    }

    fn checks(&self) -> Vec<Check> {
        let state = if self.hearing.load(Ordering::Relaxed) {
            self.client.state()
        } else {
            CheckState::Degraded
        };
        let name = "redis";
        vec![Check { name, state }]
    }
}

impl fmt::Debug for RedisBlacklist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBlacklist")
            .field("client", &self.client)
            .field("strict", &self.strict)
            .finish_non_exhaustive()
    }
}
