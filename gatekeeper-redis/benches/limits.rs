//! A check of a rate limit: in memory, on Redis one after the other, and on Redis 64 at once.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a benchmark has no callers, and needs a part of what tests share"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gatekeeper_core::{
    env::{Clock as _, SystemClock},
    rate_limit::{MemoryRateLimiter, Quota, RateKey, RateLimiter},
};
use gatekeeper_redis::{RedisClient, RedisRateLimiter};
use support::server::RedisServer;
use tokio::{runtime::Runtime, task::JoinSet};

const QUOTA: Quota = Quota::new(1_000_000, Duration::from_mins(1));
const AT_ONCE: u64 = 64;

/// One of a thousand callers.
fn key(n: u64) -> RateKey {
    RateKey((u128::from(n % 1_000) << 64).to_be_bytes())
}

async fn checks(limiter: &dyn RateLimiter, from: u64, times: u64) {
    for n in from..from + times {
        let key = key(n);
        let checked = limiter.check(&key, &QUOTA, SystemClock.now());
        let _ = black_box(checked.await.unwrap());
    }
}

fn limits(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let server = RedisServer::start();
    let shared = runtime.block_on(async {
        let client = RedisClient::connect(server.settings()).await.unwrap();
        Arc::new(RedisRateLimiter::new(client))
    });
    let memory = MemoryRateLimiter::new();
    for (name, limiter) in [
        ("limit/memory", &memory as &dyn RateLimiter),
        ("limit/redis, one at a time", shared.as_ref()),
    ] {
        c.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let start = Instant::now();
                runtime.block_on(checks(limiter, 0, times));
                start.elapsed()
            });
        });
    }
    let mut group = c.benchmark_group("limit/redis, 64 at once");
    group.throughput(Throughput::Elements(AT_ONCE));
    group.bench_function("each", |bencher| {
        bencher.iter_custom(|times| {
            let start = Instant::now();
            runtime.block_on(async {
                let mut tasks = JoinSet::new();
                for task in 0..AT_ONCE {
                    let limiter = Arc::clone(&shared);
                    tasks.spawn(async move {
                        checks(limiter.as_ref(), task * 16, times).await;
                    });
                }
                tasks.join_all().await;
            });
            start.elapsed()
        });
    });
    group.finish();
    assert_eq!(
        gatekeeper_core::CheckState::Up,
        shared.state(),
        "what was measured was not Redis"
    );
}

criterion_group!(benches, limits);
criterion_main!(benches);
