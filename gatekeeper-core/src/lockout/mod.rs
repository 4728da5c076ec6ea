//! Lockout: guesses at one account's secrets are counted together, and after some the account answers to nobody for a
//! while, each time longer.
//!
//! | failures in a row | what follows |
//! |---|---|
//! | fewer than the threshold | nothing |
//! | the threshold, and each one after it | locked: first for `first_delay`, each time twice as long, up to `longest_delay` |
//! | `hard_limit` | locked until the secret is bound anew (reset flow) or an administrator unlocks (NIST SP 800-63B-4 section 3.2.2) |
//!
//! A lock that ran out forgets nothing: the next failure locks again, for longer (CVE-2020-11052). Success forgets all.

mod store;

use std::{fmt, time::Duration};

use async_trait::async_trait;

pub use store::StoreLockout;

use crate::{CheckState, model::Timestamp, store::StoreError};

/// When an account is locked and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LockoutPolicy {
    /// The failure in a row that locks first; at least 1.
    pub threshold: u32,
    /// How long the first lock lasts.
    pub first_delay: Duration,
    /// How long any lock lasts at most, but for the hard one.
    pub longest_delay: Duration,
    /// The failure in a row that locks for good.
    pub hard_limit: u32,
}

/// What one more failure does to a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockFor {
    /// Nothing.
    Nothing,
    /// Locks it for this long.
    Delay(Duration),
    /// Locks it for good.
    Good,
}

impl LockoutPolicy {
    /// What the failure with this number (the first is 1) does.
    pub fn after(&self, failures: u32) -> LockFor {
        if failures >= self.hard_limit {
            return LockFor::Good;
        }
        let Some(doublings) = failures.checked_sub(self.threshold) else {
            return LockFor::Nothing;
        };
        let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
        LockFor::Delay(
            self.first_delay
                .saturating_mul(factor)
                .min(self.longest_delay),
        )
    }
}

/// Whose failures are counted together: a keyed hash, so that a store of counters holds no address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LockoutKey(pub [u8; 32]);

impl fmt::Debug for LockoutKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockoutKey(..)")
    }
}

/// Until when a counter is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lock {
    /// Until this instant: `now >= until` is unlocked.
    Until(Timestamp),
    /// Until it is cleared.
    ForGood,
}

impl Lock {
    /// Whether it holds at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        match self {
            Self::Until(until) => now < *until,
            Self::ForGood => true,
        }
    }
}

/// How a counter stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LockoutState {
    /// Failures in a row.
    pub failures: u32,
    /// The last lock, whether or not it still holds.
    pub lock: Option<Lock>,
}

impl LockoutState {
    /// Whether it is locked at `now`.
    pub fn is_locked(&self, now: Timestamp) -> bool {
        self.lock.is_some_and(|lock| lock.holds(now))
    }
}

/// What came of counting a failure.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureCounted {
    /// It was locked already: nothing was counted, and whoever guessed may learn nothing from the guess.
    AlreadyLocked,
    /// Counted, not locked.
    Counted,
    /// Counted, and this failure locked it.
    Locked(Lock),
}

/// What came of a success.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SuccessCounted {
    /// It was not locked; its failures are forgotten.
    Cleared,
    /// It is locked: the right secret counts for nothing now.
    Locked,
}

/// Counts failures in a row. Each method is atomic: of 200 guesses at once, no more are told whether they were right than
/// the policy allows (CVE-2019-5421).
#[async_trait]
pub trait LockoutCounters: Send + Sync + fmt::Debug {
    /// How a counter stands; what was never counted stands at zero.
    async fn state(&self, key: &LockoutKey) -> Result<LockoutState, StoreError>;

    /// Counts a failure at `now`, unless it is locked then.
    async fn fail(
        &self,
        key: &LockoutKey,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<FailureCounted, StoreError>;

    /// Forgets the failures, unless it is locked at `now`.
    async fn succeed(&self, key: &LockoutKey, now: Timestamp)
    -> Result<SuccessCounted, StoreError>;

    /// Forgets everything, locked or not; answers how it stood.
    async fn clear(&self, key: &LockoutKey) -> Result<LockoutState, StoreError>;

    /// How it is, for the readiness report.
    fn check(&self) -> CheckState {
        CheckState::Up
    }

    /// Its name in the readiness report: `store`, `redis`.
    fn name(&self) -> &'static str;
}
