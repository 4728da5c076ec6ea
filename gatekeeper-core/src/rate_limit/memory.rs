use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{Quota, RateDecision, RateKey, RateLimiter, RateVerdict};
use crate::{model::Timestamp, store::StoreError};

/// How many keys a limiter remembers unless told otherwise: 13 MiB at the most.
const CAPACITY: usize = 400_000;
/// How many locks share the keys.
const SHARDS: usize = 64;
/// The fewest keys of a shard at which it is worth looking for those whose quota is full again.
const SWEEP_FROM: usize = 128;
/// How often a shard that is full is looked through at most.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);
/// How many crowds a shard knows for each quota: see [`MemoryRateLimiter`].
const CROWDS: u8 = 16;
/// The most crowds of a shard: those of 32 quotas.
const MOST_CROWDS: usize = 32 * CROWDS as usize;

/// Counts in this process: for a single node, and for what need not be counted across nodes.
///
/// # Security
///
/// Its memory is bounded. A key is remembered until its quota is full again, and never forgotten before: an attacker who
/// fills the memory with other keys does not lift the limit of one. What comes when there is no room is not let through
/// uncounted either: keys without room are counted in crowds, a thousand for each quota, each crowd having the quota of one
/// key. Newcomers then share, for as long as the flood lasts; whoever was counted before notices nothing.
pub struct MemoryRateLimiter {
    shards: Box<[Mutex<Shard>]>,
    /// The most keys of a shard, crowds not counted.
    room: usize,
}

#[derive(Default)]
struct Shard {
    /// The theoretical arrival time of each key's next request.
    arrivals: HashMap<RateKey, Timestamp, BuildHasherDefault<AlreadyHashed>>,
    sweep_at: usize,
    swept: Option<Timestamp>,
}

impl MemoryRateLimiter {
    /// A limiter that has counted nothing.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// A limiter that remembers about this many keys at the most.
    pub fn with_capacity(keys: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            room: keys.div_ceil(SHARDS).max(1),
        }
    }

    /// The same as [`RateLimiter::check`], without waiting for anything.
    pub fn check_now(&self, key: &RateKey, quota: &Quota, now: Timestamp) -> RateDecision {
        let mut shard = self.shard(key);
        let Some(key) = shard.place(key, quota, now, self.room) else {
            let retry_after = quota.interval();
            return RateDecision {
                verdict: RateVerdict::Refused { retry_after },
                remaining: 0,
                reset_after: retry_after,
            };
        };
        let (decision, arrival) = quota.step(shard.arrivals.get(&key).copied(), now);
        match decision.verdict {
            RateVerdict::Admitted => {
                shard.arrivals.insert(key, arrival);
            }
            RateVerdict::Refused { .. } => {}
        }
        decision
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        let held = |shard: &Mutex<Shard>| lock(shard).arrivals.len();
        self.shards.iter().map(held).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the index is the remainder of the length, which is not zero"
    )]
    fn shard(&self, key: &RateKey) -> MutexGuard<'_, Shard> {
        let [.., last] = key.0;
        lock(&self.shards[usize::from(last) % self.shards.len()])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    /// The key under which a request is counted: its own, or its crowd's where there is no room. `None` where there is none
    /// for the crowd either, which takes more quotas than any program has.
    fn place(
        &mut self,
        key: &RateKey,
        quota: &Quota,
        now: Timestamp,
        room: usize,
    ) -> Option<RateKey> {
        if self.arrivals.contains_key(key) {
            return Some(*key);
        }
        self.sweep(now, room);
        if self.arrivals.len() < room {
            return Some(*key);
        }
        let crowd = crowd(key, quota);
        let known = self.arrivals.contains_key(&crowd);
        (known || self.arrivals.len() < room + MOST_CROWDS).then_some(crowd)
    }

    /// Forgets keys whose quota is full again: whenever there are twice as many as after the last time, and, where there is
    /// no room, after a pause, so that a flood does not make every request look through all.
    fn sweep(&mut self, now: Timestamp, room: usize) {
        let len = self.arrivals.len();
        if len < self.sweep_at.max(SWEEP_FROM).min(room) {
            return;
        }
        let pausing = |swept: Timestamp| swept <= now && now < swept.after(SWEEP_PAUSE);
        if len >= room && self.swept.is_some_and(pausing) {
            return;
        }
        self.arrivals.retain(|_, arrival| now < *arrival);
        let left = self.arrivals.len();
        self.sweep_at = left.saturating_mul(2);
        self.swept = Some(now);
        if self.arrivals.capacity() > left.max(SWEEP_FROM).saturating_mul(4) {
            self.arrivals.shrink_to(left.saturating_mul(2));
        }
    }
}

/// The key of all keys without room that have this quota and look alike in four bits. No key of a caller's is like it: those
/// are hashes.
fn crowd(key: &RateKey, quota: &Quota) -> RateKey {
    let [first, ..] = key.0;
    let [b0, b1, b2, b3] = quota.burst.to_be_bytes();
    let micros = u64::try_from(quota.period.as_micros()).unwrap_or(u64::MAX);
    let [p0, p1, p2, p3, p4, p5, p6, p7] = micros.to_be_bytes();
    RateKey([
        first % CROWDS,
        b'c',
        b'w',
        b0,
        b1,
        b2,
        b3,
        p0,
        p1,
        p2,
        p3,
        p4,
        p5,
        p6,
        p7,
        b'd',
    ])
}

impl Default for MemoryRateLimiter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryRateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRateLimiter").finish_non_exhaustive()
    }
}

#[async_trait]
impl RateLimiter for MemoryRateLimiter {
    async fn check(
        &self,
        key: &RateKey,
        quota: &Quota,
        now: Timestamp,
    ) -> Result<RateDecision, StoreError> {
        Ok(self.check_now(key, quota, now))
    }

    fn name(&self) -> &'static str {
        "memory"
    }
}

/// Keys are the output of a keyed hash; hashing them again would gain nothing.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.0 = self.0.rotate_left(32) ^ u64::from_le_bytes(word);
        }
    }

    // The length of an array that always has the same one.
    fn write_usize(&mut self, _: usize) {}
}
