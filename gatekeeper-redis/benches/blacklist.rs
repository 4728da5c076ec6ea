//! A check of the blacklist with nothing, 100 thousand and a million entries: in process, and strictly.
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

use std::{hint::black_box, sync::Arc, time::Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use gatekeeper_core::{
    blacklist::{Blacklist as _, BlacklistVerdict},
    env::{Clock as _, SystemClock},
    store::{Repository, memory::MemoryRepository},
    testing::SeededRandom,
};
use gatekeeper_redis::RedisClient;
use support::{
    node::{DEAF, Kind, Node, identity, session_of},
    server::RedisServer,
};
use tokio::runtime::Runtime;

fn checks(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let server = RedisServer::start();
    let random = SeededRandom::new(1);
    let store: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
    let node = runtime.block_on(async {
        let client = RedisClient::connect(server.settings()).await.unwrap();
        Node::start(client, &store, DEAF).await
    });
    let clean = identity(&random);
    let now = SystemClock.now();
    let mut known = 0;
    for entries in [0, 100_000, 1_000_000] {
        let more: Vec<_> = (known..entries)
            .map(|_| session_of(&identity(&random)))
            .collect();
        node.store.learn(&more, now);
        known = entries;
        c.bench_function(
            &format!("blacklist/in process, {entries} entries"),
            |bencher| {
                bencher.iter(|| {
                    let verdict = node.blacklist.check(black_box(&clean), now);
                    assert_eq!(verdict, BlacklistVerdict::Clean);
                });
            },
        );
    }
    let strict = runtime.block_on(async {
        let client = RedisClient::connect(server.settings()).await.unwrap();
        let kind = Kind {
            strict: true,
            ..DEAF
        };
        let strict = Node::start(client, &store, kind).await;
        strict.is(gatekeeper_core::CheckState::Up).await;
        strict
    });
    c.bench_function("blacklist/strict, one at a time", |bencher| {
        bencher.iter_custom(|times| {
            let start = Instant::now();
            runtime.block_on(async {
                for _ in 0..times {
                    let _ = black_box(strict.verdict(&clean).await.unwrap());
                }
            });
            start.elapsed()
        });
    });
}

criterion_group!(benches, checks);
criterion_main!(benches);
