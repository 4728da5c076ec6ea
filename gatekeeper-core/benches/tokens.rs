//! What access tokens cost: verifying a new one, one seen before and a revoked one, issuing, and the blacklist alone;
//! beside them the bare primitive and the crate `jsonwebtoken`. Compare within one run.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on measures nothing"
)]

use std::{
    hint::black_box,
    pin::pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, Waker},
    time::Duration,
};

use aws_lc_rs::{
    hmac,
    signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use gatekeeper_core::{
    Evidence, Gatekeeper, Identity, NewUser, RequestContext, SignIn,
    blacklist::{Blacklist, MemoryBlacklist, StoreBlacklist, TokenAuthenticator},
    crypto::jwt::{AccessClaims, AccessTokenSettings, AccessTokens, Jwk, Keyring, SigningKey},
    env::{Clock, Random, SystemClock, SystemRandom},
    model::{
        Algorithm, KeyId, Revocation, RevocationTarget, SecretBytes, SecretString, SessionId,
        TenantId, Timestamp, TokenId, UserId,
    },
};
use serde_json::{Map, Value};

const ISSUER: &str = "https://auth.example.org";
const AUDIENCE: &str = "https://api.example.org";

struct Setup {
    /// Without memory: every token is new.
    forgetful: AccessTokens,
    tokens: AccessTokens,
    private: SecretBytes,
    jwk: Value,
    claims: AccessClaims,
    token: String,
    now: Timestamp,
}

fn setup(algorithm: Algorithm) -> Setup {
    let now = SystemClock.now();
    let id = KeyId::new(now, &SystemRandom);
    let key = SigningKey::generate(algorithm, id, &SystemRandom).unwrap();
    let private = key.to_private_bytes();
    let settings = AccessTokenSettings::new(ISSUER, AUDIENCE);
    let mut without_memory = settings.clone();
    without_memory.cache_capacity = 0;
    let again = SigningKey::from_private_bytes(algorithm, id, &private).unwrap();
    let forgetful = AccessTokens::new(without_memory, Keyring::new(again), &SystemRandom).unwrap();
    let tokens = AccessTokens::new(settings, Keyring::new(key), &SystemRandom).unwrap();
    let claims = AccessClaims {
        user_id: UserId::new(now, &SystemRandom),
        tenant_id: TenantId::DEFAULT,
        session_id: SessionId::new(now, &SystemRandom),
        token_id: TokenId::new(now, &SystemRandom),
        email: "ada.lovelace@example.org".to_owned(),
        roles: vec!["user".to_owned()],
        permissions: Vec::new(),
        organization: None,
        authority_omitted: false,
        mfa_verified: false,
        authenticated_at: now,
        methods: vec!["pwd".to_owned()],
        issued_at: now,
        actor: None,
        ends_at: None,
        custom: Map::new(),
    };
    let token = tokens.issue(&claims).unwrap().expose().to_owned();
    Setup {
        forgetful,
        jwk: tokens.jwks()["keys"][0].clone(),
        tokens,
        private,
        claims,
        token,
        now,
    }
}

/// The primitive alone, over the bytes that a token has it work on.
fn primitive(setup: &Setup, algorithm: Algorithm) -> Box<dyn Fn() -> bool> {
    let (signed, signature) = setup.token.rsplit_once('.').unwrap();
    let signed = signed.as_bytes().to_vec();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let part = |name: &str| {
        URL_SAFE_NO_PAD
            .decode(setup.jwk[name].as_str().unwrap())
            .unwrap()
    };
    let key = match algorithm {
        Algorithm::Hs256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, setup.private.expose());
            return Box::new(move || hmac::verify(&key, &signed, &signature).is_ok());
        }
        Algorithm::EdDsa => ParsedPublicKey::new(&ED25519, part("x")).unwrap(),
        Algorithm::Es256 => {
            let point = [&[4], &part("x")[..], &part("y")[..]].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).unwrap()
        }
        _ => aws_lc_rs::rsa::PublicKeyComponents {
            n: part("n"),
            e: part("e"),
        }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        .unwrap(),
    };
    Box::new(move || key.verify_sig(&signed, &signature).is_ok())
}

fn jsonwebtoken_key(
    setup: &Setup,
    algorithm: Algorithm,
) -> (jsonwebtoken::DecodingKey, jsonwebtoken::Algorithm) {
    use jsonwebtoken::{Algorithm as A, DecodingKey as K};
    let part = |name: &str| setup.jwk[name].as_str().unwrap();
    match algorithm {
        Algorithm::Hs256 => (K::from_secret(setup.private.expose()), A::HS256),
        Algorithm::EdDsa => (K::from_ed_components(part("x")).unwrap(), A::EdDSA),
        Algorithm::Es256 => (
            K::from_ec_components(part("x"), part("y")).unwrap(),
            A::ES256,
        ),
        _ => (
            K::from_rsa_components(part("n"), part("e")).unwrap(),
            A::RS256,
        ),
    }
}

fn verify(c: &mut Criterion) {
    for &algorithm in Algorithm::ALL {
        let setup = setup(algorithm);
        let mut group = c.benchmark_group(format!("verify/{}", algorithm.as_str()));
        let raw = primitive(&setup, algorithm);
        assert!(raw());
        group.bench_function("primitive", |b| b.iter(|| black_box(raw())));
        group.bench_function("new", |b| {
            b.iter(|| {
                setup
                    .forgetful
                    .verify(black_box(&setup.token), setup.now)
                    .unwrap()
            });
        });
        group.bench_function("seen", |b| {
            b.iter(|| {
                setup
                    .tokens
                    .verify(black_box(&setup.token), setup.now)
                    .unwrap()
            });
        });
        let (key, alg) = jsonwebtoken_key(&setup, algorithm);
        let mut validation = jsonwebtoken::Validation::new(alg);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        group.bench_function("jsonwebtoken", |b| {
            b.iter(|| {
                jsonwebtoken::decode::<Value>(black_box(&setup.token), &key, &validation).unwrap()
            });
        });
        group.finish();
    }
}

fn issue(c: &mut Criterion) {
    for &algorithm in Algorithm::ALL {
        let setup = setup(algorithm);
        c.bench_function(&format!("issue/{}", algorithm.as_str()), |b| {
            b.iter(|| setup.tokens.issue(black_box(&setup.claims)).unwrap());
        });
    }
    if let Ok(key) = Jwk::parse(&setup(Algorithm::EdDsa).jwk) {
        c.bench_function("jwk/verify/garbage", |b| {
            b.iter(|| key.verify(black_box(b"message"), &[0; 64]).is_err());
        });
    }
}

fn filled(count: usize, now: Timestamp) -> Arc<MemoryBlacklist> {
    let blacklist = Arc::new(MemoryBlacklist::new());
    let revocations: Vec<Revocation> = (0..count)
        .map(|n| Revocation {
            tenant_id: TenantId::DEFAULT,
            target: match n % 3 {
                0 => RevocationTarget::Token(TokenId::new(now, &SystemRandom)),
                1 => RevocationTarget::Session(SessionId::new(now, &SystemRandom)),
                _ => RevocationTarget::User(UserId::new(now, &SystemRandom), now),
            },
            revoked_at: now,
            expires_at: now.after(Duration::from_mins(15)),
        })
        .collect();
    block_on(blacklist.publish(&revocations)).unwrap();
    blacklist
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

fn blacklist(c: &mut Criterion) {
    let setup = setup(Algorithm::EdDsa);
    let mut group = c.benchmark_group("blacklist");
    for count in [0, 100_000] {
        let blacklist = filled(count, setup.now);
        let identity = setup.tokens.verify(&setup.token, setup.now).unwrap();
        group.bench_function(format!("check/{count}"), |b| {
            b.iter(|| blacklist.check(black_box(&identity), setup.now));
        });
        // Ids that differ each time, so that the table is not in the nearest cache.
        group.bench_function(format!("check/{count}/cold"), |b| {
            b.iter_batched(
                || stranger(setup.now),
                |identity| blacklist.check(black_box(&identity), setup.now),
                BatchSize::SmallInput,
            );
        });
        let authenticator = TokenAuthenticator::new(
            setup.tokens.clone(),
            Arc::<MemoryBlacklist>::clone(&blacklist),
        );
        group.bench_function(format!("authenticate/seen/{count}"), |b| {
            b.iter(|| {
                authenticator
                    .authenticate(black_box(&setup.token), setup.now)
                    .unwrap()
            });
        });
        block_on(blacklist.publish(&[Revocation {
            tenant_id: TenantId::DEFAULT,
            target: RevocationTarget::Session(setup.claims.session_id),
            revoked_at: setup.now,
            expires_at: setup.now.after(Duration::from_mins(15)),
        }]))
        .unwrap();
        group.bench_function(format!("authenticate/revoked/{count}"), |b| {
            b.iter(|| {
                authenticator
                    .authenticate(black_box(&setup.token), setup.now)
                    .is_err()
            });
        });
    }
    group.finish();
}

/// A token as its process sees it: seen before; seen before, with roles that were read anew; and what its user may do, remembered.
fn authority(c: &mut Criterion) {
    // Of several threads: news are followed beside the measurement.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (gatekeeper, blacklist, user, token) = runtime.block_on(signed_in());
    let mut group = c.benchmark_group("authority");
    let cached = || gatekeeper.authenticate_cached(black_box(&token));
    group.bench_function("authenticate/seen", |b| {
        b.iter(|| cached().unwrap().unwrap());
    });
    let now = SystemClock.now();
    let change = Revocation {
        tenant_id: TenantId::DEFAULT,
        target: RevocationTarget::Authority(user, now),
        revoked_at: now,
        expires_at: now.after(Duration::from_mins(15)),
    };
    runtime.block_on(blacklist.publish(&[change])).unwrap();
    assert!(cached().is_none());
    runtime.block_on(gatekeeper.authenticate(&token)).unwrap();
    group.bench_function("authenticate/reread", |b| {
        b.iter(|| cached().unwrap().unwrap());
    });
    group.bench_function("permissions_of/cached", |b| {
        b.iter(|| {
            let asked = gatekeeper.permissions_of(TenantId::DEFAULT, black_box(user));
            // Ready at the first poll: what is remembered is not waited for.
            asked.now_or_never().unwrap().unwrap()
        });
    });
    group.finish();
}

trait NowOrNever: Future + Sized {
    fn now_or_never(self) -> Option<Self::Output> {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(self).poll(&mut context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }
}

impl<F: Future> NowOrNever for F {}

async fn signed_in() -> (Gatekeeper, Arc<StoreBlacklist>, UserId, String) {
    let place = Arc::new(OnceLock::new());
    let kept = Arc::clone(&place);
    let gatekeeper = Gatekeeper::builder()
        .in_memory()
        .public_url(ISSUER)
        .blacklist(move |store| {
            kept.set(Arc::clone(&store)).unwrap();
            store
        })
        .build()
        .await
        .unwrap();
    let cx = RequestContext::internal(TenantId::DEFAULT, "bench");
    let password = SecretString::new("a corridor of 12 elms");
    let email = "ada@example.org".to_owned();
    let ada = NewUser {
        email: email.clone(),
        name: None,
        roles: vec!["admin".to_owned()],
        password: Some(password.clone()),
    };
    let made = gatekeeper.administration().create_user(&cx, ada).await;
    let user = made.unwrap().user.id;
    let evidence = Evidence::Password {
        identifier: email,
        password,
    };
    let signed_in = gatekeeper.sessions().sign_in(&cx, evidence).await.unwrap();
    let token = match signed_in {
        SignIn::SignedIn(signed_in) => Some(signed_in.access_token.expose().to_owned()),
        _ => None,
    };
    let blacklist = Arc::clone(place.get().unwrap());
    (gatekeeper, blacklist, user, token.unwrap())
}

fn stranger(now: Timestamp) -> Identity {
    let random: &dyn Random = &SystemRandom;
    Identity::new(
        UserId::new(now, random),
        TenantId::DEFAULT,
        SessionId::new(now, random),
        TokenId::new(now, random),
        now,
        now.after(Duration::from_mins(15)),
    )
}

criterion_group!(benches, verify, issue, blacklist, authority);
criterion_main!(benches);
