//! A database of version 1 that has been used is brought up to date, and nothing in it is lost.

use gatekeeper_core::{
    lockout::{LockoutKey, LockoutState},
    model::{
        OutboxState, PageRequest, SessionId, TenantId, TenantSettings, TenantSlug, Timestamp,
        UserId,
    },
    store::Repository,
};
use uuid::Uuid;

use super::{
    dialect::{Json, Time},
    effects, query,
};
use crate::migrations;

type Store = super::super::Store;

const AT: Time = Time(Timestamp::from_unix_micros(1_767_225_600_123_456));
const ID: Uuid = Uuid::from_u128(0x0123_4567_89ab_7def_8123_4567_89ab_cdef);

/// Makes the tables of version 1, as the release of that version did.
async fn version_1(store: &Store) {
    let mut transaction = store.start().await.unwrap();
    if let Some(script) = effects::before_migration(store.settings()) {
        transaction.run(script).await.unwrap();
    }
    let sql = transaction.sql.clone();
    let create = query(&sql.migrate.create_table);
    transaction.execute(create).await.unwrap();
    let first = &migrations::ALL[0];
    assert_eq!(
        first.checksum(),
        "65b40489fa3db78a",
        "a step that was released is never edited"
    );
    let script = store.templates().text(first.template);
    transaction.run(script).await.unwrap();
    let record = query(&sql.migrate.record)
        .bind(first.version)
        .bind(first.name)
        .bind(first.checksum());
    transaction.execute(record).await.unwrap();
    transaction.end().await.unwrap();
}

async fn fill(store: &Store) {
    let sql = |template: &str| store.templates().sql(template);
    let tenant = TenantId::DEFAULT.as_uuid();
    let mut transaction = store.start().await.unwrap();
    let user = sql(
        "INSERT INTO {p}users (id, tenant_id, email, email_normalized, metadata, created_at, \
         updated_at) VALUES ($1, $2, 'ada@example.org', 'ada@example.org', $3, $4, $4)",
    );
    let user = query(&user)
        .bind(ID)
        .bind(tenant)
        .bind(Json("{}".to_owned()))
        .bind(AT);
    transaction.execute(user).await.unwrap();
    let password = sql(
        "INSERT INTO {p}passwords (tenant_id, user_id, hash, changed_at) VALUES ($1, $2, 'h', $3)",
    );
    let password = query(&password).bind(tenant).bind(ID).bind(AT);
    transaction.execute(password).await.unwrap();
    let session = sql(
        "INSERT INTO {p}sessions (id, tenant_id, user_id, generation, rotated_at, created_at, \
         authenticated_at, methods, last_seen_at, idle_expires_at, idle_expiry_hour, \
         absolute_expires_at) VALUES ($1, $2, $1, 7, $3, $3, $3, 'pwd', $3, $3, 0, $3)",
    );
    let session = query(&session).bind(ID).bind(tenant).bind(AT);
    transaction.execute(session).await.unwrap();
    let mail = sql(
        "INSERT INTO {p}outbox (id, tenant_id, kind, payload, state, attempts, due_at, created_at) \
         VALUES ($1, $2, 'mail', $4, 'dead', 4, $3, $3)",
    );
    let mail = query(&mail)
        .bind(ID)
        .bind(tenant)
        .bind(AT)
        .bind(&[1_u8, 2][..]);
    transaction.execute(mail).await.unwrap();
    transaction.end().await.unwrap();
}

/// To be called with a store whose database is empty.
pub(in super::super) async fn keeps_what_is_there(store: &Store) {
    version_1(store).await;
    fill(store).await;
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();

    let tenant = TenantId::DEFAULT;
    let slug = TenantSlug::parse(TenantSlug::DEFAULT).unwrap();
    let found = store.find_tenant(&slug).await.unwrap().unwrap();
    assert_eq!(found.settings, TenantSettings::default());
    let account = store.find_account(tenant, UserId::from_uuid(ID)).await;
    let account = account.unwrap().unwrap();
    assert_eq!(account.user.email.as_str(), "ada@example.org");
    assert_eq!(account.user.created_at, AT.0);
    assert_eq!(account.user.mfa_enabled_at, None);
    let password = account.password.unwrap();
    assert_eq!((password.hash.expose(), password.changed_at), ("h", AT.0));
    assert_eq!(password.must_change_since, None);
    let session = store.find_session(tenant, SessionId::from_uuid(ID)).await;
    let session = session.unwrap().unwrap();
    assert_eq!((session.generation, session.device_id), (7, None));
    let mut transaction = store.begin().await.unwrap();
    let page = PageRequest::first(10);
    let dead = transaction.outbox().list(tenant, OutboxState::Dead, page);
    let dead = dead.await.unwrap().items;
    assert_eq!((dead.len(), dead[0].payload.as_slice()), (1, &[1, 2][..]));
    drop(transaction);
    let counter = store.lockout_state(&LockoutKey([0; 32])).await.unwrap();
    assert_eq!(counter, LockoutState::default());
}
