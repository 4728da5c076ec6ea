use std::time::Duration;

use gatekeeper_core::{
    model::{RevocationTarget, TenantId},
    store::{Repository, RevocationSignal},
};
use gatekeeper_sqlx::{PgRepository, Settings, SqliteRepository};
use gatekeeper_testkit::sample;
use sqlx::PgPool;
use tokio::time::timeout;

use crate::{proxy::Proxy, support::PgDatabase};

/// Waits until the store promises news, or says that it cannot.
async fn until(signal: &mut RevocationSignal, sound: bool) -> u64 {
    let reached = signal.wait_for(|value| value.1 == sound);
    timeout(Duration::from_secs(20), reached)
        .await
        .expect("nothing is heard")
        .unwrap()
        .0
}

async fn revoke(repository: &PgRepository, n: u64) {
    let target = RevocationTarget::Token(sample::token_id(n));
    let mut transaction = repository.begin().await.unwrap();
    transaction
        .revocations()
        .insert(&sample::revocation(TenantId::DEFAULT, target))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_hears_of_a_revocation_within_a_second() {
    let database = PgDatabase::create().await;
    let settings = Settings::new().schema("auth").unwrap();
    let connect = async || {
        PgRepository::connect_with(&database.url(), settings.clone())
            .await
            .unwrap()
    };
    let (here, there) = (connect().await, connect().await);
    let mut signal = there.revocation_signal().unwrap();
    let before = until(&mut signal, true).await;
    signal.mark_unchanged();
    revoke(&here, 1).await;
    timeout(Duration::from_secs(1), signal.changed())
        .await
        .expect("not heard within a second")
        .unwrap();
    assert_eq!(*signal.borrow_and_update(), (before + 1, true));

    // Nothing is told of what was not committed.
    let mut transaction = here.begin().await.unwrap();
    let target = RevocationTarget::Token(sample::token_id(2));
    transaction
        .revocations()
        .insert(&sample::revocation(TenantId::DEFAULT, target))
        .await
        .unwrap();
    drop(transaction);
    revoke(&here, 3).await;
    timeout(Duration::from_secs(1), signal.changed())
        .await
        .expect("not heard within a second")
        .unwrap();
    assert_eq!(*signal.borrow_and_update(), (before + 2, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_is_told_that_the_news_stopped() {
    let database = PgDatabase::create().await;
    let writer = PgRepository::connect(&database.url()).await.unwrap();
    let mut proxy = Proxy::start(database.options()).await;
    let pool = PgPool::connect_with(proxy.options()).await.unwrap();
    let reader = PgRepository::on_pool(pool, Settings::new());
    let mut signal = reader.revocation_signal().unwrap();
    let first = until(&mut signal, true).await;
    proxy.stop().await;
    let lost = until(&mut signal, false).await;
    assert!(lost > first);
    revoke(&writer, 1).await;
    proxy.resume().await;
    let back = until(&mut signal, true).await;
    assert!(back > lost);
    signal.mark_unchanged();
    revoke(&writer, 2).await;
    timeout(Duration::from_secs(1), signal.changed())
        .await
        .expect("not heard within a second")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn listening_ends_with_the_repository() {
    let database = PgDatabase::create().await;
    let repository = PgRepository::connect(&database.url()).await.unwrap();
    let mut signal = repository.revocation_signal().unwrap();
    until(&mut signal, true).await;
    let clone = repository.clone();
    drop(repository);
    assert!(signal.has_changed().is_ok());
    drop(clone);
    let ended = timeout(Duration::from_secs(5), async {
        while signal.changed().await.is_ok() {}
    });
    ended.await.expect("the listener lives on");
}

#[tokio::test]
async fn sqlite_has_no_signal() {
    let repository = SqliteRepository::open("sqlite::memory:").await.unwrap();
    assert!(repository.revocation_signal().is_none());
}
