//! Revocations that nodes tell each other.

use std::{sync::Arc, time::Instant};

use gatekeeper_core::{
    CheckState,
    blacklist::{Blacklist as _, BlacklistVerdict},
    model::RevocationTarget,
    store::{Repository, memory::MemoryRepository},
    testing::SeededRandom,
};

use crate::support::{
    node::{DEAF, Kind, Node, USUAL, identity, revocation_of, session_of},
    server::RedisServer,
    until,
};

/// A store of its own: a node on it knows what it has from Redis alone.
fn elsewhere() -> Arc<dyn Repository> {
    Arc::new(MemoryRepository::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_hears_of_a_revocation_through_redis_alone() {
    let server = RedisServer::start();
    let store = elsewhere();
    let here = Node::start(server.client().await, &store, DEAF).await;
    let there = Node::start(server.client().await, &store, DEAF).await;
    here.is(CheckState::Up).await;
    there.is(CheckState::Up).await;
    let random = SeededRandom::new(1);
    for make in [
        |id: &gatekeeper_core::Identity| RevocationTarget::Token(id.token_id),
        |id: &gatekeeper_core::Identity| RevocationTarget::Session(id.session_id),
        |id: &gatekeeper_core::Identity| RevocationTarget::User(id.user_id, id.issued_at),
    ] {
        let ada = identity(&random);
        assert_eq!(there.verdict(&ada).await.unwrap(), BlacklistVerdict::Clean);
        here.revoke_all(&[revocation_of(make(&ada))]).await;
        there.hears_of(&ada).await;
    }
    here.stop().await;
    there.stop().await;
}

/// What the README says of staleness: at most the store's poll, whether or not Redis is there; with it, as good as at once.
#[tokio::test(flavor = "multi_thread")]
async fn how_long_a_revocation_takes_to_another_node() {
    let mut server = RedisServer::start();
    let store = elsewhere();
    let here = Node::start(server.client().await, &store, USUAL).await;
    let there = Node::start(server.client().await, &store, USUAL).await;
    here.is(CheckState::Up).await;
    there.is(CheckState::Up).await;
    let random = SeededRandom::new(1);
    let measure = async |how: &str| {
        for _ in 0..3 {
            let ada = identity(&random);
            let began = Instant::now();
            here.revoke(&ada).await;
            there.hears_of(&ada).await;
            println!("heard {how} after {:?}", began.elapsed());
        }
    };
    measure("through Redis").await;
    server.kill();
    there.is(CheckState::Degraded).await;
    measure("through the store's poll").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_connects_reads_what_was_told_before() {
    let server = RedisServer::start();
    let here = Node::start(server.client().await, &elsewhere(), DEAF).await;
    let random = SeededRandom::new(1);
    let early: Vec<_> = (0..3_000).map(|_| identity(&random)).collect();
    let revocations: Vec<_> = early.iter().map(session_of).collect();
    here.revoke_all(&revocations).await;
    // More than one page, and one that has expired.
    let mut expired = session_of(&identity(&random));
    expired.expires_at = expired.revoked_at;
    here.revoke_all(&[expired]).await;
    let late = Node::start(server.client().await, &elsewhere(), DEAF).await;
    late.is(CheckState::Up).await;
    assert!(early.iter().all(|one| late.knows(one)));
    assert_eq!(late.store.len(), early.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missed_while_connections_break() {
    let server = RedisServer::start();
    let here = Node::start(server.client().await, &elsewhere(), DEAF).await;
    let there = Node::start(server.client().await, &elsewhere(), DEAF).await;
    here.is(CheckState::Up).await;
    there.is(CheckState::Up).await;
    let random = SeededRandom::new(1);
    let mut admin = server.admin();
    let mut told = Vec::new();
    for round in 0..200 {
        if round % 10 == 0 {
            let _: i64 = redis::cmd("CLIENT")
                .arg(&["KILL", "TYPE", "pubsub"])
                .query(&mut admin)
                .unwrap();
        }
        let ada = identity(&random);
        here.revoke(&ada).await;
        told.push(ada);
    }
    for ada in &told {
        there.hears_of(ada).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_write_to_redis_signs_nobody_out() {
    let server = RedisServer::start();
    let ours = Node::start(server.client().await, &elsewhere(), DEAF).await;
    ours.is(CheckState::Up).await;
    // Another application, on the same names, with another secret.
    let kind = Kind { secret: 2, ..DEAF };
    let theirs = Node::start(server.client().await, &elsewhere(), kind).await;
    theirs.is(CheckState::Up).await;
    let random = SeededRandom::new(1);
    let (ada, bob) = (identity(&random), identity(&random));
    theirs.revoke(&ada).await;
    let channel = "gatekeeper:{revocations}:news";
    let mut admin = server.admin();
    // More than are buffered, of all lengths.
    for length in 0..3_000_usize {
        let _: i64 = redis::cmd("PUBLISH")
            .arg(channel)
            .arg(vec![1_u8; length % 200])
            .query(&mut admin)
            .unwrap();
    }
    let listeners: (String, i64) = redis::cmd("PUBSUB")
        .arg(&["NUMSUB", channel])
        .query(&mut admin)
        .unwrap();
    assert!(listeners.1 >= 1, "nobody listens: nothing was shown");
    let friend = Node::start(server.client().await, &elsewhere(), DEAF).await;
    friend.is(CheckState::Up).await;
    friend.revoke(&bob).await;
    ours.hears_of(&bob).await;
    assert!(!ours.knows(&ada), "believed from a message");
    assert!(!friend.knows(&ada), "believed from the copy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_under_another_id_is_not_believed() {
    let server = RedisServer::start();
    let here = Node::start(server.client().await, &elsewhere(), DEAF).await;
    here.is(CheckState::Up).await;
    let random = SeededRandom::new(1);
    let (ada, bob) = (identity(&random), identity(&random));
    here.revoke(&ada).await;
    let mut admin = server.admin();
    let hash = "gatekeeper:{revocations}:entries";
    let id = |who: &gatekeeper_core::Identity| {
        let mut id = vec![2];
        id.extend_from_slice(who.tenant_id.as_uuid().as_bytes());
        id.extend_from_slice(who.session_id.as_uuid().as_bytes());
        id
    };
    let record: Vec<u8> = redis::cmd("HGET")
        .arg(hash)
        .arg(id(&ada))
        .query(&mut admin)
        .unwrap();
    assert!(!record.is_empty());
    let _: i64 = redis::cmd("HSET")
        .arg(hash)
        .arg(id(&bob))
        .arg(&record)
        .query(&mut admin)
        .unwrap();
    let late = Node::start(server.client().await, &elsewhere(), DEAF).await;
    late.is(CheckState::Up).await;
    assert!(late.knows(&ada));
    assert!(!late.knows(&bob));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_applications_on_one_redis_do_not_meet() {
    let server = RedisServer::start();
    let client = async |prefix: &str| {
        let settings = server.settings().prefix(prefix).unwrap();
        gatekeeper_redis::RedisClient::connect(settings)
            .await
            .unwrap()
    };
    let one = Node::start(client("one").await, &elsewhere(), DEAF).await;
    let two = Node::start(client("two").await, &elsewhere(), DEAF).await;
    let friend = Node::start(client("one").await, &elsewhere(), DEAF).await;
    for node in [&one, &two, &friend] {
        node.is(CheckState::Up).await;
    }
    let ada = identity(&SeededRandom::new(1));
    one.revoke(&ada).await;
    friend.hears_of(&ada).await;
    assert!(!two.knows(&ada));
    assert!(
        server
            .keys()
            .iter()
            .all(|key| key.starts_with("one:") || key.starts_with("two:"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_leaves_redis() {
    let server = RedisServer::start();
    let here = Node::start(server.client().await, &elsewhere(), DEAF).await;
    here.is(CheckState::Up).await;
    let random = SeededRandom::new(1);
    let mut old = session_of(&identity(&random));
    let day = std::time::Duration::from_hours(24);
    (old.revoked_at, old.expires_at) = (old.revoked_at.before(2 * day), old.expires_at.before(day));
    here.blacklist.publish(&[old]).await.unwrap();
    let mut admin = server.admin();
    let mut kept = || -> i64 {
        redis::cmd("ZCARD")
            .arg("gatekeeper:{revocations}:by-expiry")
            .query(&mut admin)
            .unwrap()
    };
    assert_eq!(kept(), 1);
    here.revoke(&identity(&random)).await;
    assert_eq!(kept(), 1);
    for key in server.keys() {
        let ttl: i64 = redis::cmd("PTTL")
            .arg(&key)
            .query(&mut server.admin())
            .unwrap();
        assert!(ttl > 0, "{key} is kept for ever");
    }
    until("the copy to be complete", async || {
        here.state() == CheckState::Up
    })
    .await;
}
