//! What flows cost beside the hash and the disk: on the store in memory, with a provider that lets everybody in.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on measures nothing"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use gatekeeper_core::{
    AuthProvider, Config, Error, Evidence, Gatekeeper, Provisioning, RequestContext, SignIn,
    SignedIn, Subject, Verification, VerifiedIdentity, async_trait,
    model::{AuthMethod, EmailAddress, TenantId},
};
use tokio::runtime::Runtime;

/// Takes every password, so that what is measured is the flow and not Argon2.
#[derive(Debug)]
struct Everybody;

#[async_trait]
impl AuthProvider for Everybody {
    fn id(&self) -> &'static str {
        "everybody"
    }

    fn accepts(&self, _evidence: &Evidence) -> bool {
        true
    }

    fn provisioning(&self) -> Provisioning {
        Provisioning::Create
    }

    async fn finish(&self, _: &RequestContext, _: &Evidence) -> Result<Verification, Error> {
        let subject = Subject::External {
            subject: "ada".to_owned(),
            verified_email: EmailAddress::parse("ada@example.org").ok(),
            name: None,
        };
        let methods = vec![AuthMethod::Federated];
        Ok(Verification::Verified(VerifiedIdentity {
            subject,
            methods,
        }))
    }
}

async fn sign_in(gk: &Gatekeeper, cx: &RequestContext) -> SignedIn {
    let identifier = "ada@example.org".to_owned();
    let evidence = Evidence::Password {
        identifier,
        password: "any".into(),
    };
    match gk.sessions().sign_in(cx, evidence).await {
        Ok(SignIn::SignedIn(signed_in)) => *signed_in,
        other => panic!("{other:?}"),
    }
}

fn flows(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut config = Config::default();
    // All of it is one account, from no address.
    config.rate_limits.enabled = false;
    let gk = Gatekeeper::builder()
        .in_memory()
        .config(config)
        .public_url("http://localhost:3000")
        .provider(Everybody)
        .without_workers();
    let gk = runtime.block_on(gk.build()).unwrap();
    let cx = RequestContext::internal(TenantId::DEFAULT, "bench");
    let mut signed_in = runtime.block_on(sign_in(&gk, &cx));

    criterion.bench_function("sign in, without the hash", |bencher| {
        bencher.iter(|| runtime.block_on(async { black_box(sign_in(&gk, &cx).await) }));
    });
    criterion.bench_function("rotate and issue", |bencher| {
        bencher.iter(|| {
            let token = signed_in.refresh_token.clone();
            signed_in = runtime
                .block_on(gk.sessions().refresh(&cx, &token))
                .unwrap();
        });
    });
    let token = signed_in.access_token.expose().to_owned();
    criterion.bench_function("authenticate, seen before", |bencher| {
        bencher.iter(|| black_box(gk.authenticate_cached(black_box(&token))));
    });
}

criterion_group!(benches, flows);
criterion_main!(benches);
