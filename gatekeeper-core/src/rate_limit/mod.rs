//! Rate limits: so many requests of one kind, by one caller, in so much time.
//!
//! The algorithm is GCRA (the generic cell rate algorithm): a key is one instant, the theoretical arrival time of the next
//! request, and a check is one comparison and one write. Every implementation gives the same answers for the same clock.

mod class;
mod gcra;
mod limits;
mod memory;
mod subject;
#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use async_trait::async_trait;

pub(crate) use class::MailLimit;
pub use class::RateClass;
use class::Reach;
pub use limits::RateLimits;
pub(crate) use limits::{Limits, MailAllowance, TOO_MANY};
pub use memory::MemoryRateLimiter;
pub use subject::RateSubject;

use crate::{CheckState, Error, RateLimited, model::Timestamp, store::StoreError};

/// How many requests in how much time: up to `burst` at once, and one more each `period / burst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// The most at once; at least 1. `q` of `RateLimit-Policy`.
    pub burst: u32,
    /// The time in which an emptied quota is full again. `w` of `RateLimit-Policy`.
    pub period: Duration,
}

impl Quota {
    /// A quota.
    pub const fn new(burst: u32, period: Duration) -> Self {
        Self { burst, period }
    }

    /// The time after which one more request is let through: GCRA's emission interval, in whole microseconds, at least 1.
    pub fn interval(&self) -> Duration {
        let micros = self.period.as_micros() / u128::from(self.burst.max(1));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX).max(1))
    }
}

/// Whose requests are counted together: a keyed hash of class and subject, so that no store of limits holds an address of
/// a person or a network.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateKey(pub [u8; 16]);

impl fmt::Debug for RateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RateKey(..)")
    }
}

/// Whether a request is let through.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RateVerdict {
    /// It is, and was counted.
    Admitted,
    /// It is not, and was not counted. It will be after this time, if nothing else comes.
    Refused {
        /// `Retry-After`.
        retry_after: Duration,
    },
}

/// What came of a check.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateDecision {
    /// Whether it is let through.
    pub verdict: RateVerdict,
    /// How many more would be let through now: `r` of `RateLimit`.
    pub remaining: u32,
    /// After which time the quota is full again: `t` of `RateLimit`.
    pub reset_after: Duration,
}

/// How a subject stands with a policy after a request was counted: what a transport tells its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RateStatus {
    /// The policy's name in `RateLimit-Policy`.
    pub policy: &'static str,
    /// The policy's quota.
    pub quota: Quota,
    /// Names whose requests are counted together, without saying who it is: `pk`.
    pub partition: [u8; 8],
    /// What came of it.
    pub decision: RateDecision,
}

impl RateStatus {
    /// An error, if the request is not let through.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`].
    pub fn require(&self) -> Result<(), Error> {
        match self.decision.verdict {
            RateVerdict::Admitted => Ok(()),
            RateVerdict::Refused { retry_after } => Err(Error::RateLimited(RateLimited {
                policy: self.policy,
                quota: self.quota,
                partition: self.partition,
                retry_after,
                reset_after: self.decision.reset_after,
            })),
        }
    }
}

/// Counts requests and says which are too many.
#[async_trait]
pub trait RateLimiter: Send + Sync + fmt::Debug {
    /// Counts one request at `now`, if the quota lets it through. Atomic: of any number of callers exactly as many are
    /// admitted as the quota says.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where the counter cannot be reached. An implementation on a network rather falls back to counting in the
    /// process, says so in [`state`](Self::state), and answers.
    async fn check(
        &self,
        key: &RateKey,
        quota: &Quota,
        now: Timestamp,
    ) -> Result<RateDecision, StoreError>;

    /// How it is, for the readiness report.
    fn state(&self) -> CheckState {
        CheckState::Up
    }

    /// Its name in the readiness report: `memory`, `redis`.
    fn name(&self) -> &'static str;
}
