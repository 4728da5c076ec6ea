//! The conformance suite for rate limiters.
//!
//! [`rate_limit_conformance!`](crate::rate_limit_conformance) makes a test of each case.

#![expect(
    clippy::unwrap_used,
    reason = "a suite speaks by panicking, in the test that called it"
)]

use std::{any::Any, collections::HashMap, fmt, future::Future, sync::Arc, time::Duration};

use gatekeeper_core::{
    model::Timestamp,
    rate_limit::{Quota, RateDecision, RateKey, RateLimiter, RateVerdict},
    testing::SeededRandom,
};

use crate::{
    sample::{NOW, at},
    suite::{CaseFuture, block_on},
};

/// A fresh limiter for one case.
pub struct RateLimitFixture {
    /// The limiter.
    pub limiter: Arc<dyn RateLimiter>,
    /// The one of another node, which counts together with it.
    pub other: Arc<dyn RateLimiter>,
    guard: Option<Box<dyn Any + Send + Sync>>,
}

impl RateLimitFixture {
    /// A fixture of one node.
    pub fn new(limiter: Arc<dyn RateLimiter>) -> Self {
        Self {
            other: Arc::clone(&limiter),
            limiter,
            guard: None,
        }
    }

    /// With another node.
    #[must_use]
    pub fn with_other_node(mut self, other: Arc<dyn RateLimiter>) -> Self {
        self.other = other;
        self
    }

    /// With something that is dropped after the case.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send + Sync) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    async fn check(&self, key: &RateKey, quota: &Quota, now: Timestamp) -> RateDecision {
        self.limiter.check(key, quota, now).await.unwrap()
    }
}

impl fmt::Debug for RateLimitFixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitFixture")
            .field("limiter", &self.limiter)
            .field("other", &self.other)
            .finish_non_exhaustive()
    }
}

const KEY: RateKey = RateKey([1; 16]);
/// Three at once, one more each 20 seconds.
const QUOTA: Quota = Quota::new(3, Duration::from_mins(1));

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn admitted(remaining: u32, reset: u64) -> RateDecision {
    RateDecision {
        verdict: RateVerdict::Admitted,
        remaining,
        reset_after: seconds(reset),
    }
}

fn refused(retry: u64, reset: u64) -> RateDecision {
    RateDecision {
        verdict: RateVerdict::Refused {
            retry_after: seconds(retry),
        },
        remaining: 0,
        reset_after: seconds(reset),
    }
}

async fn a_quota_is_admitted_at_once_and_then_by_and_by(fixture: &RateLimitFixture) {
    let check = async |second| fixture.check(&KEY, &QUOTA, at(second)).await;
    assert_eq!(check(0).await, admitted(2, 20));
    assert_eq!(check(0).await, admitted(1, 40));
    assert_eq!(check(0).await, admitted(0, 60));
    assert_eq!(check(0).await, refused(20, 60));
    assert_eq!(check(5).await, refused(15, 55));
    assert_eq!(check(20).await, admitted(0, 60));
    assert_eq!(check(20).await, refused(20, 60));
    assert_eq!(check(50).await, admitted(0, 50));
    // Full again, and no fuller.
    assert_eq!(check(100).await, admitted(2, 20));
    assert_eq!(check(10_000).await, admitted(2, 20));
}

async fn the_exact_instant_is_admitted(fixture: &RateLimitFixture) {
    for _ in 0..3 {
        let decision = fixture.check(&KEY, &QUOTA, NOW).await;
        assert_eq!(decision.verdict, RateVerdict::Admitted);
    }
    let micro = Duration::from_micros(1);
    let early = fixture.check(&KEY, &QUOTA, at(20).before(micro)).await;
    assert_eq!(early.verdict, RateVerdict::Refused { retry_after: micro });
    let due = fixture.check(&KEY, &QUOTA, at(20)).await;
    assert_eq!(due.verdict, RateVerdict::Admitted);
}

async fn refusals_are_not_counted(fixture: &RateLimitFixture) {
    for _ in 0..3 {
        let _ = fixture.check(&KEY, &QUOTA, NOW).await;
    }
    for _ in 0..50 {
        assert_eq!(fixture.check(&KEY, &QUOTA, NOW).await, refused(20, 60));
    }
    assert_eq!(fixture.check(&KEY, &QUOTA, at(20)).await, admitted(0, 60));
}

async fn keys_are_counted_apart(fixture: &RateLimitFixture) {
    let one = Quota::new(1, seconds(60));
    let keys = [0, 1, 16, 127, 128, 255].map(|byte| RateKey([byte; 16]));
    for _ in 0..2 {
        for key in &keys {
            let _ = fixture.check(key, &one, NOW).await;
        }
    }
    for (n, key) in keys.iter().enumerate() {
        let now = at(60 + i64::try_from(n).unwrap());
        assert_eq!(fixture.check(key, &one, now).await, admitted(0, 60));
    }
}

async fn parallel_requests_are_admitted_exactly(fixture: &RateLimitFixture) {
    let quota = Quota::new(20, seconds(60));
    let tasks: Vec<_> = (0..128)
        .map(|n| {
            let node = if n % 2 == 0 {
                &fixture.limiter
            } else {
                &fixture.other
            };
            let node = Arc::clone(node);
            tokio::spawn(async move { node.check(&KEY, &quota, NOW).await.unwrap().verdict })
        })
        .collect();
    let mut passed = 0;
    for task in tasks {
        match task.await.unwrap() {
            RateVerdict::Admitted => passed += 1,
            RateVerdict::Refused { .. } => {}
        }
    }
    assert_eq!(passed, 20);
}

async fn odd_quotas_make_sense(fixture: &RateLimitFixture) {
    let key = |n| RateKey([n; 16]);
    // No burst is a burst of one; an interval is never shorter than a microsecond.
    let none = Quota::new(0, seconds(10));
    assert_eq!(fixture.check(&key(1), &none, NOW).await, admitted(0, 10));
    assert_eq!(fixture.check(&key(1), &none, NOW).await, refused(10, 10));
    let fast = Quota::new(2, Duration::from_nanos(1));
    let micros = Duration::from_micros;
    let first = fixture.check(&key(2), &fast, NOW).await;
    assert_eq!((first.remaining, first.reset_after), (1, micros(1)));
    let second = fixture.check(&key(2), &fast, NOW).await;
    assert_eq!((second.remaining, second.reset_after), (0, micros(2)));
    let third = fixture.check(&key(2), &fast, NOW).await.verdict;
    assert_eq!(
        third,
        RateVerdict::Refused {
            retry_after: micros(1)
        }
    );
    // What does not divide is rounded down.
    let third_of_ten = Quota::new(3, seconds(10));
    let first = fixture.check(&key(3), &third_of_ten, NOW).await;
    assert_eq!(first.reset_after, micros(3_333_333));
}

/// GCRA as it is written down: for each key the theoretical arrival time, in microseconds.
#[derive(Default)]
struct Model(HashMap<RateKey, i128>);

impl Model {
    fn check(&mut self, key: RateKey, quota: &Quota, now: Timestamp) -> RateDecision {
        let micros = |micros: i128| Duration::from_micros(u64::try_from(micros).unwrap());
        let now = i128::from(now.as_unix_micros());
        let burst = i128::from(quota.burst.max(1));
        let interval = (i128::try_from(quota.period.as_micros()).unwrap() / burst).max(1);
        // What lies further ahead than this quota can have put it counts as an empty quota.
        let latest = now + interval * burst;
        let arrival = self.0.get(&key).copied().unwrap_or(now).clamp(now, latest);
        let next = arrival + interval;
        let from = next - interval * burst;
        if now < from {
            return RateDecision {
                verdict: RateVerdict::Refused {
                    retry_after: micros(from - now),
                },
                remaining: 0,
                reset_after: micros(arrival - now),
            };
        }
        self.0.insert(key, next);
        RateDecision {
            verdict: RateVerdict::Admitted,
            remaining: u32::try_from((now - from) / interval).unwrap(),
            reset_after: micros(next - now),
        }
    }
}

async fn it_answers_as_the_algorithm_is_written_down(fixture: &RateLimitFixture) {
    use gatekeeper_core::env::Random;

    let quotas = [
        Quota::new(1, seconds(7)),
        Quota::new(5, seconds(1)),
        Quota::new(30, seconds(60)),
        Quota::new(3, Duration::from_hours(1)),
        Quota::new(1_000_000, Duration::from_hours(24)),
    ];
    for seed in 0..8 {
        let random = SeededRandom::new(seed);
        let random: &dyn Random = &random;
        let mut model = Model::default();
        let mut now = NOW.after(Duration::from_hours(24) * u32::try_from(seed).unwrap());
        for step in 0..250 {
            let [node, key, quota, long, a, b] = random.bytes();
            // Mostly on by up to 0.07 s, at times by up to 20; at times back, as clocks of two nodes differ.
            let micros = u64::from(u16::from_le_bytes([a, b])) + 1;
            now = match long {
                0..16 => now.before(Duration::from_micros(micros * 10)),
                16..48 => now.after(Duration::from_micros(micros * 300)),
                _ => now.after(Duration::from_micros(micros)),
            };
            let key = RateKey([key % 4; 16]);
            let quota = quotas.get(usize::from(quota) % quotas.len()).unwrap();
            let node = if node % 2 == 0 {
                &fixture.limiter
            } else {
                &fixture.other
            };
            let answer = node.check(&key, quota, now).await.unwrap();
            assert_eq!(
                answer,
                model.check(key, quota, now),
                "seed {seed}, step {step}"
            );
        }
        // The next seed begins a day later with other times, and with the same counts.
        model.0.clear();
    }
}

/// Runs the case of this name on a runtime of its own.
///
/// # Panics
///
/// Where something promised does not hold, the case hangs, or no case has the name.
#[doc(hidden)]
pub fn run(name: &str, fixture: impl Future<Output = RateLimitFixture>) {
    let (_, case) = CASES.iter().find(|case| case.0 == name).unwrap();
    block_on(async { case(fixture.await).await });
}

/// Makes one test for each case of the conformance suite for rate limiters.
///
/// The argument is an async expression that gives a fresh [`RateLimitFixture`](crate::rate_limit::RateLimitFixture); it is
/// evaluated for each test, inside a runtime of several threads. Use it at most once in a module.
#[macro_export]
macro_rules! rate_limit_conformance {
    ($fixture:expr) => {
        $crate::__rate_limit_cases! { [$crate::__rate_limit_tests] $fixture }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __rate_limit_tests {
    ($fixture:expr; $($case:ident,)*) => {
        $(
            #[test]
            fn $case() {
                $crate::__private::run_rate_limit(stringify!($case), async { $fixture });
            }
        )*
    };
}

macro_rules! const_cases {
    (; $($case:ident,)*) => {
        const CASES: &[(&str, fn(RateLimitFixture) -> CaseFuture)] = &[$((
            stringify!($case),
            |fixture| Box::pin(async move { $case(&fixture).await }),
        ),)*];
    };
}

/// The one table: the list and the tests both come from it, and a case that is missing here is dead code.
#[doc(hidden)]
#[macro_export]
macro_rules! __rate_limit_cases {
    ([$($then:tt)*] $($fixture:expr)?) => {
        $($then)* ! { $($fixture)?;
            a_quota_is_admitted_at_once_and_then_by_and_by,
            the_exact_instant_is_admitted,
            refusals_are_not_counted,
            keys_are_counted_apart,
            parallel_requests_are_admitted_exactly,
            odd_quotas_make_sense,
            it_answers_as_the_algorithm_is_written_down,
        }
    };
}

__rate_limit_cases! { [const_cases] }
