//! No statement reads a whole table; a used database can be brought up to date.

use sqlx::{AssertSqlSafe, Row as _};

use super::SqliteRepository;

#[tokio::test]
async fn a_database_of_version_1_keeps_what_is_there() {
    upgrade_from(1).await;
}

#[tokio::test]
async fn a_database_of_version_2_keeps_what_is_there() {
    upgrade_from(2).await;
}

async fn upgrade_from(version: usize) {
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await
        .unwrap();
    let repository = SqliteRepository::on_pool(pool, crate::Settings::new()).unwrap();
    super::repository::upgrade::keeps_what_is_there(&repository, version).await;
}

async fn plan(repository: &SqliteRepository, sql: &str) -> String {
    sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
        .fetch_all(repository.pool())
        .await
        .unwrap()
        .iter()
        .map(|row| row.get::<String, _>("detail"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Lines that read from the beginning of a table or of one of its indexes, but for what is small by its nature.
fn scans(plan: &str) -> Vec<&str> {
    plan.lines()
        .filter(|line| line.trim_start().starts_with("SCAN"))
        .filter(|line| {
            // Rows wait a second for their place in the chain.
            [
                "audit_events_unsealed",
                "signing_keys",
                "migrations",
                "json_each",
                "CONSTANT ROW",
            ]
            .iter()
            .all(|small| !line.contains(small))
        })
        // The three short lists of what is to be purged, put together.
        .filter(|line| !matches!(line.trim(), "SCAN a" | "SCAN b" | "SCAN c" | "SCAN old"))
        // What was granted to one user; what is counted, and stops at a limit; a list that was handed over.
        .filter(|line| !matches!(line.trim(), "SCAN g" | "SCAN few"))
        .filter(|line| !line.contains("SCAN item VIRTUAL TABLE"))
        .collect()
}

#[tokio::test]
async fn every_statement_uses_an_index() {
    let repository = SqliteRepository::open("sqlite::memory:").await.unwrap();
    let statements = repository.statements();
    assert!(statements.all().len() > 50);
    for (name, sql) in statements.all() {
        if ["create_table", "foreign_keys", "has_table"].contains(&name) {
            continue;
        }
        let plan = plan(&repository, sql).await;
        assert_eq!(scans(&plan), [""; 0], "{name}: {sql}\n{plan}");
    }
}

#[tokio::test]
async fn lists_are_read_in_order() {
    let repository = SqliteRepository::open("sqlite::memory:").await.unwrap();
    for sql in repository.statements().lists() {
        let plan = plan(&repository, sql).await;
        assert_eq!(scans(&plan), [""; 0], "{sql}\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
}
