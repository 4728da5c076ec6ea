//! No statement reads a whole table; a used database can be brought up to date.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::PgRepository;
use crate::Settings;

#[tokio::test]
async fn a_database_of_version_1_keeps_what_is_there() {
    upgrade_from(1).await;
}

#[tokio::test]
async fn a_database_of_version_2_keeps_what_is_there() {
    upgrade_from(2).await;
}

async fn upgrade_from(version: usize) {
    let schema = &format!("gatekeeper_upgrade_{version}");
    let (repository, mut connection) = connect(schema).await;
    let drop = format!("DROP SCHEMA {schema} CASCADE");
    sqlx::raw_sql(AssertSqlSafe(drop))
        .execute(&mut connection)
        .await
        .unwrap();
    super::repository::upgrade::keeps_what_is_there(&repository, version).await;
    finish(schema, connection).await;
}

/// A connection to a fresh schema, with the planner told to avoid what an index can avoid.
async fn connect(schema: &str) -> (PgRepository, PgConnection) {
    let url = std::env::var("GATEKEEPER_TEST_POSTGRES_URL")
        .expect("GATEKEEPER_TEST_POSTGRES_URL is not set: run the tests with ./scripts/test.sh");
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let drop = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
    sqlx::raw_sql(AssertSqlSafe(drop))
        .execute(&mut connection)
        .await
        .unwrap();
    let settings = Settings::new().schema(schema).unwrap();
    let repository = PgRepository::connect_with(&url, settings).await.unwrap();
    sqlx::raw_sql(
        "SET enable_seqscan = off; SET enable_sort = off; SET plan_cache_mode = force_generic_plan",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    (repository, connection)
}

async fn finish(schema: &str, mut connection: PgConnection) {
    let drop = format!("DROP SCHEMA {schema} CASCADE");
    sqlx::raw_sql(AssertSqlSafe(drop))
        .execute(&mut connection)
        .await
        .unwrap();
}

async fn plan(connection: &mut PgConnection, sql: &str) -> String {
    let parameters = (1..40)
        .take_while(|n| sql.contains(&format!("${n}")))
        .count();
    let arguments = vec!["NULL"; parameters].join(", ");
    let arguments = match parameters {
        0 => String::new(),
        _ => format!("({arguments})"),
    };
    let prepare = format!("DEALLOCATE ALL; PREPARE explained AS {sql}");
    sqlx::raw_sql(AssertSqlSafe(prepare))
        .execute(&mut *connection)
        .await
        .unwrap();
    let explain = format!("EXPLAIN EXECUTE explained{arguments}");
    sqlx::raw_sql(AssertSqlSafe(explain))
        .fetch_all(connection)
        .await
        .unwrap()
        .iter()
        .map(|row| row.get::<String, _>(0))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Where a table is read, or an index from its beginning.
fn scans(plan: &str) -> Vec<&str> {
    let lines: Vec<_> = plan.lines().collect();
    let next = lines.iter().skip(1).copied().chain([""]);
    lines
        .iter()
        .copied()
        .zip(next)
        .filter(|(line, next)| {
            line.contains("Seq Scan")
                || (line.contains("Index") && line.contains("Scan") && !next.contains("Index Cond"))
        })
        .map(|(line, _)| line)
        // Small by their nature.
        .filter(|line| !line.contains("signing_keys") && !line.contains("migrations"))
        .collect()
}

#[tokio::test]
async fn every_statement_uses_an_index() {
    let schema = "gatekeeper_plans_all";
    let (repository, mut connection) = connect(schema).await;
    let statements = repository.statements();
    assert!(statements.all().len() > 50);
    for (name, sql) in statements.all() {
        if ["create_table", "lock_signing_keys"].contains(&name) {
            continue;
        }
        let plan = plan(&mut connection, sql).await;
        assert_eq!(scans(&plan), [""; 0], "{name}: {sql}\n{plan}");
    }
    finish(schema, connection).await;
}

#[tokio::test]
async fn lists_are_read_in_order() {
    let schema = "gatekeeper_plans_lists";
    let (repository, mut connection) = connect(schema).await;
    for sql in repository.statements().lists() {
        let plan = plan(&mut connection, sql).await;
        assert_eq!(scans(&plan), [""; 0], "{sql}\n{plan}");
        assert!(!plan.contains("Sort"), "{sql}\n{plan}");
        // With one filter, the index holds nothing that is not wanted. (How to join, the planner guesses while the tables
        // are empty.)
        let filters = [
            "actor =",
            "target =",
            "event =",
            "r.role =",
            "u.disabled_at IS",
            "email_normalized =",
            "organization_id =",
            "accepted_at IS NULL",
        ];
        // Who has several terms that begin so is looked for beside the index.
        // Those of a tenant that were neither accepted nor revoked are few, expired or not.
        if sql.contains("user_terms t") || sql.contains("expires_at >") {
            continue;
        }
        if filters
            .iter()
            .filter(|filter| sql.contains(*filter))
            .count()
            < 2
        {
            let plan = plan.replace("Join Filter:", "");
            assert!(!plan.contains("Filter:"), "{sql}\n{plan}");
        }
    }
    finish(schema, connection).await;
}
