//! The rotation of a session: on SQLite, on PostgreSQL one after the other, and on PostgreSQL from sixteen tasks, each with
//! sessions of its own.
//!
//! To hold the last one against the server alone, run the same statement through `pgbench -M prepared -c 10`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark has no callers"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gatekeeper_core::{
    model::{Session, TenantId},
    store::{Repository, SessionRotation},
};
use gatekeeper_sqlx::{PgRepository, SqliteRepository};
use gatekeeper_testkit::sample;
use tokio::{runtime::Runtime, task::JoinSet};

const TASKS: u64 = 16;

/// As many sessions as there are tasks.
async fn sessions(repository: &dyn Repository) -> Vec<Session> {
    let mut transaction = repository.begin().await.unwrap();
    let mut sessions = Vec::new();
    for n in 0..TASKS {
        let user = sample::user(TenantId::DEFAULT, n);
        let session = sample::session(&user, 1);
        transaction.users().insert(&user).await.unwrap();
        let admin = sample::role_name("admin");
        let granted = transaction
            .roles()
            .grant(user.tenant_id, user.id, &admin, sample::NOW);
        granted.await.unwrap();
        transaction.sessions().insert(&session).await.unwrap();
        sessions.push(session);
    }
    transaction.commit().await.unwrap();
    sessions
}

async fn rotate(repository: &dyn Repository, session: &mut Session, times: u64) {
    for _ in 0..times {
        let rotation = SessionRotation {
            tenant_id: session.tenant_id,
            session_id: session.id,
            generation: session.generation,
            now: sample::NOW,
            idle_lifetime: Duration::from_hours(1),
            ip: None,
        };
        let rotated = repository.rotate_session(&rotation).await.unwrap().unwrap();
        *session = black_box(rotated).session;
    }
}

fn one_after_the_other(
    c: &mut Criterion,
    name: &str,
    runtime: &Runtime,
    repository: &dyn Repository,
) {
    let mut sessions = runtime.block_on(sessions(repository));
    let session = sessions.first_mut().unwrap();
    c.bench_function(name, |bencher| {
        bencher.iter_custom(|times| {
            let start = Instant::now();
            runtime.block_on(rotate(repository, session, times));
            start.elapsed()
        });
    });
}

fn side_by_side(c: &mut Criterion, runtime: &Runtime, repository: &Arc<dyn Repository>) {
    let mut sessions = runtime.block_on(sessions(&**repository));
    let mut group = c.benchmark_group("rotate");
    group.throughput(Throughput::Elements(TASKS));
    group.bench_function("postgres, 16 tasks", |bencher| {
        bencher.iter_custom(|times| {
            let start = Instant::now();
            sessions = runtime.block_on(async {
                let mut tasks = JoinSet::new();
                for mut session in sessions.drain(..) {
                    let repository = Arc::clone(repository);
                    tasks.spawn(async move {
                        rotate(&*repository, &mut session, times).await;
                        session
                    });
                }
                tasks.join_all().await
            });
            start.elapsed()
        });
    });
}

fn benches(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/bench.db", directory.path().display());
    let sqlite = runtime.block_on(SqliteRepository::open(&url)).unwrap();
    one_after_the_other(c, "rotate/sqlite", &runtime, &sqlite);

    let _guard = runtime.enter();
    for parallel in [false, true] {
        let database = runtime.block_on(support::PgDatabase::create());
        let postgres = runtime
            .block_on(PgRepository::connect(&database.url()))
            .unwrap();
        if parallel {
            side_by_side(c, &runtime, &(Arc::new(postgres) as _));
        } else {
            one_after_the_other(c, "rotate/postgres", &runtime, &postgres);
        }
    }
}

criterion_group!(rotation, benches);
criterion_main!(rotation);
