//! What API keys cost: one seen before and a new one, beside an access token seen before. Compare within one run.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on measures nothing"
)]

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use gatekeeper_core::{
    Config, Evidence, Gatekeeper, NewApiKey, NewUser, RequestContext, SignIn,
    crypto::{ApiKeyFormat, password::danger::danger_weak_hashing},
    env::{Clock, SystemClock, SystemRandom},
    model::{ApiKeyId, TenantId},
};

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "plum-otter-91-lantern";

struct Setup {
    gatekeeper: Gatekeeper,
    token: String,
    key: String,
}

async fn setup(cache_capacity: usize) -> Setup {
    let mut config = Config::default();
    config.hashing = danger_weak_hashing();
    config.api_keys.cache_capacity = cache_capacity;
    let gatekeeper = Gatekeeper::builder()
        .in_memory()
        .public_url("https://auth.example.org")
        .config(config)
        .build()
        .await
        .unwrap();
    let cx = RequestContext::internal(TenantId::DEFAULT, "bench");
    let user = NewUser {
        email: EMAIL.to_owned(),
        name: None,
        roles: vec!["admin".to_owned()],
        password: Some(PASSWORD.into()),
    };
    let administration = gatekeeper.administration();
    administration.create_user(&cx, user).await.unwrap();
    let evidence = Evidence::Password {
        identifier: EMAIL.to_owned(),
        password: PASSWORD.into(),
    };
    let signed_in = match gatekeeper.sessions().sign_in(&cx, evidence).await.unwrap() {
        SignIn::SignedIn(signed_in) => signed_in,
        other => unreachable!("{other:?}"),
    };
    let token = signed_in.access_token.expose().to_owned();
    let who = gatekeeper.authenticate(&token).await.unwrap();
    let input = NewApiKey {
        name: "bench".to_owned(),
        permissions: vec!["reports:read".to_owned(), "users:*".to_owned()],
        ..NewApiKey::default()
    };
    let made = gatekeeper.api_keys().create(&cx, &who, input).await;
    Setup {
        token,
        key: made.unwrap().text.expose().to_owned(),
        gatekeeper,
    }
}

fn authenticate(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let remembering = runtime.block_on(setup(16_384));
    let forgetful = runtime.block_on(setup(0));
    let mut group = c.benchmark_group("api_keys");
    for (name, text) in [
        ("token seen before", &remembering.token),
        ("key seen before", &remembering.key),
    ] {
        let gatekeeper = &remembering.gatekeeper;
        let seen = runtime.block_on(gatekeeper.authenticate(text));
        let seen = seen.unwrap();
        group.bench_function(name, |b| {
            b.iter(|| {
                let again = gatekeeper.authenticate_cached(black_box(text));
                assert!(Arc::ptr_eq(&again.unwrap().unwrap(), &seen));
            });
        });
    }
    // The store in memory answers at once: what is left is the work of the process.
    group.bench_function("new key", |b| {
        b.iter(|| {
            let judged = forgetful.gatekeeper.authenticate(black_box(&forgetful.key));
            assert!(runtime.block_on(judged).is_ok());
        });
    });
    group.finish();
}

fn text(c: &mut Criterion) {
    let format = ApiKeyFormat::new("live");
    let id = ApiKeyId::new(SystemClock.now(), &SystemRandom);
    let made = format.issue(TenantId::DEFAULT, id, &SystemRandom);
    let mut group = c.benchmark_group("api_keys/text");
    group.bench_function("issue", |b| {
        b.iter(|| format.issue(TenantId::DEFAULT, id, &SystemRandom));
    });
    group.bench_function("parse", |b| {
        b.iter(|| format.parse(black_box(made.text.expose())));
    });
    group.finish();
}

criterion_group!(benches, authenticate, text);
criterion_main!(benches);
