//! What a hash costs, and how near the pool comes to what the cores can do.
//!
//! `sign-ins` computes as many hashes as there are workers at once: its time against `one hash` is the share of
//! cores / time of one hash that is reached.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot begin may panic"
)]

use std::{hint::black_box, sync::Arc, thread, time::Duration};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gatekeeper_core::{
    crypto::password::{HashingSettings, PasswordHasher, PasswordVerdict},
    env::SystemRandom,
    model::SecretString,
    password_policy::PasswordPolicy,
};
use tokio::runtime::Builder;

const SALT: [u8; 16] = [7; 16];
/// Sign-ins waiting for each worker.
const DEPTH: usize = 8;

fn argon2() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, Some(32)).unwrap();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn one_hash(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one hash");
    group
        .measurement_time(Duration::from_secs(4))
        .sample_size(50);
    let argon2 = argon2();
    let mut memory = vec![Block::new(); argon2.params().block_count()];
    group.bench_function("memory reused", |bencher| {
        bencher.iter(|| {
            let mut tag = [0; 32];
            argon2
                .hash_password_into_with_memory(b"password", &SALT, &mut tag, &mut memory)
                .unwrap();
            black_box(tag)
        });
    });
    group.bench_function("memory allocated", |bencher| {
        bencher.iter(|| {
            let mut tag = [0; 32];
            argon2
                .hash_password_into(b"password", &SALT, &mut tag)
                .unwrap();
            black_box(tag)
        });
    });
    // The bare primitive on every core at once: memory is shared, so that this is more than one hash takes alone.
    let workers = HashingSettings::default().workers;
    group.throughput(Throughput::Elements(
        u64::try_from(workers * DEPTH).unwrap(),
    ));
    group.bench_function("every core, no pool", |bencher| {
        let mut memories = vec![vec![Block::new(); argon2.params().block_count()]; workers];
        bencher.iter(|| {
            thread::scope(|scope| {
                for memory in &mut memories {
                    scope.spawn(|| {
                        for _ in 0..DEPTH {
                            let mut tag = [0; 32];
                            argon2
                                .hash_password_into_with_memory(
                                    b"password",
                                    &SALT,
                                    &mut tag,
                                    &mut *memory,
                                )
                                .unwrap();
                            black_box(tag);
                        }
                    });
                }
            });
        });
    });
    group.finish();
}

fn sign_ins(criterion: &mut Criterion) {
    let settings = HashingSettings::default();
    let jobs = settings.workers * DEPTH;
    let runtime = Builder::new_current_thread().build().unwrap();
    let hasher = PasswordHasher::new(settings, Arc::new(SystemRandom)).unwrap();
    let hash = runtime
        .block_on(hasher.hash(&SecretString::new("correct horse")))
        .unwrap();
    let mut group = criterion.benchmark_group("sign-ins");
    group
        .measurement_time(Duration::from_secs(4))
        .sample_size(20);
    group.throughput(Throughput::Elements(u64::try_from(jobs).unwrap()));
    group.bench_function("all workers busy", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let mut tasks = tokio::task::JoinSet::new();
                for _ in 0..jobs {
                    let (hasher, hash) = (hasher.clone(), hash.clone());
                    tasks.spawn(async move {
                        hasher
                            .verify(&SecretString::new("correct horse"), Some(&hash))
                            .await
                    });
                }
                while let Some(verdict) = tasks.join_next().await {
                    assert_eq!(verdict.unwrap(), Ok(PasswordVerdict::Match));
                }
            });
        });
    });
    group.finish();
}

fn policy(criterion: &mut Criterion) {
    let policy = PasswordPolicy::default();
    let password = SecretString::new("correct horse battery staple");
    criterion.bench_function("policy", |bencher| {
        bencher.iter(|| policy.check("/password", &password, &["ada@example.com", "Ada Lovelace"]));
    });
}

criterion_group!(benches, one_hash, sign_ins, policy);
criterion_main!(benches);
