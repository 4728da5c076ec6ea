//! What a rate limit costs: a check in memory, of one key again and again, of many, and while a flood fills the memory; and
//! through a Gatekeeper, with the key that is made of an address.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on measures nothing"
)]

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use gatekeeper_core::{
    Gatekeeper,
    env::{Clock, Random, SystemClock, SystemRandom},
    rate_limit::{MemoryRateLimiter, Quota, RateClass, RateKey, RateSubject},
};

const QUOTA: Quota = Quota::new(30, Duration::from_mins(1));

fn keys(count: usize) -> Vec<RateKey> {
    let random: &dyn Random = &SystemRandom;
    (0..count).map(|_| RateKey(random.bytes())).collect()
}

fn memory(c: &mut Criterion) {
    let mut group = c.benchmark_group("rate limit in memory");
    let now = SystemClock.now();
    let random: &dyn Random = &SystemRandom;

    let limiter = MemoryRateLimiter::new();
    let key = RateKey(random.bytes());
    group.bench_function("one key, refused", |b| {
        b.iter(|| limiter.check_now(black_box(&key), &QUOTA, now));
    });

    let limiter = MemoryRateLimiter::new();
    let mut at = now;
    group.bench_function("one key, admitted", |b| {
        b.iter(|| {
            at = at.after(QUOTA.interval());
            limiter.check_now(black_box(&key), &QUOTA, at)
        });
    });

    let limiter = MemoryRateLimiter::new();
    let known = keys(100_000);
    for key in &known {
        let _ = limiter.check_now(key, &QUOTA, now);
    }
    let mut next = known.iter().cycle();
    group.bench_function("100,000 keys, one after the other", |b| {
        b.iter(|| limiter.check_now(black_box(next.next().unwrap()), &QUOTA, now));
    });

    let limiter = MemoryRateLimiter::new();
    let flood = keys(1_000_000);
    let mut next = flood.iter().cycle();
    let mut at = now;
    group.bench_function("a flood of a million keys", |b| {
        b.iter(|| {
            at = at.after(Duration::from_micros(1));
            limiter.check_now(black_box(next.next().unwrap()), &QUOTA, at)
        });
    });
    group.finish();
}

fn through_a_gatekeeper(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let gatekeeper = runtime.block_on(async {
        Gatekeeper::builder()
            .in_memory()
            .public_url("https://auth.example.org")
            .without_workers()
            .build()
            .await
            .unwrap()
    });
    let subject = RateSubject::Address(Some([192, 0, 2, 7].into()));
    c.bench_function("rate limit of an address, key and all", |b| {
        b.iter(|| {
            let limits = gatekeeper.rate_limits();
            runtime.block_on(limits.check(RateClass::SignIn, &subject))
        });
    });
}

criterion_group!(limits, memory, through_a_gatekeeper);
criterion_main!(limits);
