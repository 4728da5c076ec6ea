//! Counting across nodes, and without Redis.

use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    CheckState,
    env::{Clock as _, SystemClock},
    model::Timestamp,
    rate_limit::{MemoryRateLimiter, Quota, RateKey, RateLimiter, RateVerdict},
};
use gatekeeper_redis::{RedisClient, RedisRateLimiter, RedisSettings};
use proptest::prelude::*;

use crate::support::{server::RedisServer, until};

const KEY: RateKey = RateKey([7; 16]);
/// Five at once; one more only after minutes, whatever the test takes.
const QUOTA: Quota = Quota::new(5, Duration::from_hours(1));

async fn limiter(settings: RedisSettings) -> RedisRateLimiter {
    RedisRateLimiter::new(RedisClient::connect(settings).await.unwrap())
}

async fn is_admitted(limiter: &RedisRateLimiter, key: RateKey) -> bool {
    let decision = limiter.check(&key, &QUOTA, SystemClock.now()).await;
    match decision.unwrap().verdict {
        RateVerdict::Admitted => true,
        RateVerdict::Refused { .. } => false,
    }
}

async fn is(limiter: &RedisRateLimiter, state: CheckState) {
    until(&format!("to be {state:?}"), async || {
        limiter.state() == state
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_it_counts_here_and_says_so() {
    let limiter = limiter(RedisServer::absent().hasty()).await;
    assert_eq!(limiter.state(), CheckState::Degraded);
    assert_eq!(limiter.name(), "redis");
    let mut admitted = 0;
    for _ in 0..20 {
        admitted += u32::from(is_admitted(&limiter, KEY).await);
    }
    assert_eq!(admitted, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_hands_out_no_new_quota() {
    let mut server = RedisServer::start();
    let limiter = limiter(server.hasty()).await;
    for _ in 0..5 {
        assert!(is_admitted(&limiter, KEY).await);
    }
    assert!(!is_admitted(&limiter, KEY).await);
    server.kill();
    for _ in 0..10 {
        assert!(!is_admitted(&limiter, KEY).await);
    }
    is(&limiter, CheckState::Degraded).await;
    // Back, and it has forgotten everything.
    server.start_again();
    is(&limiter, CheckState::Up).await;
    for _ in 0..10 {
        assert!(!is_admitted(&limiter, KEY).await);
    }
    server.flush();
    assert!(!is_admitted(&limiter, KEY).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_redis_that_is_stopped() {
    let server = RedisServer::start();
    let limiter = Arc::new(limiter(server.hasty()).await);
    assert!(is_admitted(&limiter, KEY).await);
    server.pause();
    let began = std::time::Instant::now();
    for n in 0..2_000_u16 {
        let [high, low] = n.to_be_bytes();
        let mut key = [0; 16];
        (key[0], key[1]) = (high, low);
        assert!(is_admitted(&limiter, RateKey(key)).await);
    }
    // The first waits for half a second, and nobody after it. Each for itself, they would wait for a quarter of an hour.
    assert!(began.elapsed() < Duration::from_mins(2));
    assert_eq!(limiter.state(), CheckState::Degraded);
    server.resume();
    is(&limiter, CheckState::Up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_stopped_is_noticed_without_callers() {
    let server = RedisServer::start();
    let limiter = limiter(server.hasty()).await;
    assert_eq!(limiter.state(), CheckState::Up);
    server.pause();
    is(&limiter, CheckState::Degraded).await;
    server.resume();
    is(&limiter, CheckState::Up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_count_together_again_after_an_outage() {
    let mut server = RedisServer::start();
    let here = limiter(server.hasty()).await;
    let there = limiter(server.hasty()).await;
    server.kill();
    is(&here, CheckState::Degraded).await;
    is(&there, CheckState::Degraded).await;
    server.start_again();
    is(&here, CheckState::Up).await;
    is(&there, CheckState::Up).await;
    let mut admitted = 0;
    for _ in 0..6 {
        admitted += u32::from(is_admitted(&here, KEY).await);
        admitted += u32::from(is_admitted(&there, KEY).await);
    }
    assert_eq!(admitted, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_refuses_is_one_that_is_away() {
    let server = RedisServer::start();
    let limiter = limiter(server.settings()).await;
    let memory = |limit: &str| {
        let _: () = redis::cmd("CONFIG")
            .arg(&["SET", "maxmemory", limit])
            .query(&mut server.admin())
            .unwrap();
    };
    memory("1");
    for _ in 0..5 {
        assert!(is_admitted(&limiter, KEY).await);
    }
    assert!(!is_admitted(&limiter, KEY).await);
    assert_eq!(limiter.state(), CheckState::Degraded);
    memory("0");
    assert!(is_admitted(&limiter, RateKey([8; 16])).await);
    assert_eq!(limiter.state(), CheckState::Up);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_were_lost_are_sent_again() {
    let server = RedisServer::start();
    let limiter = limiter(server.settings()).await;
    assert!(is_admitted(&limiter, KEY).await);
    let _: () = redis::cmd("SCRIPT")
        .arg("FLUSH")
        .query(&mut server.admin())
        .unwrap();
    assert!(is_admitted(&limiter, KEY).await);
    assert_eq!(limiter.state(), CheckState::Up);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_and_say_nothing() {
    let server = RedisServer::start();
    let limiter = limiter(server.settings()).await;
    let quota = Quota::new(1, Duration::from_secs(30));
    let _ = limiter.check(&KEY, &quota, SystemClock.now()).await;
    assert_eq!(
        server.keys(),
        [format!("gatekeeper:rate:{}", "07".repeat(16))]
    );
    let ttl: i64 = redis::cmd("PTTL")
        .arg(server.keys())
        .query(&mut server.admin())
        .unwrap();
    assert!((1..=90_000).contains(&ttl), "{ttl}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn it_decides_as_memory_does(
        steps in prop::collection::vec((0_u8..3, -2_000_000_i64..8_000_000, 1_u32..6, 1_u64..90_000_000), 1..60)
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let server = RedisServer::start();
            let shared = limiter(server.settings()).await;
            let memory = MemoryRateLimiter::new();
            let mut now = Timestamp::from_unix_seconds(1_795_000_000);
            for (key, step, burst, period) in steps {
                now = Timestamp::from_unix_micros(now.as_unix_micros() + step);
                let (key, quota) = (RateKey([key; 16]), Quota::new(burst, Duration::from_micros(period)));
                prop_assert_eq!(
                    shared.check(&key, &quota, now).await.unwrap(),
                    memory.check_now(&key, &quota, now)
                );
            }
            prop_assert_eq!(shared.state(), CheckState::Up);
            Ok(())
        })?;
    }
}
