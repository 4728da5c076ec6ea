//! How long a revocation takes from the node that commits it to another one that refuses it, through Redis. Prints a table.
//! Starts a `redis-server` of its own.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a measurement has no callers, and needs a part of what tests share"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use gatekeeper_core::{
    CheckState,
    store::{Repository, memory::MemoryRepository},
    testing::SeededRandom,
};
use gatekeeper_redis::RedisClient;
use support::{
    node::{DEAF, Node, identity},
    server::RedisServer,
};

const ROUNDS: usize = 1_000;

#[tokio::main]
async fn main() {
    let server = RedisServer::start();
    let node = async || {
        let store: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
        let client = RedisClient::connect(server.settings()).await.unwrap();
        let node = Node::start(client, &store, DEAF).await;
        node.is(CheckState::Up).await;
        node
    };
    let (here, there) = (node().await, node().await);
    let random = SeededRandom::new(1);
    let (mut heard, mut told) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let ada = identity(&random);
        let began = Instant::now();
        let publishing = async {
            here.revoke(&ada).await;
            began.elapsed()
        };
        let hearing = async {
            while !there.knows(&ada) {
                tokio::task::yield_now().await;
            }
            began.elapsed()
        };
        let (published, reached) = tokio::join!(publishing, hearing);
        told.push(published);
        heard.push(reached);
    }
    println!("| {ROUNDS} revocations through Redis | p50 | p99 | most |\n|---|---|---|---|");
    row("until the other node refuses", heard);
    row("until publishing returns", told);
}

fn row(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!("| {name} | {:?} | {:?} | {:?} |", at(50), at(99), at(100));
}
