use std::{
    future::pending,
    sync::atomic::{AtomicU8, AtomicU32},
};

use async_trait::async_trait;

use super::*;
use crate::{
    crypto::SecretKey,
    store::{StoreError, StoreErrorKind},
    testing::SeededRandom,
};

const QUOTA: Quota = Quota::new(3, Duration::from_mins(1));

/// A limiter on a network that can be taken away.
#[derive(Debug, Default)]
struct Remote {
    limiter: MemoryRateLimiter,
    fault: AtomicU8,
    asked: AtomicU32,
}

const WELL: u8 = 0;
const FAILS: u8 = 1;
const HANGS: u8 = 2;

#[async_trait]
impl RateLimiter for Remote {
    async fn check(
        &self,
        key: &RateKey,
        quota: &Quota,
        now: Timestamp,
    ) -> Result<RateDecision, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.fault.load(Ordering::SeqCst) {
            WELL => Ok(self.limiter.check_now(key, quota, now)),
            FAILS => Err(StoreError::new(StoreErrorKind::Unavailable, "gone")),
            _ => pending().await,
        }
    }

    fn name(&self) -> &'static str {
        "remote"
    }
}

struct Node {
    limits: Limits,
    remote: Arc<Remote>,
}

impl Node {
    fn new() -> Self {
        let remote = Arc::new(Remote::default());
        let keys = SecretKeys::new(SecretKey::generate(&SeededRandom::new(1)));
        let limits = Limits::new(&keys, Some(Arc::clone(&remote) as Arc<dyn RateLimiter>));
        Self { limits, remote }
    }

    fn set(&self, fault: u8) {
        self.remote.fault.store(fault, Ordering::SeqCst);
    }

    async fn check(&self, reach: Reach, at: Timestamp) -> bool {
        let subject = RateSubject::Address(None);
        let counted = Counted::Subject(&subject);
        let status = self.limits.check("test", QUOTA, reach, &counted, at).await;
        status.require().is_ok()
    }
}

fn start() -> Timestamp {
    Timestamp::from_unix_seconds(1_767_225_600)
}

#[tokio::test(start_paused = true)]
async fn row_35_a_shared_limiter_that_fails_neither_lifts_a_limit_nor_shuts_anybody_out() {
    for fault in [FAILS, HANGS] {
        let node = Node::new();
        for _ in 0..2 {
            assert!(node.check(Reach::Shared, start()).await);
        }
        node.set(fault);
        let begun = tokio::time::Instant::now();
        // Two were counted while it was there: the third is let through, the fourth is not.
        assert!(node.check(Reach::Shared, start()).await);
        assert!(!node.check(Reach::Shared, start()).await);
        let states = (
            node.limits.state(start()),
            node.remote.asked.load(Ordering::SeqCst),
        );
        assert_eq!(states, (Some(("remote", CheckState::Degraded)), 3));
        // By the runtime's clock, which stands still but for what is waited for.
        assert!(begun.elapsed() <= 2 * PATIENCE, "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_shared_limiter_that_fails_is_asked_again_once_a_second() {
    let node = Node::new();
    node.set(FAILS);
    assert!(node.check(Reach::Shared, start()).await);
    let just_before = start().after(REST).before(Duration::from_micros(1));
    assert!(node.check(Reach::Shared, just_before).await);
    assert_eq!(node.remote.asked.load(Ordering::SeqCst), 1);
    node.set(WELL);
    assert!(node.check(Reach::Shared, start().after(REST)).await);
    assert_eq!(node.remote.asked.load(Ordering::SeqCst), 2);
    let state = node.limits.state(start().after(REST));
    assert_eq!(state, Some(("remote", CheckState::Up)));
    // A clock that was put back does not keep it away.
    node.set(FAILS);
    let _ = node.check(Reach::Shared, start().after(2 * REST)).await;
    let _ = node.check(Reach::Shared, start()).await;
    assert_eq!(node.remote.asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn what_need_not_be_shared_is_counted_in_the_process() {
    let node = Node::new();
    node.set(HANGS);
    for admitted in [true, true, true, false] {
        assert_eq!(node.check(Reach::Process, start()).await, admitted);
    }
    assert_eq!(node.remote.asked.load(Ordering::SeqCst), 0);
    let alone = Limits::new(
        &SecretKeys::new(SecretKey::generate(&SeededRandom::new(1))),
        None,
    );
    assert_eq!(alone.state(start()), None);
}
