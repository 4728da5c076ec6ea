use std::time::Duration;

use gatekeeper_core::lockout::{
    FailureCounted, Lock, LockoutKey, LockoutPolicy, LockoutState, SuccessCounted,
};

use super::{LockoutFixture, POLICY, TICK};
use crate::sample::{NOW, at, lockout_key};

/// A second for each failure, so that nothing is locked any more when the next one comes: far more than any delay.
const APART: i64 = 1_000;

fn locked_for(seconds: i64, delay: u64) -> FailureCounted {
    let until = at(seconds).after(Duration::from_secs(delay));
    FailureCounted::Locked(Lock::Until(until))
}

/// Fails this many times, each long after the one before.
async fn fail_apart(fx: &LockoutFixture, key: &LockoutKey, failures: i64) -> Vec<FailureCounted> {
    let mut counted = Vec::new();
    for n in 0..failures {
        counted.push(fx.fail(key, at(n * APART)).await);
    }
    counted
}

fn state(failures: u32, lock: Option<Lock>) -> LockoutState {
    LockoutState { failures, lock }
}

/// Below the threshold nothing follows; the threshold locks; the state says both.
pub(super) async fn failures_lock_from_the_threshold_on(fx: &LockoutFixture) {
    let key = lockout_key(1);
    assert_eq!(fx.state(&key).await, LockoutState::default());
    assert!(!fx.counters.name().is_empty());
    for n in 1..=2 {
        assert_eq!(fx.fail(&key, NOW).await, FailureCounted::Counted);
        assert_eq!(fx.state(&key).await, state(n, None));
    }
    assert_eq!(fx.fail(&key, NOW).await, locked_for(0, 30));
    assert_eq!(
        fx.state(&key).await,
        state(3, Some(Lock::Until(at(30)))),
        "the third locks"
    );
    let at_once = LockoutPolicy {
        threshold: 1,
        ..POLICY
    };
    let other = lockout_key(2);
    let counted = fx.counters.fail(&other, &at_once, NOW).await.unwrap();
    assert_eq!(counted, locked_for(0, 30));
}

/// CVE-2020-11052: waiting for the end of a lock does not give three fresh guesses, but one.
pub(super) async fn a_lock_that_ran_out_forgets_nothing(fx: &LockoutFixture) {
    let key = lockout_key(1);
    for _ in 0..3 {
        let _ = fx.fail(&key, NOW).await;
    }
    assert_eq!(fx.fail(&key, at(30)).await, locked_for(30, 60));
    assert_eq!(fx.fail(&key, at(31)).await, FailureCounted::AlreadyLocked);
    assert_eq!(fx.fail(&key, at(90)).await, locked_for(90, 100));
    assert_eq!(fx.state(&key).await, state(5, Some(Lock::Until(at(190)))));
}

/// Each lock is twice as long as the one before, up to the longest.
pub(super) async fn locks_grow_to_the_longest(fx: &LockoutFixture) {
    let counted = fail_apart(fx, &lockout_key(1), 7).await;
    let (second, third) = (locked_for(3 * APART, 60), locked_for(4 * APART, 100));
    assert_eq!(
        counted,
        [
            FailureCounted::Counted,
            FailureCounted::Counted,
            locked_for(2 * APART, 30),
            second,
            third,
            locked_for(5 * APART, 100),
            locked_for(6 * APART, 100),
        ]
    );
}

/// The hard limit locks until it is cleared (NIST SP 800-63B-4 section 3.2.2).
pub(super) async fn the_hard_limit_locks_for_good(fx: &LockoutFixture) {
    let key = lockout_key(1);
    let counted = fail_apart(fx, &key, 8).await;
    assert_eq!(counted.last(), Some(&FailureCounted::Locked(Lock::ForGood)));
    let good = state(8, Some(Lock::ForGood));
    for years in [1, 10, 100] {
        let later = at(years * 31_536_000);
        assert_eq!(fx.fail(&key, later).await, FailureCounted::AlreadyLocked);
        assert_eq!(fx.succeed(&key, later).await, SuccessCounted::Locked);
        assert_eq!(fx.state(&key).await, good);
    }
    assert_eq!(fx.counters.clear(&key).await.unwrap(), good);
    assert_eq!(fx.fail(&key, NOW).await, FailureCounted::Counted);
}

/// A lock holds to the microsecond before its end, and not at it.
pub(super) async fn a_lock_ends_at_the_exact_instant(fx: &LockoutFixture) {
    for (n, begin) in [NOW, NOW.after(TICK), at(-7).before(TICK)]
        .into_iter()
        .enumerate()
    {
        let key = lockout_key(n as u64);
        for _ in 0..3 {
            let _ = fx.fail(&key, begin).await;
        }
        let end = begin.after(Duration::from_secs(30));
        assert_eq!(fx.state(&key).await.lock, Some(Lock::Until(end)));
        let before = end.before(TICK);
        assert_eq!(fx.fail(&key, before).await, FailureCounted::AlreadyLocked);
        assert_eq!(fx.succeed(&key, before).await, SuccessCounted::Locked);
        let until = Lock::Until(end.after(Duration::from_mins(1)));
        assert_eq!(fx.fail(&key, end).await, FailureCounted::Locked(until));
        let end = end.after(Duration::from_mins(1));
        assert_eq!(fx.succeed(&key, end).await, SuccessCounted::Cleared);
    }
}

/// Guesses at what is locked neither count nor make the lock longer: nobody can keep an account locked for ever by one
/// guess a second that is told nothing.
pub(super) async fn what_is_locked_counts_nothing(fx: &LockoutFixture) {
    let key = lockout_key(1);
    for _ in 0..3 {
        let _ = fx.fail(&key, NOW).await;
    }
    let locked = fx.state(&key).await;
    for second in 0..30 {
        let counted = fx.fail(&key, at(second)).await;
        assert_eq!(counted, FailureCounted::AlreadyLocked);
        assert_eq!(fx.state(&key).await, locked);
    }
}

/// A success sets failures and locks back to nothing.
pub(super) async fn success_forgets_failures(fx: &LockoutFixture) {
    let key = lockout_key(1);
    assert_eq!(fx.succeed(&key, NOW).await, SuccessCounted::Cleared);
    for _ in 0..3 {
        for _ in 0..2 {
            assert_eq!(fx.fail(&key, NOW).await, FailureCounted::Counted);
        }
        assert_eq!(fx.succeed(&key, NOW).await, SuccessCounted::Cleared);
        assert_eq!(fx.state(&key).await, LockoutState::default());
    }
    let _ = fail_apart(fx, &key, 5).await;
    assert_eq!(
        fx.succeed(&key, at(10 * APART)).await,
        SuccessCounted::Cleared
    );
    assert_eq!(fx.state(&key).await, LockoutState::default());
    assert_eq!(fx.fail(&key, at(10 * APART)).await, FailureCounted::Counted);
}

/// While it is locked the right secret counts for nothing, and forgets nothing.
pub(super) async fn success_is_refused_while_locked(fx: &LockoutFixture) {
    let key = lockout_key(1);
    for _ in 0..3 {
        let _ = fx.fail(&key, NOW).await;
    }
    let locked = fx.state(&key).await;
    for second in [0, 1, 29] {
        assert_eq!(fx.succeed(&key, at(second)).await, SuccessCounted::Locked);
        assert_eq!(fx.state(&key).await, locked);
    }
    assert_eq!(fx.succeed(&key, at(30)).await, SuccessCounted::Cleared);
}

/// Clearing forgets everything, locked or not, and says how it stood.
pub(super) async fn clearing_tells_how_it_stood(fx: &LockoutFixture) {
    let key = lockout_key(1);
    let clear = async || fx.counters.clear(&key).await.unwrap();
    assert_eq!(clear().await, LockoutState::default());
    assert_eq!(fx.fail(&key, NOW).await, FailureCounted::Counted);
    assert_eq!(clear().await, state(1, None));
    for _ in 0..3 {
        let _ = fx.fail(&key, NOW).await;
    }
    assert_eq!(clear().await, state(3, Some(Lock::Until(at(30)))));
    assert_eq!(fx.state(&key).await, LockoutState::default());
    assert_eq!(fx.fail(&key, NOW).await, FailureCounted::Counted);
    assert_eq!(fx.succeed(&key, NOW).await, SuccessCounted::Cleared);
}

/// Each key counts for itself.
pub(super) async fn keys_do_not_mix(fx: &LockoutFixture) {
    let mut last = lockout_key(1);
    last.0[31] ^= 1;
    for _ in 0..3 {
        let _ = fx.fail(&lockout_key(1), NOW).await;
    }
    for other in [lockout_key(2), last] {
        assert_eq!(fx.state(&other).await, LockoutState::default());
        assert_eq!(fx.fail(&other, NOW).await, FailureCounted::Counted);
        assert_eq!(fx.succeed(&other, NOW).await, SuccessCounted::Cleared);
    }
    assert_eq!(fx.state(&lockout_key(1)).await.failures, 3);
}
