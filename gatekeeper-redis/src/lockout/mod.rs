mod merge;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use gatekeeper_core::{
    CheckState,
    env::{Clock, SystemClock},
    lockout::{
        FailureCounted, Lock, LockFor, LockoutCounters, LockoutKey, LockoutPolicy, LockoutState,
        StoreLockout, SuccessCounted,
    },
    model::Timestamp,
    store::{Repository, StoreError},
};
use redis::Script;

use crate::{RedisClient, client::Away, hex};
use merge::{Shared, merged, read_lock, void_key, void_row, void_until};

/// How long Redis keeps a counter after the last failure. A lock that lasts longer, and how far the delays have grown, is
/// in the store, which keeps what is in it for at least as long as this.
const KEEP: Duration = Duration::from_hours(24);

/// Counts failures in Redis, and locks in Redis and in the store.
///
/// | | what holds |
/// |---|---|
/// | Redis is there | each failure is one script: of any number of guesses at once, on any nodes, no more are told apart than the policy allows |
/// | a lock begins | it is written to the store too: it holds whether Redis is there or not, on every node |
/// | Redis is away | failures are counted in the store; the delays go on from the last lock |
/// | Redis comes back, or forgot everything | the higher of the two counts goes on. What is forgotten are failures since the last lock: fewer than the threshold each time Redis goes and comes |
/// | success, unlocking while Redis is away | the store remembers when; what Redis counted until then is void |
///
/// The store is read (one row by its key, or two) with every call.
pub struct RedisLockout {
    client: RedisClient,
    repository: Arc<dyn Repository>,
    store: StoreLockout,
    clock: Arc<dyn Clock>,
    fail: Script,
    succeed: Script,
}

impl RedisLockout {
    /// Counters on this connection and in this store.
    pub fn new(client: RedisClient, repository: Arc<dyn Repository>) -> Self {
        Self {
            client,
            store: StoreLockout::new(Arc::clone(&repository)),
            repository,
            clock: Arc::new(SystemClock),
            fail: Script::new(include_str!("fail.lua")),
            succeed: Script::new(include_str!("succeed.lua")),
        }
    }

    /// Another source of time: the one that the [`Gatekeeper`](gatekeeper_core::Gatekeeper) has. For tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn key(&self, key: &LockoutKey) -> String {
        self.client.key(&format!("lockout:{}", hex(&key.0)))
    }

    async fn shared(&self, key: &LockoutKey) -> Result<Shared, Away> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.key(key)).arg(&["f", "l", "t"]);
        let (failures, lock, at): (Option<u32>, Option<String>, Option<i64>) =
            self.client.command(&command).await?;
        Ok(Shared {
            failures: failures.unwrap_or(0),
            lock: lock.as_deref().and_then(read_lock),
            at: at.map(Timestamp::from_unix_micros),
        })
    }

    /// Up to when what Redis says is void.
    async fn void_until(
        &self,
        key: &LockoutKey,
        shared: &Shared,
    ) -> Result<Option<Timestamp>, StoreError> {
        // Nearly always Redis says nothing, and the question is spared.
        if shared.at.is_none() {
            return Ok(None);
        }
        let row = self.repository.lockout_state(&void_key(key)).await?;
        Ok(void_until(&row))
    }

    async fn fail_shared(
        &self,
        key: &LockoutKey,
        policy: &LockoutPolicy,
        known: u32,
        void_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(FailureCounted, u32), Away> {
        let mut invocation = self.fail.key(self.key(key));
        invocation
            .arg(now.as_unix_micros())
            .arg(known)
            .arg(instant(void_until))
            .arg(KEEP.as_millis().to_string())
            .arg(policy.threshold.max(1))
            .arg(policy.hard_limit);
        for delay in delays(policy) {
            invocation.arg(delay.as_micros().to_string());
        }
        let answer: Vec<String> = self.client.run(&invocation).await?;
        let mut answer = answer.iter().map(String::as_str);
        let what = answer.next();
        let failures = answer.next().and_then(|failures| failures.parse().ok());
        let lock = answer.next().and_then(read_lock);
        match (what, failures, lock) {
            (Some("0"), _, _) => Ok((FailureCounted::AlreadyLocked, 0)),
            (Some("1"), Some(failures), _) => Ok((FailureCounted::Counted, failures)),
            (Some("2"), Some(failures), Some(lock)) => Ok((FailureCounted::Locked(lock), failures)),
            _ => Err(Away),
        }
    }

    /// Writes a lock where it outlasts Redis.
    async fn keep(
        &self,
        key: &LockoutKey,
        failures: u32,
        lock: Lock,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.repository.begin().await?;
        let stored = tx.lockouts().hold(key, now).await?;
        let state = LockoutState {
            failures: stored.failures.max(failures),
            lock: merge::later(stored.lock, Some(lock)),
        };
        tx.lockouts().set(key, &state, now).await?;
        tx.commit().await
    }

    /// Remembers in the store that all was forgotten, for a Redis that could not be told.
    async fn remember(&self, key: &LockoutKey, now: Timestamp) -> Result<(), StoreError> {
        let key = void_key(key);
        let mut tx = self.repository.begin().await?;
        let row = tx.lockouts().hold(&key, now).await?;
        let at = void_until(&row).map_or(now, |at| at.max(now));
        tx.lockouts().set(&key, &void_row(at), now).await?;
        tx.commit().await
    }
}

/// An instant for a script; nothing was ever counted before the one that stands for none.
fn instant(at: Option<Timestamp>) -> i64 {
    at.map_or(-(1 << 51), Timestamp::as_unix_micros)
}

/// How long the lock lasts that each failure from the threshold on begins, up to the one after which it stays the same.
fn delays(policy: &LockoutPolicy) -> Vec<Duration> {
    let mut delays = Vec::new();
    // 2^32 is where the doubling ends.
    for failures in (policy.threshold.max(1)..policy.hard_limit).take(34) {
        match policy.after(failures) {
            LockFor::Delay(delay) => delays.push(delay),
            LockFor::Nothing | LockFor::Good => {}
        }
    }
    delays
}

#[async_trait]
impl LockoutCounters for RedisLockout {
    async fn state(&self, key: &LockoutKey) -> Result<LockoutState, StoreError> {
        let stored = self.store.state(key).await?;
        let Ok(shared) = self.shared(key).await else {
            return Ok(stored);
        };
        let void = self.void_until(key, &shared).await?;
        Ok(merged(&stored, &shared.since(void)))
    }

    async fn fail(
        &self,
        key: &LockoutKey,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<FailureCounted, StoreError> {
        let stored = self.store.state(key).await?;
        if stored.is_locked(now) {
            return Ok(FailureCounted::AlreadyLocked);
        }
        let Ok(shared) = self.shared(key).await else {
            return self.store.fail(key, policy, now).await;
        };
        let void = self.void_until(key, &shared).await?;
        let counted = self
            .fail_shared(key, policy, stored.failures, void, now)
            .await;
        match counted {
            Ok((FailureCounted::Locked(lock), failures)) => {
                self.keep(key, failures, lock, now).await?;
                Ok(FailureCounted::Locked(lock))
            }
            Ok((counted, _)) => Ok(counted),
            Err(Away) => self.store.fail(key, policy, now).await,
        }
    }

    async fn succeed(
        &self,
        key: &LockoutKey,
        now: Timestamp,
    ) -> Result<SuccessCounted, StoreError> {
        let stored = self.store.state(key).await?;
        if stored.is_locked(now) {
            return Ok(SuccessCounted::Locked);
        }
        let told = match self.shared(key).await {
            Ok(Shared { at: None, .. }) => Ok(0),
            Ok(shared) => {
                let void = self.void_until(key, &shared).await?;
                let mut invocation = self.succeed.key(self.key(key));
                invocation.arg(now.as_unix_micros()).arg(instant(void));
                self.client.run::<u8>(&invocation).await
            }
            Err(away) => Err(away),
        };
        if told.is_ok_and(|locked| locked != 0) {
            return Ok(SuccessCounted::Locked);
        }
        match self.store.succeed(key, now).await? {
            SuccessCounted::Locked => Ok(SuccessCounted::Locked),
            SuccessCounted::Cleared => {
                if told.is_err() {
                    self.remember(key, now).await?;
                }
                Ok(SuccessCounted::Cleared)
            }
        }
    }

    async fn clear(&self, key: &LockoutKey) -> Result<LockoutState, StoreError> {
        let before = self.state(key).await?;
        self.store.clear(key).await?;
        let mut command = redis::cmd("DEL");
        command.arg(self.key(key));
        if self.client.command::<u64>(&command).await.is_err() {
            self.remember(key, self.clock.now()).await?;
        }
        Ok(before)
    }

    fn check(&self) -> CheckState {
        self.client.state()
    }

    fn name(&self) -> &'static str {
        "redis"
    }
}

impl fmt::Debug for RedisLockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLockout")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delays_are_those_of_the_policy() {
        let policy = LockoutPolicy {
            threshold: 5,
            first_delay: Duration::from_secs(30),
            longest_delay: Duration::from_hours(1),
            hard_limit: 100,
        };
        let delays = delays(&policy);
        for failures in 5..100_u32 {
            let index = usize::try_from(failures - 5).unwrap().min(delays.len() - 1);
            assert_eq!(policy.after(failures), LockFor::Delay(delays[index]));
        }
    }
}
