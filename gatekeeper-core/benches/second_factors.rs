//! What a code of an authenticator app costs: to judge it alone, and as the second step of a sign-in that is refused.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on measures nothing"
)]

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use gatekeeper_core::{
    Config, Evidence, FinishMfa, Gatekeeper, NewUser, RequestContext, SignIn,
    crypto::password::danger::danger_weak_hashing,
    env::Clock,
    model::{SecretString, TenantId},
    testing::ManualClock,
};
use tokio::runtime::Runtime;
use totp_rs::{Builder, Secret};

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "plum-otter-91-lantern";

async fn first_step(gk: &Gatekeeper, cx: &RequestContext) -> SignIn {
    let evidence = Evidence::Password {
        identifier: EMAIL.to_owned(),
        password: PASSWORD.into(),
    };
    gk.sessions().sign_in(cx, evidence).await.unwrap()
}

/// An account with an app, and the token of a sign-in that waits for its code.
async fn waiting(gk: &Gatekeeper, cx: &RequestContext, clock: &ManualClock) -> SecretString {
    let user = NewUser {
        email: EMAIL.to_owned(),
        password: Some(PASSWORD.into()),
        name: None,
        roles: Vec::new(),
    };
    gk.administration().create_user(cx, user).await.unwrap();
    let SignIn::SignedIn(signed_in) = first_step(gk, cx).await else {
        panic!("a second factor is asked for")
    };
    let token = signed_in.access_token.expose();
    let who = gk.authenticate(token).await.unwrap();
    let setup = gk.mfa().begin_totp(cx, &who).await.unwrap();
    let seed = Secret::try_from_base32(setup.secret.expose()).unwrap();
    let app = Builder::new().with_secret(seed).build().unwrap();
    let seconds = u64::try_from(clock.now().as_unix_seconds()).unwrap();
    let code = app.generate(seconds).to_string();
    gk.mfa().confirm_totp(cx, &who, &code.into()).await.unwrap();
    match first_step(gk, cx).await {
        SignIn::MfaRequired(pending) => pending.token,
        other => panic!("{other:?}"),
    }
}

fn second_factors(criterion: &mut Criterion) {
    let app = Builder::new().with_secret([7_u8; 20]).build().unwrap();
    criterion.bench_function("a wrong code against three steps", |bencher| {
        bencher.iter(|| black_box(app.check(black_box("000000"), black_box(1_800_000_000))));
    });

    let runtime = Runtime::new().unwrap();
    let clock = ManualClock::default();
    let mut config = Config::default();
    config.hashing = danger_weak_hashing();
    config.lockout.enabled = false;
    config.rate_limits.enabled = false;
    config.mfa.pending_lifetime = Duration::from_mins(15);
    let gk = Gatekeeper::builder()
        .in_memory()
        .public_url("http://localhost:3000")
        .config(config)
        .clock(clock.clone())
        .without_workers();
    let gk = runtime.block_on(gk.build()).unwrap();
    let cx = RequestContext::internal(TenantId::DEFAULT, "bench");
    let token = runtime.block_on(waiting(&gk, &cx, &clock));
    criterion.bench_function("a second step refused, store in memory", |bencher| {
        bencher.iter(|| {
            let input = FinishMfa {
                token: token.clone(),
                method: "totp".to_owned(),
                code: "000000".into(),
                trust_device: false,
            };
            black_box(runtime.block_on(gk.sessions().finish_mfa(&cx, input)))
        });
    });
}

criterion_group!(benches, second_factors);
criterion_main!(benches);
