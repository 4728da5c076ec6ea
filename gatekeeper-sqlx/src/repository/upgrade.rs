//! A database of an older version that has been used is brought up to date, and nothing in it is lost.

use gatekeeper_core::{
    lockout::{LockoutKey, LockoutState},
    model::{
        OutboxState, PageRequest, SessionId, TenantId, TenantSettings, TenantSlug, Timestamp,
        UserId, UserKind,
    },
    store::{Repository, UserFilter, UserSearch},
};
use uuid::Uuid;

use super::{
    dialect::{Json, Time},
    effects, query,
};
use crate::migrations;

type Store = super::super::Store;

/// 80 bytes, whose 64th ends no character.
const LONG_WORD: &str = "z\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}";

const AT: Time = Time(Timestamp::from_unix_micros(1_767_225_600_123_456));
const ID: Uuid = Uuid::from_u128(0x0123_4567_89ab_7def_8123_4567_89ab_cdef);

/// The steps that were released, as they were.
const RELEASED: [&str; 2] = ["65b40489fa3db78a", "CHECKSUM2"];

/// Makes the tables of a version, as the release of that version did.
async fn make(store: &Store, version: usize) {
    let mut transaction = store.start().await.unwrap();
    if let Some(script) = effects::before_migration(store.settings()) {
        transaction.run(script).await.unwrap();
    }
    let sql = transaction.sql.clone();
    let create = query(&sql.migrate.create_table);
    transaction.execute(create).await.unwrap();
    for (step, released) in migrations::ALL.iter().zip(RELEASED).take(version) {
        assert_eq!(
            step.checksum(),
            released,
            "a step that was released is never edited"
        );
        let script = store.templates().text(step.template);
        transaction.run(script).await.unwrap();
        let record = query(&sql.migrate.record)
            .bind(step.version)
            .bind(step.name)
            .bind(step.checksum());
        transaction.execute(record).await.unwrap();
    }
    transaction.end().await.unwrap();
}

async fn fill(store: &Store) {
    let sql = |template: &str| store.templates().sql(template);
    let tenant = TenantId::DEFAULT.as_uuid();
    let mut transaction = store.start().await.unwrap();
    let user = sql(
        "INSERT INTO {p}users (id, tenant_id, email, email_normalized, name, metadata, created_at, \
         updated_at) VALUES ($1, $2, 'Ada@example.org', 'ada@example.org', $5, $3, $4, $4)",
    );
    let user = query(&user)
        .bind(ID)
        .bind(tenant)
        .bind(Json("{}".to_owned()))
        .bind(AT)
        .bind(format!("Ada  \"King\" {LONG_WORD}"));
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
    for script in [
        "INSERT INTO {p}user_roles (tenant_id, user_id, role, user_created_at, granted_at) \
         VALUES ($2, $1, 'admin', $3, $3)",
        "INSERT INTO {p}audit_events (id, tenant_id, at, event, outcome, actor, correlation_id, \
         details) VALUES ($1, $2, $3, 'session.created', 'success', $1, 'c', '{}')",
    ] {
        // The braces of JSON are no token.
        let call = query(&sql(&script.replace("'{}'", "$4")))
            .bind(ID)
            .bind(tenant)
            .bind(AT);
        let call = if script.contains("'{}'") {
            call.bind(Json("{}".to_owned()))
        } else {
            call
        };
        transaction.execute(call).await.unwrap();
    }
    transaction.end().await.unwrap();
}

/// To be called with a store whose database is empty.
pub(in super::super) async fn keeps_what_is_there(store: &Store, version: usize) {
    make(store, version).await;
    fill(store).await;
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();

    let tenant = TenantId::DEFAULT;
    let slug = TenantSlug::parse(TenantSlug::DEFAULT).unwrap();
    let found = store.find_tenant(&slug).await.unwrap().unwrap();
    assert_eq!(found.settings, TenantSettings::default());
    assert_eq!(found.updated_at, found.created_at);
    let account = store.find_account(tenant, UserId::from_uuid(ID)).await;
    let account = account.unwrap().unwrap();
    assert_eq!(account.user.email.as_str(), "Ada@example.org");
    assert_eq!(account.user.created_at, AT.0);
    assert_eq!(account.user.mfa_enabled_at, None);
    assert_eq!(account.user.kind, UserKind::Person);
    // Roles stand for themselves.
    assert_eq!(account.authority.roles, ["admin"]);
    assert_eq!(account.authority.permissions, ["*"]);
    let password = account.password.unwrap();
    assert_eq!((password.hash.expose(), password.changed_at), ("h", AT.0));
    assert_eq!(password.must_change_since, None);
    let session = store.find_session(tenant, SessionId::from_uuid(ID)).await;
    let session = session.unwrap().unwrap();
    assert_eq!((session.generation, session.device_id), (7, None));
    assert_eq!(
        (session.organization_id, session.impersonation),
        (None, None)
    );
    let mut transaction = store.begin().await.unwrap();
    let page = PageRequest::first(10);
    let dead = transaction.outbox().list(tenant, OutboxState::Dead, page);
    let dead = dead.await.unwrap().items;
    assert_eq!((dead.len(), dead[0].payload.as_slice()), (1, &[1, 2][..]));
    for role in transaction.roles().list(tenant).await.unwrap() {
        assert_eq!(role.updated_at, role.created_at);
        assert_eq!(role.inherits, []);
    }
    // The row of before there was a chain waits for its place in it.
    let end = Timestamp::from_unix_micros(i64::MAX);
    let unsealed = transaction.audit().unsealed(end, 10).await.unwrap();
    assert_eq!(unsealed.len(), 1);
    assert_eq!((unsealed[0].digest, unsealed[0].seal), (None, None));
    drop(transaction);
    is_found(store).await;
    let counter = store.lockout_state(&LockoutKey([0; 32])).await.unwrap();
    assert_eq!(counter, LockoutState::default());
}

/// Who was there is found by what is known of them.
async fn is_found(store: &Store) {
    let mut transaction = store.begin().await.unwrap();
    for (prefix, found) in [
        ("ada@example.org", 1),
        ("@example.org", 1),
        ("@exam", 1),
        ("ada", 1),
        ("\"king\"", 1),
        ("king", 0),
        ("\u{e9}\u{e9}", 1),
        (LONG_WORD, 0),
        ("example", 0),
        ("", 1),
    ] {
        let search = UserSearch {
            prefix: prefix.to_owned(),
            filter: UserFilter::default(),
            after: None,
            limit: 10,
        };
        let page = transaction.users().search(TenantId::DEFAULT, &search).await;
        assert_eq!(page.unwrap().items.len(), found, "{prefix:?}");
    }
}
