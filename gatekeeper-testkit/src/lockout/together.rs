use gatekeeper_core::{
    lockout::{FailureCounted, Lock, LockoutKey, LockoutState},
    model::Timestamp,
};

use super::{LockoutFixture, fail_in_time};
use crate::{
    sample::{NOW, at, lockout_key},
    store::together,
};

/// So many at once, from two nodes.
async fn guesses(
    fx: &LockoutFixture,
    key: LockoutKey,
    now: Timestamp,
    count: usize,
) -> Vec<FailureCounted> {
    let counted = together(count, |n| fail_in_time(fx.node(n), key, now)).await;
    counted
        .into_iter()
        .filter(|counted| *counted != FailureCounted::AlreadyLocked)
        .collect()
}

/// CVE-2019-5421: of two hundred guesses at once, no more are told whether they were right than the threshold.
pub(super) async fn of_two_hundred_guesses_at_once_few_are_told(fx: &LockoutFixture) {
    let key = lockout_key(1);
    let told = guesses(fx, key, NOW, 200).await;
    assert_eq!(told.len(), 3, "{told:?}");
    let lock = Lock::Until(at(30));
    let locked = told
        .iter()
        .filter(|counted| **counted == FailureCounted::Locked(lock));
    assert_eq!(locked.count(), 1, "{told:?}");
    let expected = LockoutState {
        failures: 3,
        lock: Some(lock),
    };
    assert_eq!(fx.state(&key).await, expected);
}

/// None is lost, whichever node it came to.
pub(super) async fn failures_at_once_below_the_threshold_all_count(fx: &LockoutFixture) {
    for n in 0..10 {
        let key = lockout_key(n);
        let told = guesses(fx, key, NOW, 2).await;
        assert_eq!(told, [FailureCounted::Counted; 2]);
        assert_eq!(fx.state(&key).await.failures, 2);
    }
}

/// When a lock runs out, one guess of those that waited is told; it locks again.
pub(super) async fn guesses_after_a_lock_tell_one(fx: &LockoutFixture) {
    let key = lockout_key(1);
    assert_eq!(guesses(fx, key, NOW, 8).await.len(), 3);
    let locked = FailureCounted::Locked(Lock::Until(at(90)));
    assert_eq!(guesses(fx, key, at(30), 32).await, [locked]);
    assert_eq!(fx.state(&key).await.failures, 4);
}
