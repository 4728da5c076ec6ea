//! Whoever can write to the database, but has not the secret, changes the audit trail with SQL: it is found, whatever it was.

use std::{sync::Arc, time::Duration};

use gatekeeper_core::{
    AuditAnchor, AuditFault, AuditVerdict, SealRun, model::Event, store::Repository,
};
use gatekeeper_sqlx::{PgRepository, SqliteRepository};
use gatekeeper_testkit::flows::World;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};

use crate::support::PgDatabase;

/// A database, past all that Gatekeeper does.
enum Intruder {
    Pg(PgPool),
    Sqlite(SqlitePool),
}

impl Intruder {
    async fn run(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        let done = match self {
            Self::Pg(pool) => sqlx::raw_sql(sql).execute(pool).await.map(drop),
            Self::Sqlite(pool) => sqlx::raw_sql(sql).execute(pool).await.map(drop),
        };
        done.unwrap();
    }

    /// Bytes as the database writes them.
    fn bytes(&self, length: usize) -> String {
        let hex = "ab".repeat(length);
        match self {
            Self::Pg(_) => format!("'\\x{hex}'::bytea"),
            Self::Sqlite(_) => format!("x'{hex}'"),
        }
    }
}

async fn verdict(world: &World, anchor: Option<AuditAnchor>) -> AuditVerdict {
    let audit = world.gk.audit();
    audit.verify(&world.cx, anchor).await.unwrap()
}

async fn fault(world: &World) -> (AuditFault, i64) {
    match verdict(world, None).await {
        AuditVerdict::Sound(proof) => panic!("{proof:?}"),
        AuditVerdict::Broken(breach) => (breach.fault, breach.sequence),
    }
}

async fn is_sound(world: &World) -> bool {
    matches!(verdict(world, None).await, AuditVerdict::Sound(_))
}

async fn five_rows(repository: Arc<dyn Repository>) -> World {
    let world = World::on(repository, |_| {}, |builder| builder)
        .await
        .unwrap();
    for _ in 0..5 {
        world.clock.advance(Duration::from_secs(1));
        let accounts = world.gk.accounts();
        accounts
            .request_verification(&world.cx, "nobody@example.org")
            .await
            .unwrap();
    }
    let run = world.gk.audit().seal().await.unwrap();
    assert!(matches!(run, SealRun::Done(sealed) if sealed.rows == 5));
    world
}

/// Each as an assignment, and what is found.
fn assignments(intruder: &Intruder) -> Vec<(String, AuditFault)> {
    let somebody = "'0190f3d4-0000-7000-8000-000000000000'";
    let id = match intruder {
        Intruder::Pg(_) => somebody.to_owned(),
        Intruder::Sqlite(_) => intruder.bytes(16),
    };
    let altered = [
        "at = at + INTERVAL_OF_A_SECOND".to_owned(),
        format!("event = '{}'", Event::KeyRotated.code()),
        "outcome = 'failure'".to_owned(),
        "reason = 'wrong_password'".to_owned(),
        format!("actor = {id}"),
        format!("target = {id}"),
        format!("impersonator = {id}"),
        format!("api_key = {id}"),
        "correlation_id = 'another'".to_owned(),
        "ip = NULL".to_owned(),
        "ip = '192.0.2.99'".to_owned(),
        "user_agent = 'another'".to_owned(),
        "details = '{}'".to_owned(),
        format!("salt = {}", intruder.bytes(16)),
        "salt = NULL".to_owned(),
        format!("digest = {}", intruder.bytes(32)),
        // Said to be erased, which it was not.
        "erased_at = at".to_owned(),
    ];
    let mut all: Vec<_> = altered
        .into_iter()
        .map(|sql| (sql, AuditFault::Altered))
        .collect();
    all.push(("digest = NULL".to_owned(), AuditFault::Link));
    all.push((format!("link = {}", intruder.bytes(32)), AuditFault::Link));
    all.push((
        "ip = NULL, user_agent = NULL, details = '{}', salt = NULL, erased_at = at".to_owned(),
        AuditFault::Erased,
    ));
    all
}

async fn asvs_16_4_2_whatever_is_changed_is_found(
    world: &World,
    intruder: &Intruder,
    prefix: &str,
) {
    let table = format!("{prefix}audit_events");
    intruder
        .run(&format!("CREATE TABLE kept AS SELECT * FROM {table}"))
        .await;
    let restore = format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept");
    let second = match intruder {
        Intruder::Pg(_) => "INTERVAL '1 second'",
        Intruder::Sqlite(_) => "1000000",
    };
    for (assignment, expected) in assignments(intruder) {
        let assignment = assignment.replace("INTERVAL_OF_A_SECOND", second);
        for sequence in [1, 3, 5] {
            intruder
                .run(&format!(
                    "UPDATE {table} SET {assignment} WHERE sequence = {sequence}"
                ))
                .await;
            assert_eq!(fault(world).await, (expected, sequence), "{assignment}");
            intruder.run(&restore).await;
        }
    }
    for sequence in [1, 3, 5] {
        intruder
            .run(&format!("DELETE FROM {table} WHERE sequence = {sequence}"))
            .await;
        assert_eq!(fault(world).await, (AuditFault::Missing, sequence));
        intruder.run(&restore).await;
        // A row without a place gets the next one: the gap stays.
        intruder
            .run(&format!(
                "UPDATE {table} SET sequence = NULL, link = NULL WHERE sequence = {sequence}"
            ))
            .await;
        assert_eq!(fault(world).await, (AuditFault::Missing, sequence));
        intruder.run(&restore).await;
    }
    intruder
        .run(&format!(
            "UPDATE {table} SET sequence = 102 WHERE sequence = 2; \
             UPDATE {table} SET sequence = 2 WHERE sequence = 4; \
             UPDATE {table} SET sequence = 4 WHERE sequence = 102"
        ))
        .await;
    assert_eq!(fault(world).await, (AuditFault::Link, 2));
    intruder.run(&restore).await;
    assert!(is_sound(world).await);

    let anchor = world.gk.audit().anchor(&world.cx).await.unwrap();
    let heads = format!("{prefix}audit_heads");
    for change in [
        "sequence = 4".to_owned(),
        format!("link = {}", intruder.bytes(32)),
        "base_sequence = 1".to_owned(),
        format!("base_link = {}", intruder.bytes(32)),
        format!("mac = {}", intruder.bytes(32)),
    ] {
        intruder
            .run(&format!(
                "CREATE TABLE head AS SELECT * FROM {heads}; UPDATE {heads} SET {change}"
            ))
            .await;
        assert_eq!(fault(world).await.0, AuditFault::Head, "{change}");
        intruder
            .run(&format!(
                "DELETE FROM {heads}; INSERT INTO {heads} SELECT * FROM head; DROP TABLE head"
            ))
            .await;
    }
    intruder
        .run(&format!("DELETE FROM {heads} WHERE sequence > 0"))
        .await;
    assert_eq!(fault(world).await.0, AuditFault::Head);
    intruder.run(&format!("DELETE FROM {table}")).await;
    assert!(is_sound(world).await, "nothing is left to tell of it");
    let told = verdict(world, anchor).await;
    assert!(matches!(told, AuditVerdict::Broken(breach) if breach.fault == AuditFault::Cut));
}

/// Only an index keeps two rows from having one number: without it, it is found.
async fn asvs_16_4_2_a_row_that_stands_twice_is_found(
    world: &World,
    intruder: &Intruder,
    prefix: &str,
) {
    let table = format!("{prefix}audit_events");
    intruder
        .run(&format!("DROP INDEX {prefix}audit_events_sequence"))
        .await;
    intruder
        .run(&format!(
            "UPDATE {table} SET sequence = 4, \
                link = (SELECT link FROM {table} WHERE sequence = 4) WHERE sequence = 5"
        ))
        .await;
    let (found, at) = fault(world).await;
    assert_eq!(at, 4);
    assert!(
        matches!(found, AuditFault::Doubled | AuditFault::Link),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_16_4_2_a_trail_on_sqlite_shows_every_change() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/trail.db", directory.path().display());
    let repository = SqliteRepository::open(&url).await.unwrap();
    repository.migrate().await.unwrap();
    let intruder = Intruder::Sqlite(repository.pool().clone());
    let world = five_rows(Arc::new(repository)).await;
    asvs_16_4_2_whatever_is_changed_is_found(&world, &intruder, "gatekeeper_").await;
    let world = five_rows(Arc::clone(&world.repository)).await;
    asvs_16_4_2_a_row_that_stands_twice_is_found(&world, &intruder, "gatekeeper_").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_16_4_2_a_trail_on_postgres_shows_every_change() {
    let database = PgDatabase::create().await;
    let repository = PgRepository::connect(&database.url()).await.unwrap();
    repository.migrate().await.unwrap();
    let intruder = Intruder::Pg(repository.pool().clone());
    let world = five_rows(Arc::new(repository)).await;
    asvs_16_4_2_whatever_is_changed_is_found(&world, &intruder, "gatekeeper_").await;
    let world = five_rows(Arc::clone(&world.repository)).await;
    asvs_16_4_2_a_row_that_stands_twice_is_found(&world, &intruder, "gatekeeper_").await;
}
