use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;

use super::{Quota, RateDecision, RateKey, RateLimiter, RateVerdict};
use crate::{model::Timestamp, store::StoreError};

/// The fewest keys at which it is worth looking for those whose quota is full again.
const SWEEP_FROM: usize = 4096;

/// Counts in this process: for a single node, and for what need not be counted across nodes.
#[derive(Debug, Default)]
pub struct MemoryRateLimiter {
    arrivals: Mutex<Arrivals>,
}

#[derive(Debug, Default)]
struct Arrivals {
    /// The theoretical arrival time of each key's next request.
    next: HashMap<RateKey, Timestamp>,
    sweep_at: usize,
}

impl MemoryRateLimiter {
    /// A limiter that has counted nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same as [`RateLimiter::check`], without waiting for anything.
    pub fn check_now(&self, key: &RateKey, quota: &Quota, now: Timestamp) -> RateDecision {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let interval = quota.interval();
        let whole = interval.saturating_mul(quota.burst.max(1));
        let arrival = arrivals.next.get(key).copied().unwrap_or(now).max(now);
        let next = arrival.after(interval);
        let admitted_from = next.before(whole);
        if now < admitted_from {
            return RateDecision {
                verdict: RateVerdict::Refused {
                    retry_after: admitted_from.since(now),
                },
                remaining: 0,
                reset_after: arrival.since(now),
            };
        }
        arrivals.sweep(now);
        arrivals.next.insert(*key, next);
        let left = now.since(admitted_from).as_micros() / interval.as_micros().max(1);
        RateDecision {
            verdict: RateVerdict::Admitted,
            remaining: u32::try_from(left).unwrap_or(u32::MAX),
            reset_after: next.since(now),
        }
    }
}

impl Arrivals {
    /// Forgets keys whose quota is full again, whenever there are twice as many as after the last time.
    fn sweep(&mut self, now: Timestamp) {
        if self.next.len() < self.sweep_at.max(SWEEP_FROM) {
            return;
        }
        self.next.retain(|_, next| now < *next);
        self.sweep_at = self.next.len().saturating_mul(2);
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
