//! Counting guesses across nodes, and without Redis.

use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    CheckState,
    lockout::{
        FailureCounted, Lock, LockFor, LockoutCounters, LockoutKey, LockoutPolicy, LockoutState,
        StoreLockout, SuccessCounted,
    },
    model::Timestamp,
    store::{Repository, memory::MemoryRepository},
    testing::{ManualClock, SeededRandom},
};
use gatekeeper_redis::{RedisClient, RedisLockout, RedisSettings};

use crate::support::{server::RedisServer, until};

const KEY: LockoutKey = LockoutKey([3; 32]);
const NOW: Timestamp = Timestamp::from_unix_micros(1_795_000_000_123_456);
const POLICY: LockoutPolicy = LockoutPolicy {
    threshold: 5,
    first_delay: Duration::from_secs(30),
    longest_delay: Duration::from_hours(1),
    hard_limit: 100,
};

/// Counters of one node.
struct Counters {
    lockout: RedisLockout,
    repository: Arc<dyn Repository>,
}

impl Counters {
    async fn on(settings: RedisSettings, repository: &Arc<dyn Repository>) -> Self {
        let client = RedisClient::connect(settings).await.unwrap();
        Self {
            lockout: RedisLockout::new(client, Arc::clone(repository))
                .clock(ManualClock::at(NOW.after(Duration::from_mins(30)))),
            repository: Arc::clone(repository),
        }
    }

    async fn new(settings: RedisSettings) -> Self {
        let repository: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
        Self::on(settings, &repository).await
    }

    async fn fail(&self, now: Timestamp) -> FailureCounted {
        self.lockout.fail(&KEY, &POLICY, now).await.unwrap()
    }

    async fn succeed(&self, now: Timestamp) -> SuccessCounted {
        self.lockout.succeed(&KEY, now).await.unwrap()
    }

    async fn state(&self) -> LockoutState {
        self.lockout.state(&KEY).await.unwrap()
    }

    /// Fails until it is locked; answers how often, and until when.
    async fn until_locked(&self, now: Timestamp) -> (u32, Timestamp) {
        for failures in 1..=POLICY.threshold {
            match self.fail(now).await {
                FailureCounted::Counted => {}
                FailureCounted::Locked(Lock::Until(until)) => return (failures, until),
                other => panic!("{other:?}"),
            }
        }
        panic!("it is never locked");
    }

    async fn locks_for_good(&self) -> Timestamp {
        let mut now = NOW;
        for _ in 0..POLICY.hard_limit {
            match self.fail(now).await {
                FailureCounted::Counted => {}
                FailureCounted::Locked(Lock::Until(until)) => now = until,
                FailureCounted::Locked(Lock::ForGood) => return now,
                FailureCounted::AlreadyLocked => panic!("the lock was over"),
            }
        }
        panic!("it is never locked for good");
    }

    async fn is(&self, state: CheckState) {
        until(&format!("to be {state:?}"), async || {
            self.lockout.check() == state
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_are_those_of_the_policy() {
    let server = RedisServer::start();
    let counters = Counters::new(server.settings()).await;
    let mut now = NOW;
    for failures in 1..=POLICY.hard_limit {
        let counted = counters.fail(now).await;
        let expected = match POLICY.after(failures) {
            LockFor::Nothing => FailureCounted::Counted,
            LockFor::Delay(delay) => FailureCounted::Locked(Lock::Until(now.after(delay))),
            LockFor::Good => FailureCounted::Locked(Lock::ForGood),
        };
        assert_eq!(counted, expected, "failure {failures}");
        assert_eq!(counters.state().await.failures, failures);
        if let FailureCounted::Locked(Lock::Until(until)) = counted {
            let micro = Duration::from_micros(1);
            let early = counters.fail(until.before(micro)).await;
            assert_eq!(early, FailureCounted::AlreadyLocked);
            assert_eq!(
                counters.succeed(until.before(micro)).await,
                SuccessCounted::Locked
            );
            now = until;
        }
    }
    let years = NOW.after(Duration::from_hours(24 * 365));
    assert_eq!(counters.fail(years).await, FailureCounted::AlreadyLocked);
    assert_eq!(counters.succeed(years).await, SuccessCounted::Locked);
    let before = counters.lockout.clear(&KEY).await.unwrap();
    assert_eq!(before.lock, Some(Lock::ForGood));
    assert_eq!(counters.state().await, LockoutState::default());
    assert!(server.keys().is_empty());
}

/// CVE-2019-5421.
#[tokio::test(flavor = "multi_thread")]
async fn of_200_guesses_at_once_no_more_are_told_apart_than_the_policy_allows() {
    let server = RedisServer::start();
    let repository: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
    let nodes = [
        Arc::new(Counters::on(server.settings(), &repository).await),
        Arc::new(Counters::on(server.settings(), &repository).await),
    ];
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let node = Arc::clone(&nodes[n % 2]);
            tokio::spawn(async move { node.fail(NOW).await })
        })
        .collect();
    let (mut counted, mut locked) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            FailureCounted::Counted => counted += 1,
            FailureCounted::Locked(_) => locked += 1,
            FailureCounted::AlreadyLocked => {}
        }
    }
    assert_eq!((counted, locked), (4, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_as_the_store_alone_would() {
    use gatekeeper_core::env::Random;

    let server = RedisServer::start();
    let counters = Counters::new(server.settings()).await;
    let store = StoreLockout::new(Arc::new(MemoryRepository::new()));
    let random = SeededRandom::new(5);
    let random: &dyn Random = &random;
    let policy = LockoutPolicy {
        threshold: 3,
        first_delay: Duration::from_secs(10),
        longest_delay: Duration::from_secs(100),
        hard_limit: 9,
    };
    let shared = &counters.lockout;
    let mut now = NOW;
    for step in 0..600 {
        let [what, key, seconds] = random.bytes();
        let key = LockoutKey([key % 3; 32]);
        now = now.after(Duration::from_secs((seconds % 60).into()));
        match what % 16 {
            0 => assert_eq!(
                shared.succeed(&key, now).await.unwrap(),
                store.succeed(&key, now).await.unwrap(),
                "{step}"
            ),
            1 => assert_eq!(
                shared.clear(&key).await.unwrap(),
                store.clear(&key).await.unwrap(),
                "{step}"
            ),
            _ => assert_eq!(
                shared.fail(&key, &policy, now).await.unwrap(),
                store.fail(&key, &policy, now).await.unwrap(),
                "{step}"
            ),
        }
        assert_eq!(
            shared.state(&key).await.unwrap(),
            store.state(&key).await.unwrap(),
            "{step}"
        );
    }
    assert_eq!(shared.check(), CheckState::Up);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_outlasts_redis() {
    let mut server = RedisServer::start();
    let counters = Counters::new(server.hasty()).await;
    let (failures, until) = counters.until_locked(NOW).await;
    assert_eq!(failures, 5);
    server.kill();
    assert_eq!(counters.fail(NOW).await, FailureCounted::AlreadyLocked);
    assert_eq!(counters.succeed(NOW).await, SuccessCounted::Locked);
    assert_eq!(counters.state().await.lock, Some(Lock::Until(until)));
    counters.is(CheckState::Degraded).await;
    // The delays go on where they were.
    let next = counters.fail(until).await;
    let delay = Duration::from_mins(1);
    assert_eq!(
        next,
        FailureCounted::Locked(Lock::Until(until.after(delay)))
    );
    // And so they do when it is back with nothing.
    server.start_again();
    counters.is(CheckState::Up).await;
    let until = until.after(delay);
    assert_eq!(counters.fail(NOW).await, FailureCounted::AlreadyLocked);
    let next = counters.fail(until).await;
    assert_eq!(
        next,
        FailureCounted::Locked(Lock::Until(until.after(delay * 2)))
    );
    server.flush();
    assert_eq!(counters.fail(until).await, FailureCounted::AlreadyLocked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_for_good_outlasts_redis() {
    let mut server = RedisServer::start();
    let counters = Counters::new(server.hasty()).await;
    let now = counters.locks_for_good().await;
    server.kill();
    assert_eq!(counters.fail(now).await, FailureCounted::AlreadyLocked);
    server.start_again();
    counters.is(CheckState::Up).await;
    let years = now.after(Duration::from_hours(24 * 365));
    assert_eq!(counters.fail(years).await, FailureCounted::AlreadyLocked);
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_guesses_than_the_threshold_are_forgotten_when_redis_goes_and_comes() {
    let server = RedisServer::start();
    let counters = Counters::new(server.hasty()).await;
    for _ in 0..4 {
        assert_eq!(counters.fail(NOW).await, FailureCounted::Counted);
    }
    server.pause();
    counters.is(CheckState::Degraded).await;
    for _ in 0..4 {
        assert_eq!(counters.fail(NOW).await, FailureCounted::Counted);
    }
    server.resume();
    counters.is(CheckState::Up).await;
    // Four in each: the fifth locks, wherever it is counted.
    assert!(matches!(
        counters.fail(NOW).await,
        FailureCounted::Locked(_)
    ));
    assert_eq!(counters.fail(NOW).await, FailureCounted::AlreadyLocked);
}

#[tokio::test(flavor = "multi_thread")]
async fn success_without_redis_is_remembered_by_it() {
    let server = RedisServer::start();
    let counters = Counters::new(server.hasty()).await;
    for _ in 0..4 {
        assert_eq!(counters.fail(NOW).await, FailureCounted::Counted);
    }
    server.pause();
    counters.is(CheckState::Degraded).await;
    let later = NOW.after(Duration::from_secs(10));
    assert_eq!(counters.succeed(later).await, SuccessCounted::Cleared);
    server.resume();
    counters.is(CheckState::Up).await;
    assert_eq!(counters.state().await, LockoutState::default());
    let (failures, _) = counters
        .until_locked(later.after(Duration::from_secs(1)))
        .await;
    assert_eq!(failures, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn unlocking_without_redis_is_remembered_by_it() {
    let server = RedisServer::start();
    let counters = Counters::new(server.hasty()).await;
    let now = NOW.after(Duration::from_mins(31));
    let (_, _) = counters.until_locked(NOW).await;
    server.pause();
    counters.is(CheckState::Degraded).await;
    counters.lockout.clear(&KEY).await.unwrap();
    assert_eq!(counters.state().await, LockoutState::default());
    // One more guess, counted in the store, does not bring back what was forgotten.
    assert_eq!(counters.fail(now).await, FailureCounted::Counted);
    server.resume();
    counters.is(CheckState::Up).await;
    let state = counters.state().await;
    assert_eq!((state.failures, state.lock), (1, None));
    assert_eq!(counters.fail(now).await, FailureCounted::Counted);
    assert_eq!(counters.state().await.failures, 2);
    assert_eq!(counters.succeed(now).await, SuccessCounted::Cleared);
    // The store holds that instant in a row of its own, and nothing else.
    let row = counters.repository.lockout_state(&KEY).await.unwrap();
    assert_eq!(row, LockoutState::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_in_redis_go_and_say_nothing() {
    let server = RedisServer::start();
    let counters = Counters::new(server.settings()).await;
    let _ = counters.fail(NOW).await;
    let keys = server.keys();
    assert_eq!(keys, [format!("gatekeeper:lockout:{}", "03".repeat(32))]);
    let ttl: i64 = redis::cmd("PTTL")
        .arg(&keys)
        .query(&mut server.admin())
        .unwrap();
    assert!((1..=86_400_000).contains(&ttl), "{ttl}");
}
