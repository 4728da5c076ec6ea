//! Rate limits: who is counted together, what a refusal says and leaves, and that nobody chooses whom they are counted as.

use std::time::Duration;

use gatekeeper_core::{
    Config, GatekeeperBuilder,
    config::RateLimitConfig,
    crypto::password::danger::danger_weak_hashing,
    model::{PageRequest, TenantId},
    rate_limit::{Quota, RateClass},
    store::{AuditFilter, Repository},
};
use gatekeeper_http::{Api, Caller, HttpSettings, RateRule};
use http::Method;
use serde_json::{Value, json};

use crate::{
    tenants::add_tenant,
    world::{ADA, Answer, PASSWORD, World},
};

const MINUTE: Duration = Duration::from_mins(1);

/// A world in which limits hold, with quotas that differ.
async fn limited(change: impl FnOnce(&mut RateLimitConfig)) -> World {
    limited_behind(change, HttpSettings::new()).await
}

async fn limited_behind(
    change: impl FnOnce(&mut RateLimitConfig),
    settings: HttpSettings,
) -> World {
    World::with(|builder| with_limits(builder, change), settings).await
}

fn with_limits(
    builder: GatekeeperBuilder,
    change: impl FnOnce(&mut RateLimitConfig),
) -> GatekeeperBuilder {
    let mut config = Config::default();
    config.hashing = danger_weak_hashing();
    change(&mut config.rate_limits);
    builder.config(config)
}

fn credentials(email: &str) -> Value {
    json!({"email": email, "password": "not the password"})
}

/// The `pk` of the first policy of a header.
fn partition(header: &str) -> &str {
    let (_, rest) = header.split_once(";pk=:").unwrap();
    rest.split_once(':').unwrap().0
}

/// What a header says of its first policy, without its `pk`.
fn said(header: &str) -> &str {
    header
        .split_once(";pk=")
        .unwrap_or_else(|| panic!("{header:?}"))
        .0
}

async fn rows(world: &World) -> usize {
    let mut tx = world.repository.begin().await.unwrap();
    tx.audit()
        .list(
            TenantId::DEFAULT,
            &AuditFilter::default(),
            PageRequest::first(100),
        )
        .await
        .unwrap()
        .items
        .len()
}

async fn sign_in_from(world: &World, peer: &str, email: &str) -> Answer {
    world
        .post("/v1/auth/login", &credentials(email))
        .peer(peer)
        .send()
        .await
}

/// RL-1, and 429 of the contract.
#[tokio::test]
async fn rl_1_an_answer_says_how_far_the_limit_goes() {
    let world = limited(|limits| limits.sign_in = Quota::new(3, MINUTE)).await;
    for (left, full_in) in [(2, 20), (1, 40), (0, 60)] {
        let answer = world
            .post("/v1/auth/login", &credentials(ADA))
            .refused(401, "password.invalid_credentials")
            .await;
        let (policy, state) = (
            answer.header("ratelimit-policy"),
            answer.header("ratelimit"),
        );
        assert_eq!(said(policy), "\"sign_in\";q=3;w=60");
        assert_eq!(said(state), format!("\"sign_in\";r={left};t={full_in}"));
        // A byte sequence of RFC 9651 section 3.3.5: eight bytes.
        assert_eq!(partition(policy), partition(state));
        assert_eq!(partition(policy).len(), 12);
        assert!(state.ends_with("=:"), "{state}");
        assert_eq!(answer.header("retry-after"), "");
    }
    let refused = world
        .post("/v1/auth/login", &credentials(ADA))
        .refused(429, "request.rate_limited")
        .await;
    assert_eq!(said(refused.header("ratelimit")), "\"sign_in\";r=0;t=20");
    assert_eq!(
        said(refused.header("ratelimit-policy")),
        "\"sign_in\";q=3;w=60"
    );
    assert_eq!(refused.header("retry-after"), "20");
    assert_eq!(refused.body["violated-policies"], json!(["sign_in"]));

    // Rounded up: after 19 seconds and a microsecond a whole second is left to wait.
    world.clock.advance(Duration::from_micros(19_000_001));
    let refused = world
        .post("/v1/auth/login", &credentials(ADA))
        .refused(429, "request.rate_limited")
        .await;
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(said(refused.header("ratelimit")), "\"sign_in\";r=0;t=1");
    world.clock.advance(Duration::from_micros(999_998));
    world
        .post("/v1/auth/login", &credentials(ADA))
        .refused(429, "request.rate_limited")
        .await;
    world.clock.advance(Duration::from_micros(1));
    world
        .post("/v1/auth/login", &credentials(ADA))
        .refused(401, "password.invalid_credentials")
        .await;
}

#[tokio::test]
async fn success_and_error_of_every_limited_route_say_the_limit() {
    let world = limited(|_| {}).await;
    let tokens = world.ada().await;
    for route in Api::routes() {
        let path = crate::walk::path_of(route, &tokens.session);
        let answer = world
            .call(route.method.clone(), &path)
            .bearer(&tokens.access)
            .tenant("nobody")
            .send()
            .await;
        let limited = route.rate != RateRule::Unlimited;
        assert_eq!(route.caller != Caller::Service, limited, "{route:?}");
        for name in ["ratelimit", "ratelimit-policy"] {
            assert_eq!(!answer.header(name).is_empty(), limited, "{route:?}");
        }
        let knows = route.problems().iter().any(|code| code.status == 429);
        assert_eq!(knows, limited, "{route:?}");
    }
    let me = world
        .get("/v1/auth/me")
        .bearer(&tokens.access)
        .expect(200)
        .await;
    assert!(me.header("ratelimit").starts_with("\"read\";r="));
}

/// What may be guessed at or costs somebody else something is never counted as mere reading.
#[test]
fn no_route_that_strangers_change_something_by_is_counted_as_reading() {
    for route in Api::routes() {
        let expected = match (route.caller, &route.method) {
            (Caller::Service, _) => route.rate == RateRule::Unlimited,
            (Caller::Public | Caller::TokenHolder, _) => matches!(
                route.rate,
                RateRule::Address(
                    RateClass::SignIn
                        | RateClass::Register
                        | RateClass::Mail
                        | RateClass::Redeem
                        | RateClass::Refresh
                )
            ),
            // Reads that cost as much as many others.
            (_, &Method::GET) if route.operation_id == "exportMe" => {
                route.rate == RateRule::User(RateClass::SignIn)
            }
            (_, &Method::GET) if route.operation_id == "exportUser" => {
                route.rate == RateRule::User(RateClass::Write)
            }
            (_, &Method::GET) => route.rate == RateRule::User(RateClass::Read),
            (_, _) => {
                matches!(route.rate, RateRule::User(class) if class != RateClass::Read)
            }
        };
        assert!(expected, "{route:?} {:?}", route.rate);
    }
}

/// Whoever tries one password on many accounts is held by the limit of the address, in whichever tenant.
#[tokio::test]
async fn row_11_an_attacker_who_rotates_accounts_is_held() {
    let world = limited(|limits| limits.sign_in = Quota::new(5, MINUTE)).await;
    add_tenant(&world, "acme").await;
    let mut answered = 0;
    for n in 0..20 {
        let email = format!("user-{n}@example.com");
        let call = world.post("/v1/auth/login", &credentials(&email));
        let call = if n % 2 == 0 {
            call
        } else {
            call.tenant("acme")
        };
        answered += u32::from(call.send().await.status != 429);
    }
    assert_eq!(answered, 5);
    // Not even for the tenant is the store asked.
    world
        .post("/v1/auth/login", &credentials(ADA))
        .tenant("nobody")
        .refused(429, "request.rate_limited")
        .await;
    // Another address is another caller.
    assert_eq!(sign_in_from(&world, "192.0.2.11", ADA).await.status, 401);
}

/// Whoever tries from many addresses is held by the limit of the account, however they spell it.
#[tokio::test]
async fn row_14_an_attacker_who_rotates_addresses_and_spellings_is_held() {
    let world = limited(|limits| limits.account = Quota::new(4, MINUTE)).await;
    let spellings = [
        ADA,
        "ADA@example.com",
        "ada@EXAMPLE.com",
        "\u{ff41}da@example.com",
    ];
    for (n, email) in spellings.iter().enumerate() {
        let answer = sign_in_from(&world, &format!("192.0.2.{n}"), email).await;
        assert_eq!(answer.status, 401, "{}", answer.body);
    }
    let hashes = world.api.gatekeeper().password_hashes();
    let before = rows(&world).await;
    for (n, email) in spellings.iter().enumerate() {
        let answer = sign_in_from(&world, &format!("198.51.100.{n}"), email).await;
        assert_eq!(answer.body["code"], "request.rate_limited");
        assert_eq!(answer.body["violated-policies"], json!(["account"]));
        assert_eq!(answer.header("retry-after"), "15");
        // Both limits are told: that of the address has something left, and says no time, since no `t` may lie behind
        // `Retry-After`.
        let (address, account) = answer.header("ratelimit").split_once(", ").unwrap();
        assert_eq!(said(address), "\"sign_in\";r=29");
        assert_eq!(said(account), "\"account\";r=0;t=15");
        let (address, account) = answer.header("ratelimit-policy").split_once(", ").unwrap();
        assert_eq!(said(address), "\"sign_in\";q=30;w=60");
        assert_eq!(said(account), "\"account\";q=4;w=60");
    }
    // A refusal leaves nothing: no hash was computed, nothing was written.
    assert_eq!(world.api.gatekeeper().password_hashes(), hashes);
    assert_eq!(rows(&world).await, before);
    // An account that is there is limited like one that is not.
    world.clock.advance(MINUTE);
    world.register(ADA).await;
    for n in 0..5 {
        let answer = sign_in_from(&world, &format!("203.0.113.{n}"), ADA).await;
        assert_eq!(answer.status, if n < 4 { 401 } else { 429 });
    }
}

/// Strangers who use an account's quota up do not shut out a device that it knows.
#[tokio::test]
async fn row_16_a_known_device_has_a_quota_of_its_own() {
    let world = limited(|limits| limits.account = Quota::new(2, MINUTE)).await;
    world.register(ADA).await;
    let gk = world.api.gatekeeper();
    let cx = || gatekeeper_core::RequestContext::internal(TenantId::DEFAULT, "test");
    let evidence = |password: &str| gatekeeper_core::Evidence::Password {
        identifier: ADA.to_owned(),
        password: password.into(),
    };
    let signed_in = match gk
        .sessions()
        .sign_in(&cx(), evidence(PASSWORD))
        .await
        .unwrap()
    {
        gatekeeper_core::SignIn::SignedIn(signed_in) => signed_in,
        other => panic!("{other:?}"),
    };
    let device = signed_in.device_token.unwrap();
    let _ = gk.sessions().sign_in(&cx(), evidence("wrong")).await;
    let limited = |answer: Result<_, gatekeeper_core::Error>| {
        answer.is_err_and(|error| error.code() == "request.rate_limited")
    };
    assert!(limited(
        gk.sessions().sign_in(&cx(), evidence(PASSWORD)).await
    ));
    // A token that is none is no way round.
    let forged = cx().with_device_token("gkd_forged".into());
    assert!(limited(
        gk.sessions().sign_in(&forged, evidence(PASSWORD)).await
    ));
    let known = || cx().with_device_token(device.clone());
    for _ in 0..2 {
        assert!(
            gk.sessions()
                .sign_in(&known(), evidence(PASSWORD))
                .await
                .is_ok()
        );
    }
    assert!(limited(
        gk.sessions().sign_in(&known(), evidence(PASSWORD)).await
    ));
}

/// CVE-2026-108162, CVE-2026-45045, CVE-2025-64484.
#[tokio::test]
async fn row_17_no_header_of_a_strangers_makes_them_another_caller() {
    let settings = HttpSettings::new().trust_proxies(["10.0.0.0/8".parse().unwrap()]);
    let world = limited_behind(|limits| limits.sign_in = Quota::new(3, MINUTE), settings).await;
    let spoof = [
        "x-forwarded-for",
        "x_forwarded_for",
        "x-real-ip",
        "forwarded",
        "true-client-ip",
        "cf-connecting-ip",
        "x-client-ip",
        "client-ip",
        "x-cluster-client-ip",
        "x-originating-ip",
        "x-remote-addr",
    ];
    let mut statuses = Vec::new();
    for (n, header) in spoof.iter().enumerate() {
        let answer = world
            .post(
                "/v1/auth/login",
                &credentials(&format!("user-{n}@example.com")),
            )
            .peer("203.0.113.9")
            .header(header, format!("198.51.100.{n}"))
            .send()
            .await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses.iter().filter(|status| **status != 429).count(), 3);

    // Behind the proxy: what the proxy appended counts, and nothing that stands further left, or in another header.
    let mut statuses = Vec::new();
    for n in 0..8 {
        let answer = world
            .post(
                "/v1/auth/login",
                &credentials(&format!("user-{n}@example.com")),
            )
            .peer("10.0.0.1")
            .header("x-forwarded-for", format!("198.51.100.{n}, 203.0.113.77"))
            .header("x-real-ip", format!("198.51.100.{n}"))
            .header("x_forwarded_for", format!("198.51.100.{n}"))
            .send()
            .await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses.iter().filter(|status| **status != 429).count(), 3);
    // Whoever really comes from elsewhere through the proxy is another caller.
    let answer = world
        .post("/v1/auth/login", &credentials(ADA))
        .peer("10.0.0.1")
        .header("x-forwarded-for", "203.0.113.78")
        .send()
        .await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn row_17_a_network_of_ipv6_is_one_caller() {
    let world = limited(|limits| limits.sign_in = Quota::new(3, MINUTE)).await;
    let mut statuses = Vec::new();
    for n in 0..8 {
        let peer = format!("2001:db8:0:1:{n:x}:{n:x}::{n:x}");
        let answer = sign_in_from(&world, &peer, &format!("user-{n}@example.com")).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429, 429, 429, 429]);
    assert_eq!(
        sign_in_from(&world, "2001:db8:0:2::1", ADA).await.status,
        401
    );
    // An address of IPv4 is one, however the socket writes it.
    for peer in ["192.0.2.9", "::ffff:192.0.2.9", "192.0.2.9"] {
        assert_eq!(sign_in_from(&world, peer, ADA).await.status, 401);
    }
    let refused = sign_in_from(&world, "::ffff:192.0.2.9", ADA).await;
    assert_eq!(refused.status, 429);
}

#[tokio::test]
async fn row_13_a_burst_of_64_at_once_admits_exactly_the_quota() {
    let world = limited(|limits| limits.sign_in = Quota::new(10, MINUTE)).await;
    let hashes = world.api.gatekeeper().password_hashes();
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let api = world.api.clone();
            let body = credentials(&format!("user-{n}@example.com")).to_string();
            tokio::spawn(async move {
                let request = http::Request::post("/v1/auth/login")
                    .header("content-type", "application/json")
                    .body(body.into())
                    .unwrap();
                api.handle(request, Some([192, 0, 2, 10].into()))
                    .await
                    .status()
            })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        admitted += u64::from(task.await.unwrap() != 429);
    }
    assert_eq!(admitted, 10);
    let computed = world.api.gatekeeper().password_hashes() - hashes;
    assert_eq!(computed, 10, "what is refused costs no hash");
}

/// Those who share an address do not use up each other's quota once they are signed in, and strangers use up nobody's.
#[tokio::test]
async fn users_are_counted_by_user_and_strangers_apart() {
    let world = limited(|limits| {
        limits.read = Quota::new(3, MINUTE);
        limits.sign_in = Quota::new(10, MINUTE);
    })
    .await;
    let ada = world.ada().await;
    world.register("bob@example.com").await;
    let bob = world.sign_in("bob@example.com").await;
    let me = || world.get("/v1/auth/me");
    for _ in 0..3 {
        me().refused(401, "access.missing_token").await;
    }
    // Whatever they send, and whichever route they try it on.
    me().bearer("nonsense")
        .refused(429, "request.rate_limited")
        .await;
    me().cookies("__Host-gatekeeper_access=nonsense")
        .refused(429, "request.rate_limited")
        .await;
    world
        .post("/v1/auth/password/change", &json!({}))
        .refused(429, "request.rate_limited")
        .await;
    me().tenant("nobody")
        .refused(429, "request.rate_limited")
        .await;
    for _ in 0..3 {
        me().bearer(&ada.access).expect(200).await;
    }
    me().bearer(&ada.access)
        .refused(429, "request.rate_limited")
        .await;
    // From wherever.
    me().bearer(&ada.access)
        .peer("192.0.2.99")
        .refused(429, "request.rate_limited")
        .await;
    me().bearer(&bob.access).expect(200).await;
    // And signing in goes on.
    world.sign_in(ADA).await;
}

/// A page of another site must not use up its visitors' quotas.
#[tokio::test]
async fn requests_from_another_site_are_not_counted() {
    let world = limited(|limits| limits.sign_in = Quota::new(2, MINUTE)).await;
    for _ in 0..5 {
        world
            .post("/v1/auth/login", &credentials(ADA))
            .header("origin", "https://evil.example")
            .refused(403, "request.csrf")
            .await;
    }
    world
        .post("/v1/auth/login", &credentials(ADA))
        .refused(401, "password.invalid_credentials")
        .await;
}

/// Each class is counted for itself, and by the quota that is its own.
#[tokio::test]
async fn each_class_has_its_own_quota() {
    let world = limited(|_| {}).await;
    let email = |n: u32| json!({"email": format!("user-{n}@example.com")});
    for (path, body, quota) in [
        (
            "/v1/auth/password/forgot",
            email as fn(u32) -> Value,
            "\"mail\";q=10;w=600",
        ),
        (
            "/v1/auth/email/verify",
            |_| json!({"token": "x"}),
            "\"redeem\";q=30;w=60",
        ),
        ("/v1/auth/register", email, "\"register\";q=10;w=600"),
        ("/v1/auth/login", email, "\"sign_in\";q=30;w=60"),
        ("/v1/auth/refresh", |_| json!({}), "\"refresh\";q=120;w=60"),
    ] {
        let mut admitted = 0;
        loop {
            let answer = world.post(path, &body(admitted)).send().await;
            assert_eq!(said(answer.header("ratelimit-policy")), quota);
            if answer.status == 429 {
                break;
            }
            admitted += 1;
        }
        let (_, parameters) = quota.split_once(";q=").unwrap();
        assert_eq!(parameters.split(';').next().unwrap(), admitted.to_string());
    }
}

/// A code of the contract, not of a framework: what cannot be counted is told as what it is.
#[tokio::test]
async fn without_limits_nothing_is_said_of_them() {
    let world = World::new().await;
    for _ in 0..40 {
        let answer = world
            .post("/v1/auth/login", &credentials(ADA))
            .refused(401, "password.invalid_credentials")
            .await;
        assert_eq!(answer.header("ratelimit"), "");
        assert_eq!(answer.header("ratelimit-policy"), "");
    }
}

/// Whether there is an account makes no difference to what is answered over the limit of mails, or to what is kept.
#[tokio::test]
async fn row_2_mails_are_limited_alike_for_nobody() {
    let world = limited(|_| {}).await;
    world.register(ADA).await;
    // Events of one instant have no order.
    world.clock.advance(Duration::from_secs(1));
    let before = world.mailer.sent().len();
    let mut trails = Vec::new();
    for email in [ADA, "nobody@example.com"] {
        for n in 0..7 {
            let answer = world
                .post("/v1/auth/password/forgot", &json!({"email": email}))
                .peer(&format!("198.51.100.{n}"))
                .expect(202)
                .await;
            assert_eq!(answer.body, json!({"status": "accepted"}));
            world.clock.advance(Duration::from_millis(1));
        }
        world.api.gatekeeper().outbox().deliver_due().await.unwrap();
        let mut tx = world.repository.begin().await.unwrap();
        let filter = AuditFilter::default();
        let page = PageRequest::first(7);
        let trail = tx
            .audit()
            .list(TenantId::DEFAULT, &filter, page)
            .await
            .unwrap();
        let outcomes: Vec<_> = trail
            .items
            .iter()
            .map(|row| (row.event, row.outcome, row.reason.clone()))
            .collect();
        trails.push(outcomes);
    }
    assert_eq!(world.mailer.sent().len() - before, 5);
    assert_eq!(trails[0], trails[1]);
    let too_many = |row: &&(_, _, Option<String>)| row.2.as_deref() == Some("too_many");
    assert_eq!(trails[0].iter().filter(too_many).count(), 2);
}
