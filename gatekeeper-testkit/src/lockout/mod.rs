//! The conformance suite for counters of failures.
//!
//! Each case takes fresh counters and panics where they break a promise of
//! [`LockoutCounters`]. [`lockout_conformance!`](crate::lockout_conformance) makes a test of each.

#![expect(
    clippy::unwrap_used,
    reason = "a suite speaks by panicking, in the test that called it"
)]

mod locks;
mod together;

use std::{any::Any, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use gatekeeper_core::lockout::{
    FailureCounted, LockoutCounters, LockoutKey, LockoutPolicy, LockoutState, StoreLockout,
    SuccessCounted,
};
use gatekeeper_core::{model::Timestamp, store::StoreErrorKind};

use crate::{store::StoreFixture, suite};

/// Fresh counters for one case.
pub struct LockoutFixture {
    /// The counters.
    pub counters: Arc<dyn LockoutCounters>,
    /// The same counters as another node sees them.
    pub other: Arc<dyn LockoutCounters>,
    guard: Option<Box<dyn Any + Send + Sync>>,
}

impl LockoutFixture {
    /// A fixture on these counters, which must stand at zero.
    pub fn new(counters: impl LockoutCounters + 'static) -> Self {
        let counters: Arc<dyn LockoutCounters> = Arc::new(counters);
        Self {
            other: Arc::clone(&counters),
            counters,
            guard: None,
        }
    }

    /// With a second handle on the same counters.
    #[must_use]
    pub fn with_other_node(mut self, other: impl LockoutCounters + 'static) -> Self {
        self.other = Arc::new(other);
        self
    }

    /// With something that is dropped after the case: a temporary directory, a server.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send + Sync) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    /// Counters in a store.
    pub fn in_store(store: StoreFixture) -> Self {
        Self::new(StoreLockout::new(Arc::clone(&store.repository)))
            .with_other_node(StoreLockout::new(Arc::clone(&store.other)))
            .keeping(store)
    }

    fn node(&self, n: usize) -> Arc<dyn LockoutCounters> {
        Arc::clone(if n.is_multiple_of(2) {
            &self.counters
        } else {
            &self.other
        })
    }

    async fn state(&self, key: &LockoutKey) -> LockoutState {
        let state = self.counters.state(key).await.unwrap();
        assert_eq!(self.other.state(key).await.unwrap(), state);
        state
    }

    async fn fail(&self, key: &LockoutKey, now: Timestamp) -> FailureCounted {
        self.counters.fail(key, &POLICY, now).await.unwrap()
    }

    async fn succeed(&self, key: &LockoutKey, now: Timestamp) -> SuccessCounted {
        self.counters.succeed(key, now).await.unwrap()
    }
}

impl fmt::Debug for LockoutFixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockoutFixture")
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

/// Locks at the third failure for 30 seconds, then for 60, then for 100 each time; at the eighth for good.
const POLICY: LockoutPolicy = LockoutPolicy {
    threshold: 3,
    first_delay: Duration::from_secs(30),
    longest_delay: Duration::from_secs(100),
    hard_limit: 8,
};

const TICK: Duration = Duration::from_micros(1);

/// Counts a failure. Where the counters say that they are busy, nothing was counted, and it is tried again.
async fn fail_in_time(
    counters: Arc<dyn LockoutCounters>,
    key: LockoutKey,
    now: Timestamp,
) -> FailureCounted {
    loop {
        match counters.fail(&key, &POLICY, now).await {
            Ok(counted) => return counted,
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

type CaseFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One case of the suite.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What it shows, the name of its test.
    pub name: &'static str,
    run: fn(LockoutFixture) -> CaseFuture,
}

impl Case {
    /// Runs it.
    ///
    /// # Panics
    ///
    /// Where something promised does not hold.
    pub async fn run(&self, fixture: LockoutFixture) {
        (self.run)(fixture).await;
    }
}

/// Runs the case of this name on a runtime of its own.
///
/// # Panics
///
/// Where something promised does not hold, the case hangs, or no case has the name.
#[doc(hidden)]
pub fn run(name: &str, fixture: impl Future<Output = LockoutFixture>) {
    let case = CASES.iter().find(|case| case.name == name).unwrap();
    suite::block_on(async { case.run(fixture.await).await });
}

/// Makes one test for each case of the conformance suite for counters of failures.
///
/// The argument is an async expression that gives a fresh [`LockoutFixture`](crate::lockout::LockoutFixture); it is
/// evaluated for each test, inside a runtime of several threads. Use it at most once in a module.
#[macro_export]
macro_rules! lockout_conformance {
    ($fixture:expr) => {
        $crate::__lockout_cases! { [$crate::__lockout_tests] $fixture }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __lockout_tests {
    ($fixture:expr; $($group:ident { $($case:ident,)* })*) => {
        $($(
            #[test]
            fn $case() {
                $crate::__private::run_lockout(stringify!($case), async { $fixture });
            }
        )*)*
    };
}

macro_rules! const_cases {
    (; $($group:ident { $($case:ident,)* })*) => {
        /// Every case of the suite.
        pub const CASES: &[Case] = &[$($(
            Case {
                name: stringify!($case),
                run: |fixture| Box::pin(async move { $group::$case(&fixture).await }),
            },
        )*)*];
    };
}

/// The one table: [`CASES`] and the tests both come from it, and a case that is missing here is dead code.
#[doc(hidden)]
#[macro_export]
macro_rules! __lockout_cases {
    ([$($then:tt)*] $($fixture:expr)?) => {
        $($then)* ! { $($fixture)?;
            locks {
                failures_lock_from_the_threshold_on,
                a_lock_that_ran_out_forgets_nothing,
                locks_grow_to_the_longest,
                the_hard_limit_locks_for_good,
                a_lock_ends_at_the_exact_instant,
                what_is_locked_counts_nothing,
                success_forgets_failures,
                success_is_refused_while_locked,
                clearing_tells_how_it_stood,
                keys_do_not_mix,
            }
            together {
                of_two_hundred_guesses_at_once_few_are_told,
                failures_at_once_below_the_threshold_all_count,
                guesses_after_a_lock_tell_one,
            }
        }
    };
}

__lockout_cases! { [const_cases] }
