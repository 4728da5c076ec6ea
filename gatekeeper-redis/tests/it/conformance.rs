//! The suites that every blacklist, every limiter and all counters of guesses pass.

use std::sync::Arc;

use gatekeeper_core::{
    blacklist::{StoreBlacklist, StoreBlacklistSettings},
    store::{Repository, memory::MemoryRepository},
    testing::ManualClock,
};
use gatekeeper_redis::{
    RedisBlacklist, RedisClient, RedisLockout, RedisRateLimiter, RedisSettings,
};
use gatekeeper_testkit::{
    blacklist::BlacklistFixture, lockout::LockoutFixture, rate_limit::RateLimitFixture, sample,
};

use crate::support::{cluster::RedisCluster, node::secrets, server::RedisServer};

async fn blacklists(settings: RedisSettings, strict: bool) -> BlacklistFixture {
    let repository: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
    let make = if strict {
        RedisBlacklist::strict
    } else {
        RedisBlacklist::new
    };
    let node = async || {
        let mut follow = StoreBlacklistSettings::default();
        // Whatever the other node hears, it hears through Redis.
        follow.poll = std::time::Duration::from_hours(1);
        let store = StoreBlacklist::new(Arc::clone(&repository), follow);
        store.sync(sample::NOW).await.unwrap();
        let client = RedisClient::connect(settings.clone()).await.unwrap();
        Arc::new(make(client, &secrets(1), Arc::new(store)))
    };
    BlacklistFixture::new(node().await)
        .with_other_node(node().await)
        .with_store(Arc::clone(&repository))
}

async fn limiters(settings: RedisSettings) -> RateLimitFixture {
    let node = async || {
        let client = RedisClient::connect(settings.clone()).await.unwrap();
        Arc::new(RedisRateLimiter::new(client))
    };
    RateLimitFixture::new(node().await).with_other_node(node().await)
}

async fn counters(settings: RedisSettings) -> LockoutFixture {
    let repository: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
    let node = async || {
        let client = RedisClient::connect(settings.clone()).await.unwrap();
        RedisLockout::new(client, Arc::clone(&repository)).clock(ManualClock::at(sample::NOW))
    };
    LockoutFixture::new(node().await).with_other_node(node().await)
}

mod blacklist {
    use super::*;

    gatekeeper_testkit::blacklist_conformance!({
        let server = RedisServer::start();
        blacklists(server.settings(), false).await.keeping(server)
    });
}

mod strict_blacklist {
    use super::*;

    gatekeeper_testkit::blacklist_conformance!({
        let server = RedisServer::start();
        blacklists(server.settings(), true).await.keeping(server)
    });
}

mod rate_limiter {
    use super::*;

    gatekeeper_testkit::rate_limit_conformance!({
        let server = RedisServer::start();
        limiters(server.settings()).await.keeping(server)
    });
}

mod cluster_blacklist {
    use super::*;

    gatekeeper_testkit::blacklist_conformance!({
        let cluster = RedisCluster::start();
        blacklists(cluster.settings(), false).await.keeping(cluster)
    });
}

mod cluster_rate_limiter {
    use super::*;

    gatekeeper_testkit::rate_limit_conformance!({
        let cluster = RedisCluster::start();
        limiters(cluster.settings()).await.keeping(cluster)
    });
}

mod lockout {
    use super::*;

    gatekeeper_testkit::lockout_conformance!({
        let server = RedisServer::start();
        counters(server.settings()).await.keeping(server)
    });
}

mod cluster_lockout {
    use super::*;

    gatekeeper_testkit::lockout_conformance!({
        let cluster = RedisCluster::start();
        counters(cluster.settings()).await.keeping(cluster)
    });
}
