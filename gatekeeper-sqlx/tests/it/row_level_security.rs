//! What the database itself holds back, whatever a statement forgets.

use gatekeeper_core::{model::TenantId, store::Repository};
use gatekeeper_sqlx::{PgRepository, Settings, SetupError, SqliteRepository};
use gatekeeper_testkit::sample;
use sqlx::{AssertSqlSafe, PgPool, postgres::PgConnectOptions};

use crate::support::{PgDatabase, admin};

impl PgDatabase {
    /// The same for a role that owns the database, and is no superuser: policies hold for it.
    pub(crate) async fn plain_options(&self) -> PgConnectOptions {
        let role = format!("gatekeeper_plain_{}", std::process::id());
        // Many tests at once make it.
        admin(format!(
            "DO $$ BEGIN CREATE ROLE {role} LOGIN PASSWORD 'x' NOSUPERUSER NOBYPASSRLS; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$; \
             ALTER DATABASE {} OWNER TO {role}",
            self.name()
        ))
        .await;
        self.options().username(&role).password("x")
    }
}

async fn repository(pool: &PgPool, on: bool) -> PgRepository {
    let settings = Settings::new().row_level_security(on);
    let repository = PgRepository::on_pool(pool.clone(), settings);
    repository.migrate().await.unwrap();
    repository
}

async fn count(pool: &PgPool, before: &str, sql: &str) -> i64 {
    let mut transaction = pool.begin().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(before.to_owned()))
        .execute(&mut *transaction)
        .await
        .unwrap();
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_one(&mut *transaction)
        .await
        .unwrap()
}

fn named(value: &str) -> String {
    format!("SET LOCAL gatekeeper_.tenant = '{value}'")
}

/// Two tenants with a user each.
async fn fill(repository: &PgRepository) -> TenantId {
    let other = sample::tenant(2);
    let mut t = repository.begin().await.unwrap();
    t.tenants().insert(&other).await.unwrap();
    for tenant in [TenantId::DEFAULT, other.id] {
        let user = sample::user(tenant, 1);
        t.users().insert(&user).await.unwrap();
        let event = sample::event(tenant, 1);
        t.audit().append(&event).await.unwrap();
    }
    t.commit().await.unwrap();
    other.id
}

#[tokio::test]
async fn a_statement_that_forgets_its_tenant_sees_one_tenants_rows() {
    let database = PgDatabase::create().await;
    let pool = PgPool::connect_with(database.plain_options().await)
        .await
        .unwrap();
    let other = fill(&repository(&pool, true).await).await;
    for table in ["users", "audit_events", "roles", "user_terms"] {
        let all = format!("SELECT count(*) FROM gatekeeper_{table}");
        assert_eq!(count(&pool, "SELECT 1", &all).await, 0, "nobody was named");
        assert_eq!(count(&pool, &named(""), &all).await, 0, "nobody was named");
        let ours = count(&pool, &named(&TenantId::DEFAULT.to_string()), &all).await;
        let theirs = count(&pool, &named(&other.to_string()), &all).await;
        assert!(ours > 0 && theirs > 0, "{table}");
        assert_eq!(count(&pool, &named("*"), &all).await, ours + theirs);
        let foreign = format!("{all} WHERE tenant_id = '{other}'");
        let tenant = named(&TenantId::DEFAULT.to_string());
        assert_eq!(count(&pool, &tenant, &foreign).await, 0, "{table}");
    }
    // Nor does one write there.
    let mut transaction = pool.begin().await.unwrap();
    let script = format!(
        "{}; DELETE FROM gatekeeper_users; UPDATE gatekeeper_audit_events SET reason = 'x'",
        named(&TenantId::DEFAULT.to_string())
    );
    sqlx::raw_sql(AssertSqlSafe(script))
        .execute(&mut *transaction)
        .await
        .unwrap();
    let moved = format!("UPDATE gatekeeper_audit_events SET tenant_id = '{other}'");
    let refused = sqlx::raw_sql(AssertSqlSafe(moved))
        .execute(&mut *transaction)
        .await
        .unwrap_err();
    let code = refused.as_database_error().unwrap().code();
    assert_eq!(code.as_deref(), Some("42501"));
    drop(transaction);
    let all = "SELECT count(*) FROM gatekeeper_users";
    assert_eq!(count(&pool, &named("*"), all).await, 2);
}

#[tokio::test]
async fn every_table_with_rows_of_tenants_has_its_policy() {
    let database = PgDatabase::create().await;
    let pool = PgPool::connect_with(database.plain_options().await)
        .await
        .unwrap();
    repository(&pool, true).await;
    let without: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' \
         WHERE c.relkind = 'r' AND c.relname LIKE 'gatekeeper%' AND NOT (c.relrowsecurity \
             AND c.relforcerowsecurity AND EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = c.oid))",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(without, [""; 0]);
}

#[tokio::test]
async fn it_is_switched_on_and_off_again() {
    let database = PgDatabase::create().await;
    let pool = PgPool::connect_with(database.plain_options().await)
        .await
        .unwrap();
    let off = repository(&pool, false).await;
    fill(&off).await;
    let all = "SELECT count(*) FROM gatekeeper_users";
    for _ in 0..2 {
        for (on, seen) in [(true, 0), (true, 0), (false, 2), (false, 2)] {
            let repository = repository(&pool, on).await;
            assert_eq!(count(&pool, "SELECT 1", all).await, seen);
            let user = sample::user(TenantId::DEFAULT, 1);
            let found = repository.find_account(user.tenant_id, user.id).await;
            assert_eq!(found.unwrap().unwrap().user, user);
        }
    }
    // Nothing of whose rows were meant stays with a connection.
    repository(&pool, true).await;
    for _ in 0..5 {
        assert_eq!(count(&pool, "SELECT 1", all).await, 0);
    }
}

#[tokio::test]
async fn sqlite_has_none() {
    let settings = Settings::new().row_level_security(true);
    let opened = SqliteRepository::open_with("sqlite::memory:", settings).await;
    assert!(matches!(opened, Err(SetupError::RowLevelSecurity)));
}
