use std::time::Duration;

use gatekeeper_core::{
    model::{TenantId, Timestamp, User},
    store::{Repository, SessionRotation, StoreErrorKind},
};
use gatekeeper_sqlx::{PgRepository, SqliteRepository};
use gatekeeper_testkit::sample;
use serde_json::json;

use crate::support::PgDatabase;

async fn insert(repository: &impl Repository, user: &User) {
    let mut transaction = repository.begin().await.unwrap();
    transaction.users().insert(user).await.unwrap();
    transaction.commit().await.unwrap();
}

/// JSON may hold U+0000, numbers of any size a `Value` has, and keys in any order.
async fn json_comes_back(repository: &impl Repository) {
    let mut user = sample::user(TenantId::DEFAULT, 1);
    let metadata = json!({
        "nul": "a\0b", "big": u64::MAX, "small": i64::MIN, "float": 0.1, "deep": [{"a": null}],
        "": "", "b": 1, "a": 2,
    });
    user.metadata = metadata.as_object().unwrap().clone();
    insert(repository, &user).await;
    let account = repository
        .find_account(user.tenant_id, user.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(account.user, user);
}

/// A lifetime without end saturates, and is no error.
async fn the_end_of_time_is_kept(repository: &impl Repository) {
    let user = sample::user(TenantId::DEFAULT, 2);
    insert(repository, &user).await;
    let end = Timestamp::from_unix_micros(i64::MAX);
    let mut session = sample::session(&user, 1);
    session.absolute_expires_at = end;
    let mut transaction = repository.begin().await.unwrap();
    transaction.sessions().insert(&session).await.unwrap();
    transaction.commit().await.unwrap();
    let rotation = SessionRotation {
        tenant_id: session.tenant_id,
        session_id: session.id,
        generation: 0,
        now: sample::NOW,
        idle_lifetime: Duration::MAX,
        ip: None,
    };
    let rotated = repository.rotate_session(&rotation).await.unwrap().unwrap();
    assert_eq!(rotated.session.idle_expires_at, end);
    assert_eq!(rotated.session.absolute_expires_at, end);
}

/// A counter at its end stays there.
async fn the_last_generation_is_the_last(repository: &impl Repository) {
    let user = sample::user(TenantId::DEFAULT, 3);
    insert(repository, &user).await;
    let mut session = sample::session(&user, 1);
    session.generation = i64::MAX;
    let mut transaction = repository.begin().await.unwrap();
    transaction.sessions().insert(&session).await.unwrap();
    transaction.commit().await.unwrap();
    let rotation = SessionRotation {
        tenant_id: session.tenant_id,
        session_id: session.id,
        generation: i64::MAX,
        now: sample::NOW,
        idle_lifetime: Duration::from_mins(1),
        ip: None,
    };
    assert!(
        repository
            .rotate_session(&rotation)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn extreme_values_in_sqlite() {
    let repository = SqliteRepository::open("sqlite::memory:").await.unwrap();
    json_comes_back(&repository).await;
    the_end_of_time_is_kept(&repository).await;
    the_last_generation_is_the_last(&repository).await;
}

#[tokio::test]
async fn extreme_values_in_postgres() {
    let database = PgDatabase::create().await;
    let repository = PgRepository::connect(&database.url()).await.unwrap();
    json_comes_back(&repository).await;
    the_end_of_time_is_kept(&repository).await;
    the_last_generation_is_the_last(&repository).await;
}

/// PostgreSQL's text cannot hold U+0000. It is an error, not a panic and not another text.
#[tokio::test]
async fn a_nul_in_text_is_refused_by_postgres() {
    let database = PgDatabase::create().await;
    let repository = PgRepository::connect(&database.url()).await.unwrap();
    let mut user = sample::user(TenantId::DEFAULT, 1);
    user.name = Some("a\0b".to_owned());
    let mut transaction = repository.begin().await.unwrap();
    let error = transaction.users().insert(&user).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    drop(transaction);
    repository.ping().await.unwrap();
}
