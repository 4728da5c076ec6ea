use std::{fmt, time::Duration};

use async_trait::async_trait;
use gatekeeper_core::{
    CheckState,
    model::Timestamp,
    rate_limit::{MemoryRateLimiter, Quota, RateDecision, RateKey, RateLimiter, RateVerdict},
    store::StoreError,
};
use redis::Script;

use crate::{RedisClient, client::Away, hex};

/// Counts requests across nodes: GCRA in one script, with the same answers as
/// [`MemoryRateLimiter`] for the same clock.
///
/// Each node also counts what it admitted in its own memory. That count answers while Redis is away, so that an outage does
/// not hand out a new quota, and a Redis that forgot everything is not believed where it says more than this node knows to be
/// true.
///
/// The time is the caller's. Nodes whose clocks differ give each other's callers that difference more or less.
pub struct RedisRateLimiter {
    client: RedisClient,
    script: Script,
    here: MemoryRateLimiter,
}

impl RedisRateLimiter {
    /// A limiter on this connection.
    pub fn new(client: RedisClient) -> Self {
        Self {
            client,
            script: Script::new(include_str!("rate_limit.lua")),
            here: MemoryRateLimiter::new(),
        }
    }

    async fn ask(
        &self,
        key: &RateKey,
        quota: &Quota,
        now: Timestamp,
    ) -> Result<RateDecision, Away> {
        let interval = quota.interval();
        let whole = interval.saturating_mul(quota.burst.max(1));
        // Doubles are exact up to 2^53 microseconds; a longer period is counted here.
        let fits = whole.as_micros() < 1 << 51 && now.as_unix_micros().unsigned_abs() < 1 << 51;
        if !fits {
            return Err(Away);
        }
        let (admitted, first, second): (u8, u64, u64) = self
            .client
            .run(
                self.script
                    .key(self.client.key(&format!("rate:{}", hex(&key.0))))
                    .arg(now.as_unix_micros())
                    .arg(interval.as_micros().to_string())
                    .arg(whole.as_micros().to_string()),
            )
            .await?;
        let reset_after = Duration::from_micros(second);
        Ok(if admitted == 1 {
            let left = u128::from(first) / interval.as_micros().max(1);
            RateDecision {
                verdict: RateVerdict::Admitted,
                remaining: u32::try_from(left).unwrap_or(u32::MAX),
                reset_after,
            }
        } else {
            RateDecision {
                verdict: RateVerdict::Refused {
                    retry_after: Duration::from_micros(first),
                },
                remaining: 0,
                reset_after,
            }
        })
    }
}

#[async_trait]
impl RateLimiter for RedisRateLimiter {
    async fn check(
        &self,
        key: &RateKey,
        quota: &Quota,
        now: Timestamp,
    ) -> Result<RateDecision, StoreError> {
        let Ok(shared) = self.ask(key, quota, now).await else {
            return Ok(self.here.check_now(key, quota, now));
        };
        match shared.verdict {
            RateVerdict::Refused { .. } => Ok(shared),
            RateVerdict::Admitted => {
                // Nobody's count can be below this node's own: where it is, Redis has forgotten.
                let own = self.here.check_now(key, quota, now);
                Ok(match own.verdict {
                    RateVerdict::Refused { .. } => own,
                    RateVerdict::Admitted if own.reset_after > shared.reset_after => own,
                    RateVerdict::Admitted => shared,
                })
            }
        }
    }

    fn state(&self) -> CheckState {
        self.client.state()
    }

    fn name(&self) -> &'static str {
        "redis"
    }
}

impl fmt::Debug for RedisRateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRateLimiter")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
