use std::time::Duration;

use gatekeeper_core::{
    model::{TenantId, UserId},
    store::{Repository, StoreErrorKind},
};
use gatekeeper_sqlx::{PgRepository, Settings};
use gatekeeper_testkit::sample;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;

use crate::{proxy::Proxy, support::PgDatabase};

fn nobody() -> UserId {
    sample::user(TenantId::DEFAULT, 1).id
}

/// Has as many connections open at once as the pool may have.
async fn fill(repository: &PgRepository) {
    let mut transactions = Vec::new();
    for _ in 0..repository.pool().options().get_max_connections() {
        transactions.push(repository.begin().await.unwrap());
    }
    drop(transactions);
    while repository.pool().num_idle() < repository.pool().size() as usize {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn terminate(database: &PgDatabase, repository: &PgRepository) {
    let admin = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(database.options())
        .await
        .unwrap();
    fill(repository).await;
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .execute(&admin)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_do_not_notice_that_every_connection_was_cut() {
    let database = PgDatabase::create().await;
    let repository = PgRepository::connect(&database.url()).await.unwrap();
    terminate(&database, &repository).await;
    assert!(
        repository
            .find_account(TenantId::DEFAULT, nobody())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_do_not_notice_that_every_connection_was_cut() {
    let database = PgDatabase::create().await;
    let repository = PgRepository::connect(&database.url()).await.unwrap();
    terminate(&database, &repository).await;
    let mut transaction = repository.begin().await.unwrap();
    let tenant = transaction.tenants().find(TenantId::DEFAULT).await;
    assert!(tenant.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_went_away_is_used_again_when_it_is_back() {
    let database = PgDatabase::create().await;
    let mut proxy = Proxy::start(database.options()).await;
    // Once with an application's pool of the default settings, and once with one that trusts its connections.
    for trusting in [false, true] {
        let pool = PgPoolOptions::new()
            .acquire_timeout(Duration::from_secs(1))
            .test_before_acquire(!trusting)
            .connect_with(proxy.options())
            .await
            .unwrap();
        let repository = PgRepository::on_pool(pool, Settings::new());
        repository.migrate().await.unwrap();
        fill(&repository).await;

        proxy.stop().await;
        let mut calls = JoinSet::new();
        for _ in 0..20 {
            let repository = repository.clone();
            calls.spawn(async move { repository.find_account(TenantId::DEFAULT, nobody()).await });
        }
        for result in calls.join_all().await {
            assert_eq!(result.unwrap_err().kind(), StoreErrorKind::Unavailable);
        }
        assert_eq!(
            repository.begin().await.err().map(|error| error.kind()),
            Some(StoreErrorKind::Unavailable)
        );

        proxy.resume().await;
        repository.ping().await.unwrap();
        assert!(repository.begin().await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_pool_is_unavailable_in_bounded_time() {
    let database = PgDatabase::create().await;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_millis(100))
        .connect_with(database.options())
        .await
        .unwrap();
    let repository = PgRepository::on_pool(pool, Settings::new());
    repository.migrate().await.unwrap();
    let held = repository.begin().await.unwrap();
    assert_eq!(
        repository.ping().await.unwrap_err().kind(),
        StoreErrorKind::Unavailable
    );
    drop(held);
    repository.ping().await.unwrap();
}
