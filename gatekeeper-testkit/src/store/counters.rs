use std::time::Duration;

use gatekeeper_core::lockout::{Lock, LockoutState};

use super::{StoreFixture, concurrency::together};
use crate::sample::{self, NOW, at};

const TICK: Duration = Duration::from_micros(1);

fn state(failures: u32, lock: Option<Lock>) -> LockoutState {
    LockoutState { failures, lock }
}

/// A counter is made when it is held, and comes back whole.
pub(super) async fn counters_come_back_whole(fx: &StoreFixture) {
    let (key, other) = (sample::lockout_key(1), sample::lockout_key(2));
    let read = async |key| fx.repository.lockout_state(key).await.unwrap();
    assert_eq!(read(&key).await, LockoutState::default());
    assert_eq!(
        peek!(fx, t => t.lockouts().hold(&key, NOW).await),
        LockoutState::default()
    );
    for expected in [
        state(0, None),
        state(1, None),
        state(u32::MAX, Some(Lock::Until(at(5).after(TICK)))),
        state(7, Some(Lock::ForGood)),
        state(7, None),
        state(8, Some(Lock::Until(at(-5)))),
    ] {
        let mut t = fx.begin().await;
        t.lockouts().hold(&key, NOW).await.unwrap();
        t.lockouts().set(&key, &expected, NOW).await.unwrap();
        assert_eq!(t.lockouts().hold(&key, NOW).await.unwrap(), expected);
        t.commit().await.unwrap();
        assert_eq!(read(&key).await, expected);
        assert_eq!(fx.other.lockout_state(&key).await.unwrap(), expected);
        assert_eq!(read(&other).await, LockoutState::default());
    }
    assert!(!commit!(fx, t => t.lockouts().delete(&other).await));
    assert!(commit!(fx, t => t.lockouts().delete(&key).await));
    assert!(!commit!(fx, t => t.lockouts().delete(&key).await));
    assert_eq!(read(&key).await, LockoutState::default());
}

/// Rule 5 for counters, also for one that is not there yet: of many who count at once none loses another's.
pub(super) async fn counters_held_lose_no_failure(fx: &StoreFixture) {
    let key = sample::lockout_key(1);
    together(16, |n| {
        let repository = fx.node(n);
        async move {
            let mut t = repository.begin().await.unwrap();
            let mut state = t.lockouts().hold(&key, NOW).await.unwrap();
            tokio::time::sleep(Duration::from_millis(3)).await;
            state.failures += 1;
            t.lockouts().set(&key, &state, NOW).await.unwrap();
            t.commit().await.unwrap();
        }
    })
    .await;
    let found = fx.repository.lockout_state(&key).await.unwrap();
    assert_eq!(found, state(16, None));
}

/// A purge takes counters that last changed before the time given, no more than it was told, and none that is locked for
/// good.
pub(super) async fn purging_counters_is_bounded(fx: &StoreFixture) {
    for (n, (seconds, lock)) in (0..).zip([
        (10, None),
        (10, Some(Lock::Until(at(1_000_000)))),
        (10, Some(Lock::ForGood)),
        (11, None),
        (20, None),
    ]) {
        let key = sample::lockout_key(n);
        let mut t = fx.begin().await;
        t.lockouts().hold(&key, NOW).await.unwrap();
        t.lockouts()
            .set(&key, &state(1, lock), at(seconds))
            .await
            .unwrap();
        t.commit().await.unwrap();
    }
    let purge =
        async |before, limit| commit!(fx, t => t.lockouts().purge_expired(before, limit).await);
    assert_eq!(purge(at(10), 100).await, 0, "strictly before");
    assert_eq!(purge(at(10).after(TICK), 100).await, 2);
    assert_eq!(purge(at(21), 1).await, 1);
    assert_eq!(
        fx.repository
            .lockout_state(&sample::lockout_key(4))
            .await
            .unwrap(),
        state(1, None),
        "the oldest goes first"
    );
    assert_eq!(purge(at(21), 1).await, 1);
    assert_eq!(purge(at(21), 1).await, 0);
    let good = fx.repository.lockout_state(&sample::lockout_key(2)).await;
    assert_eq!(good.unwrap(), state(1, Some(Lock::ForGood)));
}

/// A lease is one holder's until it runs out, to the microsecond, or is given back by that holder.
pub(super) async fn a_lease_is_one_holders(fx: &StoreFixture) {
    let acquire = async |name, holder, now, until| commit!(fx, t => t.leases().acquire(name, holder, now, until).await);
    assert!(acquire("cleanup", "a", at(0), at(10)).await);
    assert!(!acquire("cleanup", "b", at(0), at(90)).await);
    assert!(!acquire("cleanup", "b", at(10).before(TICK), at(90)).await);
    assert!(acquire("other", "b", at(0), at(10)).await);
    assert!(acquire("cleanup", "a", at(5), at(20)).await, "renewed");
    assert!(!acquire("cleanup", "b", at(10), at(90)).await);
    assert!(acquire("cleanup", "b", at(20), at(30)).await, "it ran out");
    assert!(!acquire("cleanup", "a", at(21), at(90)).await);
    commit!(fx, t => t.leases().release("cleanup", "a").await);
    assert!(!acquire("cleanup", "a", at(22), at(90)).await);
    commit!(fx, t => t.leases().release("cleanup", "b").await);
    commit!(fx, t => t.leases().release("cleanup", "b").await);
    assert!(acquire("cleanup", "a", at(23), at(90)).await);
    assert!(!acquire("other", "a", at(9), at(90)).await);
}

/// Of sixteen nodes one gets a lease, whether it is new or ran out.
pub(super) async fn sixteen_nodes_give_one_holder(fx: &StoreFixture) {
    for round in 0..2 {
        let won = together(16, |n| {
            let repository = fx.node(n);
            async move {
                let holder = format!("{round}/{n}");
                let (now, until) = (at(round * 100), at(round * 100 + 50));
                let mut t = repository.begin().await.unwrap();
                let won = t.leases().acquire("cleanup", &holder, now, until).await;
                t.commit().await.unwrap();
                won.unwrap()
            }
        })
        .await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{round}");
    }
}
