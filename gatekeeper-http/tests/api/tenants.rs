//! Tenants: named by header or host, and closed to one another.

use gatekeeper_core::{
    model::{Tenant, TenantId, TenantSettings, TenantSlug},
    store::Repository,
    testing::SeededRandom,
};
use gatekeeper_http::HttpSettings;
use serde_json::json;

use crate::world::{ADA, PASSWORD, World};

pub(crate) async fn add_tenant(world: &World, slug: &str) -> TenantId {
    let now = world.api.gatekeeper().clock().now();
    let seed = slug.bytes().map(u64::from).sum();
    let tenant = Tenant {
        id: TenantId::new(now, &SeededRandom::new(seed)),
        slug: TenantSlug::parse(slug).unwrap(),
        name: slug.to_owned(),
        suspended_at: None,
        created_at: now,
        updated_at: now,
        settings: TenantSettings::default(),
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.tenants().insert(&tenant).await.unwrap();
    tx.commit().await.unwrap();
    tenant.id
}

#[tokio::test]
async fn an_account_is_known_in_its_own_tenant_alone() {
    let world = World::new().await;
    add_tenant(&world, "acme").await;
    let tokens = world.ada().await;
    let credentials = json!({"email": ADA, "password": PASSWORD, "token_delivery": "body"});
    world
        .post("/v1/auth/login", &credentials)
        .tenant("acme")
        .refused(401, "password.invalid_credentials")
        .await;
    let get = |path: &str| world.get(path).bearer(&tokens.access);
    get("/v1/auth/me").tenant("default").expect(200).await;
    get("/v1/auth/me")
        .tenant("acme")
        .refused(401, "access.invalid_token")
        .await;
    world
        .post(
            "/v1/auth/refresh",
            &json!({"refresh_token": tokens.refresh}),
        )
        .tenant("acme")
        .refused(401, "session.invalid_refresh_token")
        .await;

    // The same address is another account there.
    world
        .post(
            "/v1/auth/register",
            &json!({"email": ADA, "password": PASSWORD}),
        )
        .tenant("acme")
        .expect(202)
        .await;
    let token = world.mailed_token(ADA).await;
    world
        .post("/v1/auth/email/verify", &json!({"token": token}))
        .refused(400, "token.invalid")
        .await;
    world
        .post("/v1/auth/email/verify", &json!({"token": token}))
        .tenant("acme")
        .expect(200)
        .await;
    let theirs = world
        .post("/v1/auth/login", &credentials)
        .tenant("acme")
        .expect(200)
        .await;
    let access = theirs.text("access_token");
    world
        .get("/v1/auth/me")
        .bearer(&access)
        .tenant("acme")
        .expect(200)
        .await;
    world
        .get("/v1/auth/me")
        .bearer(&access)
        .refused(401, "access.invalid_token")
        .await;
}

#[tokio::test]
async fn a_host_name_names_a_tenant() {
    let settings = HttpSettings::new()
        .tenant_hosts("auth.example.com")
        .unwrap();
    let world = World::with(|builder| builder, settings).await;
    add_tenant(&world, "acme").await;
    let tokens = world.ada().await;
    let get = |host: &'static str| {
        world
            .get("/v1/auth/me")
            .header("host", host)
            .bearer(&tokens.access)
    };
    get("auth.example.com").expect(200).await;
    get("acme.auth.example.com")
        .refused(401, "access.invalid_token")
        .await;
    get("nobody.auth.example.com")
        .refused(404, "tenant.not_found")
        .await;
    get("acme.auth.example.com")
        .tenant("default")
        .refused(404, "tenant.not_found")
        .await;
}
