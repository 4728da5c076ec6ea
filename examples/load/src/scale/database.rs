//! A database of a size.

use std::{path::Path, sync::Arc, time::Duration};

use gatekeeper_core::store::Repository;
use gatekeeper_sqlx::{PgRepository, Settings, SqliteRepository};
use sqlx::{AssertSqlSafe, Row as _, postgres::PgPoolOptions};

use super::seed;
use crate::Failure;

pub(super) struct Database {
    users: u64,
    repository: Arc<dyn Repository>,
    /// Of PostgreSQL: where it is looked up which tables were read whole, and how often before.
    scans: Option<(sqlx::PgPool, String, i64)>,
}

impl Database {
    /// Opens the database of this size, and fills it where that was not done yet.
    pub(super) async fn open(place: &str, users: u64, events: u64) -> Result<Self, Failure> {
        if place.starts_with("postgres") {
            Self::postgres(place, users, events).await
        } else {
            Self::sqlite(Path::new(place), users, events).await
        }
    }

    async fn postgres(url: &str, users: u64, events: u64) -> Result<Self, Failure> {
        let schema = format!("gatekeeper_scale_{users}");
        let settings = Settings::new().schema(&schema)?;
        let repository = PgRepository::connect_with(url, settings).await?;
        let pool = PgPoolOptions::new().max_connections(1).connect(url).await?;
        let full =
            format!("SELECT count(*) FROM (SELECT 1 FROM {schema}.gatekeeper_users LIMIT 1) x");
        let filled: i64 = sqlx::query_scalar(AssertSqlSafe(full))
            .fetch_one(&pool)
            .await?;
        if filled == 0 {
            eprintln!("filling {schema}");
            for statement in seed::statements(&seed::Postgres(schema.clone()), users, events) {
                sqlx::raw_sql(AssertSqlSafe(statement))
                    .execute(&pool)
                    .await?;
            }
            // It cannot run within a transaction with others.
            sqlx::raw_sql("VACUUM ANALYZE").execute(&pool).await?;
        }
        // What was counted so far becomes visible with the end of the session that did it.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let before = scans(&pool, &schema).await?;
        Ok(Self {
            users,
            repository: Arc::new(repository),
            scans: Some((pool, schema, before)),
        })
    }

    async fn sqlite(folder: &Path, users: u64, events: u64) -> Result<Self, Failure> {
        let file = folder.join(format!("scale_{users}.db"));
        let fresh = !file.exists();
        let url = format!("sqlite://{}", file.display());
        let repository = SqliteRepository::open(&url).await?;
        if fresh {
            eprintln!("filling {}", file.display());
            let pool = sqlx::SqlitePool::connect(&url).await?;
            for statement in seed::statements(&seed::Sqlite, users, events) {
                sqlx::raw_sql(AssertSqlSafe(statement))
                    .execute(&pool)
                    .await?;
            }
            sqlx::raw_sql("ANALYZE").execute(&pool).await?;
            pool.close().await;
        }
        Ok(Self {
            users,
            repository: Arc::new(repository),
            scans: None,
        })
    }

    pub(super) const fn users(&self) -> u64 {
        self.users
    }

    pub(super) fn repository(&self) -> &dyn Repository {
        self.repository.as_ref()
    }

    /// Says whether a large table was read from one end to the other since this was opened.
    pub(super) async fn tell_of_scans(&self) -> Result<(), Failure> {
        let Some((pool, schema, before)) = &self.scans else {
            return Ok(());
        };
        // The counters of other sessions come after a while.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let whole = scans(pool, schema).await? - before;
        println!(
            "| large tables read whole, {} users | {whole} | 0 | {} |",
            self.users,
            verdict(whole)
        );
        Ok(())
    }
}

const fn verdict(whole: i64) -> &'static str {
    if whole == 0 { "yes" } else { "**no**" }
}

/// How often tables of more than a thousand rows were read whole.
async fn scans(pool: &sqlx::PgPool, schema: &str) -> Result<i64, Failure> {
    let row = sqlx::query(
        "SELECT coalesce(sum(seq_scan), 0)::bigint FROM pg_stat_user_tables \
         WHERE schemaname = $1 AND n_live_tup > 1000",
    )
    .bind(schema)
    .fetch_one(pool)
    .await?;
    Ok(row.try_get(0)?)
}
