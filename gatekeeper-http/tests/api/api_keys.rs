//! API keys and service accounts, and what a key opens: a matrix over the table of routes.

use std::time::Duration;

use gatekeeper_core::{
    Config,
    crypto::{ApiKeyFormat, password::danger::danger_weak_hashing},
    model::{ApiKey, ApiKeyId, Role, RoleName, TenantId, UserId},
    rate_limit::Quota,
    store::Repository,
    testing::SeededRandom,
};
use gatekeeper_http::{Api, Caller, HttpSettings, Route, Rule};
use http::Method;
use serde_json::{Value, json};

use crate::{
    tenants::add_tenant,
    world::{ADA, World},
};

/// The operations whose answers are shown here.
pub(crate) const OPERATIONS: &[&str] = &[
    "createApiKey",
    "createServiceAccount",
    "createUserApiKey",
    "getApiKey",
    "getUserApiKey",
    "listApiKeys",
    "listServiceAccounts",
    "listUserApiKeys",
    "revokeApiKey",
    "revokeUserApiKey",
    "rotateApiKey",
    "rotateUserApiKey",
];

const ROOT: &str = "root@example.com";
const SOME_ID: &str = "018f0000-0000-7000-8000-000000000000";

async fn user(world: &World, email: &str) -> UserId {
    let gatekeeper = world.api.gatekeeper();
    let cx = gatekeeper_core::RequestContext::internal(TenantId::DEFAULT, "test");
    let administration = gatekeeper.administration();
    let found = administration.find_user_by_email(&cx, email).await;
    found.unwrap().id
}

async fn grant(world: &World, email: &str, role: &str) {
    let gatekeeper = world.api.gatekeeper();
    let cx = gatekeeper_core::RequestContext::internal(TenantId::DEFAULT, "test");
    let id = user(world, email).await;
    let administration = gatekeeper.administration();
    administration.grant_role(&cx, id, role).await.unwrap();
}

/// Somebody who may do everything, tenants included, and their access token.
async fn root(world: &World) -> String {
    world.register(ROOT).await;
    grant(world, ROOT, "admin").await;
    grant(world, ROOT, "platform_admin").await;
    world.sign_in(ROOT).await.access
}

/// A key with these scopes, whatever its owner may do: written into the store itself.
async fn key_of(world: &World, owner: UserId, scopes: &[&str], seed: u64) -> String {
    let now = world.api.gatekeeper().clock().now();
    let random = SeededRandom::new(seed);
    let id = ApiKeyId::new(now, &random);
    let made = ApiKeyFormat::new("live").issue(TenantId::DEFAULT, id, &random);
    let key = ApiKey {
        id,
        tenant_id: TenantId::DEFAULT,
        user_id: owner,
        name: "test".to_owned(),
        prefix: made.prefix,
        hash: made.hash,
        permissions: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        networks: Vec::new(),
        created_by: None,
        created_at: now,
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
        replaced_by: None,
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.api_keys().insert(&key).await.unwrap();
    tx.commit().await.unwrap();
    made.text.expose().to_owned()
}

/// The path of a route with something in place of each variable segment.
fn path_of(route: &Route) -> String {
    let segment = |segment: &'static str| match segment.strip_prefix('{') {
        Some(_) => SOME_ID,
        None => segment,
    };
    let segments: Vec<&str> = route.path.split('/').map(segment).collect();
    segments.join("/")
}

#[tokio::test]
async fn a_key_from_its_beginning_to_its_end() {
    let world = World::new().await;
    let tokens = world.ada().await;
    let post = |path: &str, body: Value| world.post(path, &body).bearer(&tokens.access);
    let get = |path: &str| world.get(path).bearer(&tokens.access);

    let input = json!({"name": "nightly", "permissions": [], "networks": ["192.0.2.0/24"], "expires_at": null});
    let made = post("/v1/api-keys", input).expect(201).await;
    let key = made.text("key");
    assert!(key.starts_with(&made.text("prefix")), "{}", made.body);
    assert_eq!(made.body["networks"], json!(["192.0.2.0/24"]));
    for call in [
        world.get("/v1/auth/me").bearer(&key),
        world.get("/v1/auth/me").header("x-api-key", &key),
        world
            .get("/v1/auth/me")
            .bearer(&key)
            .header("x-api-key", &key),
    ] {
        assert_eq!(call.expect(200).await.body["email"], ADA);
    }
    world
        .get("/v1/auth/me")
        .bearer(&key)
        .peer("192.0.3.1")
        .refused(401, "access.invalid_token")
        .await;

    let shown = get(&format!("/v1/api-keys/{}", made.text("id")))
        .expect(200)
        .await;
    let listed = get("/v1/api-keys").expect(200).await;
    for body in [&shown.body, &listed.body["items"][0]] {
        assert_eq!(body["prefix"], made.body["prefix"]);
        assert!(body.get("key").is_none(), "it is told once");
    }
    let rotate = format!("/v1/api-keys/{}/rotate", made.text("id"));
    for (grace, code) in [
        (json!(-1), "field.type"),
        (json!(1.5), "field.type"),
        (json!("1"), "field.type"),
        (json!(604_801), "api_key.grace"),
    ] {
        let answer = post(&rotate, json!({"grace_seconds": grace}))
            .invalid()
            .await;
        assert_eq!(answer, [("/grace_seconds".to_owned(), code.to_owned())]);
    }
    let next = post(&rotate, json!({"grace_seconds": 60}))
        .expect(201)
        .await;
    assert_ne!(next.text("key"), key);
    world.get("/v1/auth/me").bearer(&key).expect(200).await;
    post(&rotate, json!({}))
        .refused(409, "api_key.settled")
        .await;
    world.clock.advance(Duration::from_mins(1));
    world
        .get("/v1/auth/me")
        .bearer(&key)
        .refused(401, "access.invalid_token")
        .await;

    let path = format!("/v1/api-keys/{}", next.text("id"));
    world.delete(&path).bearer(&tokens.access).expect(204).await;
    world
        .get("/v1/auth/me")
        .bearer(&next.text("key"))
        .refused(401, "access.invalid_token")
        .await;
    for wrong in ["none", SOME_ID] {
        get(&format!("/v1/api-keys/{wrong}"))
            .refused(404, "api_key.not_found")
            .await;
    }
    let answer = post("/v1/api-keys", json!({"name": "x"})).invalid().await;
    assert_eq!(
        answer,
        [("/permissions".to_owned(), "field.missing".to_owned())]
    );
    post(
        "/v1/api-keys",
        json!({"name": "x", "permissions": ["users:read"]}),
    )
    .refused(403, "access.insufficient_rank")
    .await;
}

#[tokio::test]
async fn a_service_account_and_its_keys() {
    let world = World::new().await;
    let token = root(&world).await;
    let post = |path: &str, body: Value| world.post(path, &body).bearer(&token);
    let get = |path: &str| world.get(path).bearer(&token);
    let accounts = "/v1/admin/service-accounts";
    let account = post(accounts, json!({"name": "Nightly"})).expect(201).await;
    let listed = get(accounts).expect(200).await;
    assert_eq!(listed.body["items"], json!([account.body]));
    let keys = format!("/v1/admin/users/{}/api-keys", account.text("id"));
    let made = post(&keys, json!({"name": "a", "permissions": []}))
        .expect(201)
        .await;
    assert_eq!(
        made.text("created_by"),
        user(&world, ROOT).await.to_string()
    );
    assert_eq!(made.body["user_id"], account.body["id"]);
    let one = format!("{keys}/{}", made.text("id"));
    get(&one).expect(200).await;
    let next = post(&format!("{one}/rotate"), json!({})).expect(201).await;
    assert_eq!(
        get(&keys).expect(200).await.body["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    world
        .get("/v1/auth/me")
        .bearer(&next.text("key"))
        .expect(200)
        .await;
    let one = format!("{keys}/{}", next.text("id"));
    world.delete(&one).bearer(&token).expect(204).await;
    world
        .get("/v1/auth/me")
        .bearer(&next.text("key"))
        .refused(401, "access.invalid_token")
        .await;
    let of_root = format!(
        "/v1/admin/users/{}/api-keys/{SOME_ID}",
        user(&world, ROOT).await
    );
    get(&of_root).refused(404, "api_key.not_found").await;
    let nobodys = format!("/v1/admin/users/{SOME_ID}/api-keys");
    get(&nobodys).refused(404, "account.not_found").await;
}

/// CVE-2026-28699: made from the table of routes, so that no route is forgotten.
#[tokio::test]
async fn row_55_the_scope_matrix_of_every_route() {
    let world = World::new().await;
    root(&world).await;
    world.register(ADA).await;
    let (root, ada) = (user(&world, ROOT).await, user(&world, ADA).await);
    let none = key_of(&world, root, &[], 1).await;
    let other = key_of(&world, root, &["other:thing"], 2).await;
    let (mut open, mut closed) = (0, 0);
    for (seed, route) in (100..).zip(Api::routes()) {
        let path = path_of(route);
        let call = |key: &str| {
            let call = world.call(route.method.clone(), &path);
            if seed % 2 == 0 {
                call.bearer(key)
            } else {
                // What is no cookie needs no proof of where it comes from.
                call.header("x-api-key", key)
                    .header("origin", "https://evil.example")
            }
        };
        match (route.caller, route.api_keys) {
            (Caller::Permission(permission), Rule::Allowed) => {
                let exact = key_of(&world, root, &[permission], seed).await;
                let answer = call(&exact).send().await;
                assert_ne!(answer.status, 401, "{route:?}: {}", answer.body);
                assert_ne!(answer.body["code"], "access.forbidden", "{route:?}");
                assert_ne!(answer.body["code"], "request.csrf", "{route:?}");
                let powerless = key_of(&world, ada, &[permission, "*"], seed + 1000).await;
                for key in [&none, &other, &powerless] {
                    call(key).refused(403, "access.forbidden").await;
                }
                open += 1;
            }
            (Caller::User | Caller::Permission(_), Rule::Refused) => {
                let all = key_of(&world, root, &["*", "tenants:*"], seed).await;
                call(&all).refused(403, "access.session_required").await;
                closed += 1;
            }
            (Caller::User, Rule::Allowed) => {
                assert_eq!(route.operation_id, "getMe");
                call(&none).expect(200).await;
            }
            (_, _) => {}
        }
    }
    assert!(open >= 6 && closed >= 15, "{open} {closed}");
}

#[tokio::test]
async fn two_credentials_that_differ_are_none() {
    let world = World::new().await;
    let tokens = world.ada().await;
    let ada = user(&world, ADA).await;
    let (key, other) = (
        key_of(&world, ada, &[], 1).await,
        key_of(&world, ada, &[], 2).await,
    );
    let me = || world.get("/v1/auth/me");
    for call in [
        me().bearer(&tokens.access).header("x-api-key", &key),
        me().bearer(&other).header("x-api-key", &key),
        me().header("x-api-key", &key).header("x-api-key", &key),
        me().header("x-api-key", &key).header("x-api-key", &other),
        me().bearer(&key).bearer(&key),
        me().bearer("").header("x-api-key", &key),
    ] {
        call.refused(400, "request.ambiguous_credentials").await;
    }
    // It takes keys alone, and an empty or unreadable one is a wrong one.
    for text in [
        tokens.access.as_bytes(),
        b"",
        b"\xff",
        b"x",
        b"gk_",
        b"GK_live",
    ] {
        me().header("x-api-key", text)
            .refused(401, "access.invalid_token")
            .await;
    }
    // Before the cookie, which is not asked where the key is wrong.
    let (cookies, _) = world.sign_in_with_cookies(ADA).await;
    me().cookies(&cookies)
        .header("x-api-key", "x")
        .refused(401, "access.invalid_token")
        .await;
    // Another scheme is somebody else's.
    me().header("authorization", "Basic YTpi")
        .header("x-api-key", &key)
        .expect(200)
        .await;
}

#[tokio::test]
async fn row_52_a_key_opens_its_own_tenant_alone() {
    let world = World::new().await;
    world.register(ADA).await;
    add_tenant(&world, "acme").await;
    let key = key_of(&world, user(&world, ADA).await, &[], 1).await;
    world.get("/v1/auth/me").bearer(&key).expect(200).await;
    for _ in 0..2 {
        world
            .get("/v1/auth/me")
            .bearer(&key)
            .tenant("acme")
            .refused(401, "access.invalid_token")
            .await;
    }
}

/// CVE-2026-108162: where a key may be used from is judged by an address that its sender cannot choose.
#[tokio::test]
async fn row_17_a_network_is_judged_by_the_address_behind_trusted_proxies() {
    let settings = HttpSettings::new().trust_proxies(["10.0.0.0/8".parse().unwrap()]);
    let world = World::with(|builder| builder, settings).await;
    let tokens = world.ada().await;
    let input = json!({"name": "x", "permissions": [], "networks": ["198.51.100.7"]});
    let made = world.post("/v1/api-keys", &input).bearer(&tokens.access);
    let key = made.expect(201).await.text("key");
    for (peer, forwarded, status) in [
        ("198.51.100.7", "", 200),
        ("198.51.100.8", "", 401),
        ("198.51.100.8", "198.51.100.7", 401),
        ("10.0.0.1", "198.51.100.7", 200),
        ("10.0.0.1", "198.51.100.7, 198.51.100.8", 401),
        ("10.0.0.1", "", 401),
    ] {
        let mut call = world.get("/v1/auth/me").bearer(&key).peer(peer);
        if !forwarded.is_empty() {
            call = call.header("x-forwarded-for", forwarded);
        }
        call.expect(status).await;
    }
}

#[tokio::test]
async fn wrong_keys_are_counted_by_the_limits_of_the_address() {
    let mut config = Config::default();
    config.hashing = danger_weak_hashing();
    config.rate_limits.read = Quota::new(5, Duration::from_mins(1));
    let world = World::with(|builder| builder.config(config), HttpSettings::new()).await;
    world.register(ADA).await;
    let key = key_of(&world, user(&world, ADA).await, &[], 1).await;
    let now = world.api.gatekeeper().clock().now();
    let wrong = |seed| {
        let random = SeededRandom::new(seed);
        let id = ApiKeyId::new(now, &random);
        let made = ApiKeyFormat::new("live").issue(TenantId::DEFAULT, id, &random);
        made.text.expose().to_owned()
    };
    for seed in 0..5 {
        world
            .get("/v1/auth/me")
            .bearer(&wrong(50 + seed))
            .refused(401, "access.invalid_token")
            .await;
    }
    world
        .get("/v1/auth/me")
        .bearer(&wrong(60))
        .refused(429, "request.rate_limited")
        .await;
    // Its owner's requests are counted as the owner's.
    world.get("/v1/auth/me").bearer(&key).expect(200).await;
}

/// ASVS 8.3.2, over the API: the same key, before and after.
#[tokio::test]
async fn asvs_8_3_2_a_key_loses_what_its_owner_loses() {
    let world = World::new().await;
    root(&world).await;
    world.register(ADA).await;
    let now = world.api.gatekeeper().clock().now();
    let name = RoleName::parse("clerk").unwrap();
    let role = Role {
        tenant_id: TenantId::DEFAULT,
        name: name.clone(),
        description: String::new(),
        system: false,
        permissions: vec!["service_accounts:read".to_owned()],
        inherits: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.roles().insert(&role).await.unwrap();
    tx.commit().await.unwrap();
    grant(&world, ADA, "clerk").await;
    let ada = user(&world, ADA).await;
    let key = key_of(&world, ada, &["service_accounts:*"], 1).await;
    let read = || world.get("/v1/admin/service-accounts").bearer(&key);
    read().expect(200).await;
    read().expect(200).await;
    let cx = gatekeeper_core::RequestContext::internal(TenantId::DEFAULT, "test");
    let administration = world.api.gatekeeper().administration();
    administration.revoke_role(&cx, ada, "clerk").await.unwrap();
    read().refused(403, "access.forbidden").await;
    administration.disable(&cx, ada).await.unwrap();
    read().refused(401, "access.invalid_token").await;
    world
        .call(Method::HEAD, "/v1/auth/me")
        .bearer(&key)
        .expect(401)
        .await;
}
