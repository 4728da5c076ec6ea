//! A cluster of three that loses one.

use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    CheckState,
    env::{Clock as _, SystemClock},
    rate_limit::{Quota, RateKey, RateLimiter as _, RateVerdict},
    store::{Repository, memory::MemoryRepository},
    testing::SeededRandom,
};
use gatekeeper_redis::{RedisClient, RedisRateLimiter};

use crate::support::{
    cluster::RedisCluster,
    node::{DEAF, Node, USUAL, identity},
    until,
};

#[tokio::test(flavor = "multi_thread")]
async fn nodes_at_different_members_hear_each_other() {
    let cluster = RedisCluster::start();
    let random = SeededRandom::new(1);
    // The keys of two prefixes are in different slots, and each node listens at whichever member it comes to.
    for prefix in ["one", "two", "three"] {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let settings = cluster.settings().prefix(prefix).unwrap();
            let client = RedisClient::connect(settings).await.unwrap();
            let store: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
            let node = Node::start(client, &store, DEAF).await;
            node.is(CheckState::Up).await;
            nodes.push(node);
        }
        for teller in &nodes {
            let ada = identity(&random);
            teller.revoke(&ada).await;
            for node in &nodes {
                node.hears_of(&ada).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_lost_a_member_is_away_until_it_is_whole() {
    let mut cluster = RedisCluster::start();
    let settings = cluster.settings().timeout(Duration::from_secs(1)).unwrap();
    let client = RedisClient::connect(settings).await.unwrap();
    let store: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
    let here = Node::start(client.clone(), &store, USUAL).await;
    let there = Node::start(client.clone(), &store, USUAL).await;
    let limiter = RedisRateLimiter::new(client);
    here.is(CheckState::Up).await;
    let quota = Quota::new(2, Duration::from_hours(1));
    let admitted = async |key: u8| {
        let key = RateKey([key; 16]);
        let decision = limiter
            .check(&key, &quota, SystemClock.now())
            .await
            .unwrap();
        match decision.verdict {
            RateVerdict::Admitted => true,
            RateVerdict::Refused { .. } => false,
        }
    };
    for key in 0..30 {
        assert!(admitted(key).await && admitted(key).await && !admitted(key).await);
    }
    cluster.nodes[1].kill();
    here.is(CheckState::Degraded).await;
    until("the limiter to notice", async || {
        limiter.state() == CheckState::Degraded
    })
    .await;
    let random = SeededRandom::new(1);
    let ada = identity(&random);
    here.revoke(&ada).await;
    there.hears_of(&ada).await;
    for key in 0..30 {
        assert!(!admitted(key).await);
    }
}
