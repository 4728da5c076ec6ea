//! Redis gone at start, lost, slow, back, flushed: nothing that was revoked works again.

use std::sync::Arc;

use gatekeeper_core::{
    CheckState,
    blacklist::BlacklistVerdict,
    store::{Repository, memory::MemoryRepository},
    testing::SeededRandom,
};
use gatekeeper_redis::{RedisClient, RedisSettings};

use crate::support::{
    node::{DEAF, Node, USUAL, identity, session_of},
    server::RedisServer,
};

fn store() -> Arc<dyn Repository> {
    Arc::new(MemoryRepository::new())
}

async fn client(settings: RedisSettings) -> RedisClient {
    RedisClient::connect(settings).await.unwrap()
}

/// A node that can know what it knows from Redis alone.
async fn reader(server: &RedisServer) -> Node {
    let reader = Node::start(client(server.settings()).await, &store(), DEAF).await;
    reader.is(CheckState::Up).await;
    reader
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_at_the_start() {
    let mut server = RedisServer::absent();
    let store = store();
    let here = Node::start(client(server.hasty()).await, &store, USUAL).await;
    let there = Node::start(client(server.hasty()).await, &store, USUAL).await;
    assert_eq!(here.state(), CheckState::Degraded);
    let ada = identity(&SeededRandom::new(1));
    assert_eq!(here.verdict(&ada).await.unwrap(), BlacklistVerdict::Clean);
    here.revoke(&ada).await;
    assert!(here.knows(&ada));
    there.hears_of(&ada).await;
    // It comes, and is told what it missed.
    server.start_again();
    here.is(CheckState::Up).await;
    there.is(CheckState::Up).await;
    assert!(reader(&server).await.knows(&ada));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_in_flight_and_back_again_empty() {
    let mut server = RedisServer::start();
    let store = store();
    let here = Node::start(client(server.hasty()).await, &store, USUAL).await;
    let there = Node::start(client(server.hasty()).await, &store, USUAL).await;
    here.is(CheckState::Up).await;
    there.is(CheckState::Up).await;
    let random = SeededRandom::new(1);
    let (before, during, after) = (identity(&random), identity(&random), identity(&random));
    here.revoke(&before).await;
    there.hears_of(&before).await;

    server.kill();
    here.is(CheckState::Degraded).await;
    there.is(CheckState::Degraded).await;
    assert!(here.knows(&before) && there.knows(&before));
    here.revoke(&during).await;
    assert!(here.knows(&during));
    there.hears_of(&during).await;

    server.start_again();
    here.is(CheckState::Up).await;
    there.is(CheckState::Up).await;
    here.revoke(&after).await;
    there.hears_of(&after).await;
    // Redis came back with nothing, and has everything again.
    let late = reader(&server).await;
    for who in [&before, &during, &after] {
        assert!(here.knows(who) && there.knows(who) && late.knows(who));
    }
    assert_eq!(
        late.verdict(&identity(&random)).await.unwrap(),
        BlacklistVerdict::Clean
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_where_it_is() {
    let server = RedisServer::start();
    let store = store();
    let here = Node::start(client(server.hasty()).await, &store, USUAL).await;
    let there = Node::start(client(server.hasty()).await, &store, USUAL).await;
    here.is(CheckState::Up).await;
    there.is(CheckState::Up).await;
    // Connections stay open and say nothing. Nobody asks, and it is noticed.
    server.pause();
    here.is(CheckState::Degraded).await;
    there.is(CheckState::Degraded).await;
    let random = SeededRandom::new(1);
    let during = identity(&random);
    here.revoke(&during).await;
    assert!(here.knows(&during));
    there.hears_of(&during).await;
    server.resume();
    here.is(CheckState::Up).await;
    there.is(CheckState::Up).await;
    let after = identity(&random);
    here.revoke(&after).await;
    there.hears_of(&after).await;
    let late = reader(&server).await;
    assert!(late.knows(&during) && late.knows(&after));
}

#[tokio::test(flavor = "multi_thread")]
async fn slow() {
    let server = RedisServer::start();
    let store = store();
    let here = Node::start(client(server.hasty()).await, &store, USUAL).await;
    let there = Node::start(client(server.hasty()).await, &store, USUAL).await;
    here.is(CheckState::Up).await;
    there.is(CheckState::Up).await;
    // Longer than anybody is ready to wait.
    let _: () = redis::cmd("CLIENT")
        .arg(&["PAUSE", "5000", "ALL"])
        .query(&mut server.admin())
        .unwrap();
    let ada = identity(&SeededRandom::new(1));
    here.revoke(&ada).await;
    assert!(here.knows(&ada));
    there.hears_of(&ada).await;
    here.is(CheckState::Degraded).await;
    here.is(CheckState::Up).await;
    there.is(CheckState::Up).await;
    assert!(reader(&server).await.knows(&ada));
}

#[tokio::test(flavor = "multi_thread")]
async fn flushed() {
    let server = RedisServer::start();
    let store = store();
    let here = Node::start(client(server.settings()).await, &store, USUAL).await;
    let there = Node::start(client(server.settings()).await, &store, USUAL).await;
    here.is(CheckState::Up).await;
    there.is(CheckState::Up).await;
    let random = SeededRandom::new(1);
    let ada = identity(&random);
    here.revoke(&ada).await;
    there.hears_of(&ada).await;
    // More than one script takes.
    let more: Vec<_> = (0..500).map(|_| identity(&random)).collect();
    let revocations: Vec<_> = more.iter().map(session_of).collect();
    here.revoke_all(&revocations).await;
    server.flush();
    // Noticed by a heartbeat, and filled from the store: nobody asked, and nobody published.
    crate::support::until("the copy to be filled", async || {
        let marked: Option<String> = redis::cmd("HGET")
            .arg(&["gatekeeper:{revocations}:entries", "complete"])
            .query(&mut server.admin())
            .unwrap();
        marked.is_some()
    })
    .await;
    assert!(here.knows(&ada) && there.knows(&ada));
    let late = reader(&server).await;
    assert!(late.knows(&ada));
    assert!(more.iter().all(|one| late.knows(one)));
}

/// A server that comes back with what it had saved a while ago, its mark of completeness among it.
#[tokio::test(flavor = "multi_thread")]
async fn back_with_an_old_copy() {
    let mut server = RedisServer::start();
    let store = store();
    let here = Node::start(client(server.hasty()).await, &store, USUAL).await;
    here.is(CheckState::Up).await;
    let random = SeededRandom::new(1);
    let (saved, unsaved) = (identity(&random), identity(&random));
    here.revoke(&saved).await;
    let _: () = redis::cmd("SAVE").query(&mut server.admin()).unwrap();
    here.revoke(&unsaved).await;
    server.kill();
    here.is(CheckState::Degraded).await;
    server.start_again();
    here.is(CheckState::Up).await;
    let late = reader(&server).await;
    assert!(late.knows(&saved));
    assert!(
        late.knows(&unsaved),
        "an old copy was taken for a complete one"
    );
}
