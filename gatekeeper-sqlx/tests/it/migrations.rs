use gatekeeper_core::{model::TenantId, store::Repository};
use gatekeeper_sqlx::{PgRepository, Settings, SetupError, SqliteRepository};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool, postgres::PgPoolOptions, sqlite::SqlitePoolOptions};
use tokio::task::JoinSet;

use crate::support::{PgDatabase, server};

async fn is_ready(repository: &impl Repository) {
    repository.ping().await.unwrap();
    let mut transaction = repository.begin().await.unwrap();
    let tenant = transaction.tenants().find(TenantId::DEFAULT).await;
    assert!(tenant.unwrap().is_some());
}

async fn one_connection() -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await
        .unwrap()
}

async fn run(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(pool)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_nodes_may_start_at_once_on_postgres() {
    let database = PgDatabase::create().await;
    let mut nodes = JoinSet::new();
    for _ in 0..6 {
        let url = database.url();
        nodes.spawn(async move {
            let settings = Settings::new().schema("auth").unwrap();
            let repository = PgRepository::connect_with(&url, settings).await.unwrap();
            repository.migrate().await.unwrap();
            is_ready(&repository).await;
        });
    }
    nodes.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_may_open_a_new_file_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/new.db", directory.path().display());
    let mut nodes = JoinSet::new();
    for _ in 0..6 {
        let url = url.clone();
        nodes.spawn(async move {
            let repository = SqliteRepository::open(&url).await.unwrap();
            repository.migrate().await.unwrap();
            is_ready(&repository).await;
        });
    }
    nodes.join_all().await;
}

#[tokio::test]
async fn a_database_is_no_more_ready_than_its_schema() {
    let database = PgDatabase::create().await;
    let pool = PgPool::connect(&database.url()).await.unwrap();
    let repository = PgRepository::on_pool(pool, Settings::new());
    assert!(repository.ping().await.is_err());
    repository.migrate().await.unwrap();
    is_ready(&repository).await;
}

#[tokio::test]
async fn an_application_keeps_its_own_migrations_on_postgres() {
    let database = PgDatabase::create().await;
    let pool = PgPool::connect(&database.url()).await.unwrap();
    run(
        &pool,
        "CREATE TABLE _sqlx_migrations (version bigint); CREATE TABLE users (name text); \
         INSERT INTO _sqlx_migrations VALUES (7)",
    )
    .await;
    for settings in [
        Settings::new(),
        Settings::new().table_prefix("app_").unwrap(),
        // A reserved word, to see that it is quoted.
        Settings::new().schema("user").unwrap(),
    ] {
        let repository = PgRepository::on_pool(pool.clone(), settings);
        repository.migrate().await.unwrap();
        repository.migrate().await.unwrap();
        is_ready(&repository).await;
    }
    let versions: Vec<i64> = sqlx::query_scalar("SELECT version FROM _sqlx_migrations")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(versions, [7]);
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT schemaname || '.' || tablename FROM pg_tables \
         WHERE tablename LIKE '%users' ORDER BY 1",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(
        tables,
        [
            "public.app_users",
            "public.gatekeeper_users",
            "public.users",
            "user.gatekeeper_users"
        ]
    );
}

#[tokio::test]
async fn an_application_keeps_its_own_migrations_on_sqlite() {
    let pool = one_connection().await;
    sqlx::raw_sql("CREATE TABLE _sqlx_migrations (version); CREATE TABLE users (name)")
        .execute(&pool)
        .await
        .unwrap();
    let settings = Settings::new().table_prefix("app_").unwrap();
    let repository = SqliteRepository::on_pool(pool.clone(), settings).unwrap();
    repository.migrate().await.unwrap();
    repository.migrate().await.unwrap();
    is_ready(&repository).await;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(count, 0);
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let database = PgDatabase::create().await;
    let repository = PgRepository::connect(&database.url()).await.unwrap();
    run(
        repository.pool(),
        "INSERT INTO gatekeeper_migrations VALUES (999, 'later', '0')",
    )
    .await;
    assert!(matches!(
        PgRepository::connect(&database.url()).await,
        Err(SetupError::Newer { found: 999, .. })
    ));
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let pool = one_connection().await;
    let repository = SqliteRepository::on_pool(pool.clone(), Settings::new()).unwrap();
    repository.migrate().await.unwrap();
    sqlx::raw_sql("UPDATE gatekeeper_migrations SET checksum = 'other'")
        .execute(&pool)
        .await
        .unwrap();
    assert!(matches!(
        repository.migrate().await,
        Err(SetupError::Changed { version: 1 })
    ));
}

#[tokio::test]
async fn who_may_not_change_the_schema_can_still_start() {
    let database = PgDatabase::create().await;
    let settings = Settings::new().schema("auth").unwrap();
    let owner = PgRepository::connect_with(&database.url(), settings.clone())
        .await
        .unwrap();
    let role = format!("gatekeeper_reader_{}", std::process::id());
    run(
        owner.pool(),
        &format!(
            "DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD 'x'; \
             GRANT USAGE ON SCHEMA auth TO {role}; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA auth TO {role}"
        ),
    )
    .await;
    let pool = PgPoolOptions::new()
        .connect_with(database.options().username(&role).password("x"))
        .await
        .unwrap();
    let result = PgRepository::on_pool(pool.clone(), settings)
        .migrate()
        .await;
    pool.close().await;
    run(
        owner.pool(),
        &format!("DROP OWNED BY {role}; DROP ROLE {role}"),
    )
    .await;
    result.unwrap();
    assert_ne!(server().get_username(), role);
}

#[tokio::test]
async fn a_pool_without_foreign_keys_is_refused() {
    let options: sqlx::sqlite::SqliteConnectOptions = "sqlite::memory:".parse().unwrap();
    let pool = SqlitePool::connect_with(options.foreign_keys(false))
        .await
        .unwrap();
    let repository = SqliteRepository::on_pool(pool, Settings::new()).unwrap();
    assert!(matches!(
        repository.migrate().await,
        Err(SetupError::ForeignKeys)
    ));
}

#[tokio::test]
async fn what_cannot_be_opened_says_so() {
    assert!(matches!(
        SqliteRepository::open("sqlite:///no/such/directory/x.db").await,
        Err(SetupError::Url(_))
    ));
    assert!(matches!(
        SqliteRepository::open("sqlite://x.db?no_such=option").await,
        Err(SetupError::Url(_))
    ));
    assert!(matches!(
        PgRepository::connect("postgres://host:port/x").await,
        Err(SetupError::Url(_))
    ));
    let settings = Settings::new().schema("auth").unwrap();
    assert!(matches!(
        SqliteRepository::open_with("sqlite::memory:", settings).await,
        Err(SetupError::Schema)
    ));
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/new.db", directory.path().display());
    let repository = SqliteRepository::open(&url).await.unwrap();
    is_ready(&repository).await;
    let mut files = 0;
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.path());
        files += 1;
    }
    // The journal too.
    assert!(files >= 2);
}
