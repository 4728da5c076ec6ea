//! Asking Redis with every check.

use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    CheckState, Identity,
    blacklist::{Blacklist as _, BlacklistVerdict, StoreBlacklist, StoreBlacklistSettings},
    env::{Clock as _, SystemClock},
    store::{Repository, StoreErrorKind, memory::MemoryRepository},
    testing::SeededRandom,
};
use gatekeeper_redis::{RedisBlacklist, RedisClient};
use gatekeeper_testkit::faults::{Fault, FaultyRepository};

use crate::support::{
    node::{Node, STRICT, identity, secrets, session_of, write},
    server::RedisServer,
    until,
};

/// A strict node that nobody tells anything: it neither polls nor listens.
async fn asleep(client: RedisClient, repository: &Arc<dyn Repository>) -> RedisBlacklist {
    let mut settings = StoreBlacklistSettings::default();
    settings.max_staleness = Duration::from_hours(24);
    let store = StoreBlacklist::new(Arc::clone(repository), settings);
    store.sync(SystemClock.now()).await.unwrap();
    RedisBlacklist::strict(client, &secrets(1), Arc::new(store))
}

async fn asked(blacklist: &RedisBlacklist, identity: &Identity) -> BlacklistVerdict {
    let now = SystemClock.now();
    assert_eq!(blacklist.check(identity, now), BlacklistVerdict::Stale);
    assert_eq!(blacklist.epoch(now), None);
    blacklist.check_source(identity, now).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_check_anywhere_refuses_what_redis_was_told() {
    let server = RedisServer::start();
    let store: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
    let here = Node::start(server.client().await, &store, STRICT).await;
    here.is(CheckState::Up).await;
    // On another store: what it finds, Redis has said.
    let elsewhere: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
    let there = asleep(server.client().await, &elsewhere).await;
    let random = SeededRandom::new(1);
    for _ in 0..50 {
        let ada = identity(&random);
        assert_eq!(asked(&there, &ada).await, BlacklistVerdict::Clean);
        here.revoke(&ada).await;
        assert_eq!(asked(&there, &ada).await, BlacklistVerdict::Revoked);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_not_complete_is_not_believed() {
    let server = RedisServer::start();
    let store: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
    let random = SeededRandom::new(1);
    let ada = identity(&random);
    let there = asleep(server.client().await, &store).await;
    // In the store, and nobody has told Redis.
    write(&store, &[session_of(&ada)]).await;
    assert_eq!(asked(&there, &ada).await, BlacklistVerdict::Revoked);
    // Now Redis knows all there is, and a flush takes it away.
    let here = Node::start(server.client().await, &store, STRICT).await;
    here.is(CheckState::Up).await;
    here.stop().await;
    let bob = identity(&random);
    write(&store, &[session_of(&bob)]).await;
    server.flush();
    assert_eq!(asked(&there, &bob).await, BlacklistVerdict::Revoked);
    assert_eq!(
        asked(&there, &identity(&random)).await,
        BlacklistVerdict::Clean
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_record_is_no_answer() {
    let server = RedisServer::start();
    let store: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
    let here = Node::start(server.client().await, &store, STRICT).await;
    here.is(CheckState::Up).await;
    let there = asleep(server.client().await, &store).await;
    let ada = identity(&SeededRandom::new(1));
    let mut id = vec![2];
    id.extend_from_slice(ada.tenant_id.as_uuid().as_bytes());
    id.extend_from_slice(ada.session_id.as_uuid().as_bytes());
    let _: i64 = redis::cmd("HSET")
        .arg("gatekeeper:{revocations}:entries")
        .arg(id)
        .arg(vec![1_u8; 56])
        .query(&mut server.admin())
        .unwrap();
    assert_eq!(asked(&there, &ada).await, BlacklistVerdict::Clean);
    write(&store, &[session_of(&ada)]).await;
    assert_eq!(asked(&there, &ada).await, BlacklistVerdict::Revoked);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_store_answers_and_without_both_nobody() {
    let mut server = RedisServer::start();
    let faulty = FaultyRepository::wrap(Arc::new(MemoryRepository::new()));
    let store: Arc<dyn Repository> = Arc::new(faulty.clone());
    let client = RedisClient::connect(server.hasty()).await.unwrap();
    let there = asleep(client, &store).await;
    let ada = identity(&SeededRandom::new(1));
    server.kill();
    assert_eq!(asked(&there, &ada).await, BlacklistVerdict::Clean);
    write(&store, &[session_of(&ada)]).await;
    assert_eq!(asked(&there, &ada).await, BlacklistVerdict::Revoked);
    faulty.arm(1, Fault::Fail);
    let error = there
        .check_source(&identity(&SeededRandom::new(2)), SystemClock.now())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_node_asks_for_the_copy_to_be_filled() {
    let server = RedisServer::start();
    let store: Arc<dyn Repository> = Arc::new(MemoryRepository::new());
    let here = Node::start(server.client().await, &store, STRICT).await;
    here.is(CheckState::Up).await;
    let ada = identity(&SeededRandom::new(1));
    here.revoke(&ada).await;
    server.flush();
    until("the copy to be filled", async || {
        let _ = here.verdict(&ada).await.unwrap();
        server.keys().iter().any(|key| key.ends_with(":by-expiry"))
    })
    .await;
    assert_eq!(here.verdict(&ada).await.unwrap(), BlacklistVerdict::Revoked);
}
