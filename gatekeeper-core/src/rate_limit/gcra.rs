use super::{Quota, RateDecision, RateVerdict};
use crate::model::Timestamp;

impl Quota {
    /// One step of the algorithm: what a request at `now` is told, and what to remember of its key.
    ///
    /// What is remembered is the theoretical arrival time of the key's next request; `None` where there is nothing to
    /// remember, which is the same as any instant that is past. Every implementation of
    /// [`RateLimiter`](super::RateLimiter) answers as this does.
    ///
    /// What lies further ahead than the quota can have put it was written under a clock that was wrong or under another
    /// setting, and counts as an empty quota: nobody is shut out for longer than `period`.
    pub fn step(&self, arrival: Option<Timestamp>, now: Timestamp) -> (RateDecision, Timestamp) {
        let interval = self.interval();
        let whole = interval.saturating_mul(self.burst.max(1));
        let arrival = arrival.unwrap_or(now).max(now).min(now.after(whole));
        let next = arrival.after(interval);
        let admitted_from = next.before(whole);
        if now < admitted_from {
            let decision = RateDecision {
                verdict: RateVerdict::Refused {
                    retry_after: admitted_from.since(now),
                },
                remaining: 0,
                reset_after: arrival.since(now),
            };
            return (decision, arrival);
        }
        let left = now.since(admitted_from).as_micros() / interval.as_micros().max(1);
        let decision = RateDecision {
            verdict: RateVerdict::Admitted,
            remaining: u32::try_from(left).unwrap_or(u32::MAX),
            reset_after: next.since(now),
        };
        (decision, next)
    }
}
