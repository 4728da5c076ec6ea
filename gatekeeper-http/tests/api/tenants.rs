//! Tenants: named by header or host, and closed to one another.

use gatekeeper_core::RequestContext;
use gatekeeper_core::{
    model::{Tenant, TenantId, TenantSettings, TenantSlug},
    store::Repository,
    testing::SeededRandom,
};
use gatekeeper_http::{Api, HttpSettings, RequestHead};
use http::Method;
use serde_json::{Value, json};

use crate::world::{ADA, Answer, PASSWORD, World};

/// What is shown here alone.
pub(crate) const OPERATIONS: &[&str] = &[
    "listTenants",
    "createTenant",
    "getTenant",
    "updateTenant",
    "deleteTenant",
    "getSettings",
    "updateSettings",
];

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

/// The access token of a new account of this tenant, which has this role.
pub(crate) async fn somebody(
    world: &World,
    tenant: (&str, TenantId),
    email: &str,
    role: Option<&str>,
) -> String {
    let call = |path: &str, body: &Value| world.post(path, body).tenant(tenant.0);
    call(
        "/v1/auth/register",
        &json!({"email": email, "password": PASSWORD}),
    )
    .expect(202)
    .await;
    let token = world.mailed_token(email).await;
    call("/v1/auth/email/verify", &json!({"token": token}))
        .expect(200)
        .await;
    let gatekeeper = world.api.gatekeeper();
    let administration = gatekeeper.administration();
    let cx = RequestContext::internal(tenant.1, "test");
    let user = administration
        .find_user_by_email(&cx, email)
        .await
        .unwrap()
        .id;
    if let Some(role) = role {
        administration.grant_role(&cx, user, role).await.unwrap();
    }
    // What tokens of this second say of roles is out of date.
    world.clock.advance(std::time::Duration::from_secs(1));
    let credentials = json!({"email": email, "password": PASSWORD, "token_delivery": "body"});
    let answer = call("/v1/auth/login", &credentials).expect(200).await;
    answer.text("access_token")
}

const DEFAULT: (&str, TenantId) = ("default", TenantId::DEFAULT);

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
#[tokio::test]
async fn a_tenant_from_its_beginning_to_its_end() {
    let world = World::new().await;
    let root = somebody(&world, DEFAULT, "root@example.com", Some("platform_admin")).await;
    let call = |method: Method, path: &str| world.call(method, path).bearer(&root);
    let made = call(Method::POST, "/v1/admin/tenants")
        .json(&json!({
            "slug": "acme",
            "name": "Acme",
            "settings": {"branding": {"color": "#0b7285"}, "mfa": null},
            "admin_email": "first@acme.example",
        }))
        .expect(201)
        .await;
    assert_eq!(made.body["slug"], "acme");
    assert_eq!(made.body["suspended_at"], Value::Null);
    assert_eq!(made.body["settings"]["branding"]["color"], "#0b7285");
    let id: TenantId = made.text("id").parse().unwrap();
    call(Method::POST, "/v1/admin/tenants")
        .json(&json!({"slug": "acme", "name": "Other"}))
        .refused(409, "tenant.slug_taken")
        .await;
    let wrong = json!({
        "slug": "A",
        "name": "",
        "admin_email": "nobody",
        "settings": {"password_min_length": 3, "branding": {"color": "red"}},
    });
    let errors = call(Method::POST, "/v1/admin/tenants")
        .json(&wrong)
        .invalid()
        .await;
    let pointers: Vec<&str> = errors.iter().map(|(pointer, _)| &**pointer).collect();
    assert_eq!(
        pointers,
        [
            "/slug",
            "/name",
            "/settings/password_min_length",
            "/settings/branding/color",
            "/admin_email"
        ]
    );
    let list = call(Method::GET, "/v1/admin/tenants?limit=1")
        .expect(200)
        .await;
    assert_eq!(list.text_at("/items/0/slug"), "acme");
    let next = format!("/v1/admin/tenants?cursor={}", list.text("next_cursor"));
    let list = call(Method::GET, &next).expect(200).await;
    assert_eq!(list.text_at("/items/0/slug"), "default");
    assert_eq!(list.body["next_cursor"], Value::Null);

    let acme = "/v1/admin/tenants/acme";
    let shown = call(Method::GET, acme).expect(200).await;
    assert_eq!(shown.body, made.body);
    let changed = call(Method::PATCH, acme)
        .json(&json!({"name": "Acme, Inc.", "settings": {"open_registration": true}}))
        .expect(200)
        .await;
    assert_eq!(changed.body["name"], "Acme, Inc.");
    assert_eq!(changed.body["settings"]["branding"]["color"], "#0b7285");
    for nobody in ["nobody", "ACME", "018f0000-0000-7000-8000-000000000000"] {
        let path = format!("/v1/admin/tenants/{nobody}");
        call(Method::GET, &path)
            .refused(404, "tenant.not_found")
            .await;
    }

    // Suspended, every route of it is as if there were no tenant.
    let access = somebody(&world, ("acme", id), ADA, None).await;
    let me = || world.get("/v1/auth/me").bearer(&access).tenant("acme");
    me().expect(200).await;
    let suspended = call(Method::PATCH, acme)
        .json(&json!({"suspended": true}))
        .expect(200)
        .await;
    assert!(suspended.body["suspended_at"].is_string());
    me().refused(404, "tenant.not_found").await;
    for route in Api::routes().filter(|route| route.path.starts_with("/v1/")) {
        world
            .call(route.method.clone(), &crate::walk::path_of(route, "x"))
            .bearer(&access)
            .tenant("acme")
            .refused(404, "tenant.not_found")
            .await;
    }
    call(Method::PATCH, "/v1/admin/tenants/default")
        .json(&json!({"suspended": true}))
        .refused(409, "tenant.default")
        .await;
    call(Method::PATCH, acme)
        .json(&json!({"suspended": false}))
        .expect(200)
        .await;
    world.clock.advance(std::time::Duration::from_secs(1));
    let credentials = json!({"email": ADA, "password": PASSWORD});
    let again = || world.post("/v1/auth/login", &credentials).tenant("acme");
    again().expect(200).await;

    let delete = |body: Value| call(Method::DELETE, acme).json(&body);
    assert_eq!(
        delete(json!({"slug": "acm"})).invalid().await,
        [("/slug".to_owned(), "field.value".to_owned())]
    );
    again().expect(200).await;
    delete(json!({"slug": "acme"})).expect(204).await;
    again().refused(404, "tenant.not_found").await;
    call(Method::GET, acme)
        .refused(404, "tenant.not_found")
        .await;
    call(Method::DELETE, "/v1/admin/tenants/default")
        .json(&json!({"slug": "default"}))
        .refused(409, "tenant.default")
        .await;
    settings_of_ones_own(&world, &root).await;

    let seen = world.seen.lock().unwrap();
    for route in Api::routes().filter(|route| OPERATIONS.contains(&route.operation_id)) {
        for answer in route.answers {
            let given = seen.contains(&(route.operation_id, answer.status));
            assert!(given, "{route:?} never answered {}", answer.status);
        }
    }
}

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
async fn settings_of_ones_own(world: &World, admin: &str) {
    let path = "/v1/admin/settings";
    let send = |body: Value| world.call(Method::PATCH, path).bearer(admin).json(&body);
    let before = world.get(path).bearer(admin).expect(200).await;
    let wanted = json!({
        "branding": {"name": "Acme"},
        "email_domains": ["example.com"],
        "mfa": "optional",
        "open_registration": false,
        "password_min_length": 20,
        "session_limit": {"max": 9},
        "sign_in_methods": ["password", "magic_link"],
    });
    let changed = send(wanted).expect(200).await;
    let expected = json!({
        "branding": {"name": "Acme", "logo_url": null, "color": null},
        "email_domains": ["example.com"],
        "mfa": "optional",
        "open_registration": false,
        "password_min_length": 20,
        "session_limit": {"max": 9, "when_full": "end_oldest"},
        "sign_in_methods": ["magic_link", "password"],
    });
    assert_eq!(changed.body, expected);
    // A merge: what is not named stays.
    assert_eq!(send(json!({})).expect(200).await.body, expected);
    assert_eq!(
        world.get(path).bearer(admin).expect(200).await.body,
        expected
    );
    for (wrong, pointer, code) in [
        (json!({"mfa": "never"}), "/mfa", "field.value"),
        (json!({"mfa": 1}), "/mfa", "field.value"),
        (
            json!({"open_registration": "no"}),
            "/open_registration",
            "field.type",
        ),
        (
            json!({"password_min_length": 14}),
            "/password_min_length",
            "field.value",
        ),
        (
            json!({"password_min_length": -1}),
            "/password_min_length",
            "field.type",
        ),
        (
            json!({"password_min_length": 20.5}),
            "/password_min_length",
            "field.type",
        ),
        (
            json!({"session_limit": {}}),
            "/session_limit/max",
            "field.missing",
        ),
        (
            json!({"session_limit": {"max": 0}}),
            "/session_limit/max",
            "field.value",
        ),
        (
            json!({"session_limit": {"max": 1, "x": 1}}),
            "/session_limit/x",
            "field.unknown",
        ),
        (json!({"session_limit": 5}), "/session_limit", "field.type"),
        (
            json!({"sign_in_methods": []}),
            "/sign_in_methods",
            "field.value",
        ),
        (
            json!({"sign_in_methods": ["carrier_pigeon"]}),
            "/sign_in_methods",
            "field.value",
        ),
        (
            json!({"sign_in_methods": ["federated"]}),
            "/sign_in_methods",
            "field.value",
        ),
        (
            json!({"email_domains": ["a@b.example"]}),
            "/email_domains",
            "field.value",
        ),
        (
            json!({"email_domains": [7]}),
            "/email_domains",
            "field.type",
        ),
        (
            json!({"branding": {"logo_url": "javascript:x"}}),
            "/branding/logo_url",
            "field.value",
        ),
        (
            json!({"branding": {"css": "x"}}),
            "/branding/css",
            "field.unknown",
        ),
        (json!({"tenant_id": "x"}), "/tenant_id", "field.unknown"),
    ] {
        assert_eq!(
            send(wrong.clone()).invalid().await,
            [(pointer.to_owned(), code.to_owned())],
            "{wrong}"
        );
    }
    assert_eq!(
        world.get(path).bearer(admin).expect(200).await.body,
        expected
    );
    let closed = json!({"email": "new@example.com", "password": PASSWORD});
    let register = |body: &Value| world.post("/v1/auth/register", body);
    register(&closed)
        .refused(403, "account.registration_closed")
        .await;
    send(json!({"open_registration": null})).expect(200).await;
    let foreign = json!({"email": "new@other.example", "password": "a longer walk by the sea"});
    register(&foreign)
        .refused(403, "account.domain_not_allowed")
        .await;
    let null = json!({
        "branding": null, "email_domains": null, "mfa": null, "password_min_length": null,
        "session_limit": null, "sign_in_methods": null,
    });
    assert_eq!(send(null).expect(200).await.body, before.body);
}

/// SECURITY.md rows 51 and 52.
#[tokio::test]
async fn row_52_nobody_but_the_platform_reaches_tenants() {
    let world = World::new().await;
    let acme = ("acme", add_tenant(&world, "acme").await);
    let admin = somebody(&world, DEFAULT, "admin@example.com", Some("admin")).await;
    let user = somebody(&world, DEFAULT, "user@example.com", None).await;
    let theirs = somebody(&world, acme, "admin@example.com", Some("admin")).await;
    let their_user = somebody(&world, acme, "user@example.com", None).await;
    for (token, tenant, settings) in [
        (&admin, "default", 200),
        (&user, "default", 403),
        (&theirs, "acme", 200),
        (&their_user, "acme", 403),
    ] {
        for route in Api::routes().filter(|route| route.path.starts_with("/v1/admin/tenants")) {
            for slug in ["acme", "nobody", "default"] {
                world
                    .call(route.method.clone(), &crate::walk::path_of(route, slug))
                    .bearer(token)
                    .tenant(tenant)
                    .json(&json!({"slug": slug, "name": "x", "suspended": true}))
                    .refused(403, "access.forbidden")
                    .await;
            }
        }
        let answer = world
            .get("/v1/admin/settings")
            .bearer(token)
            .tenant(tenant)
            .send()
            .await;
        assert_eq!(answer.status.as_u16(), settings);
    }
    let mut tx = world.repository.begin().await.unwrap();
    assert!(tx.tenants().find(acme.1).await.unwrap().unwrap().is_open());
}

fn settings() -> HttpSettings {
    HttpSettings::new()
        .tenant_paths(true)
        .tenant_hosts("auth.example.com")
        .unwrap()
}

/// A browser: it sends what was set for a path, and replaces what has the same name and path.
#[derive(Default)]
struct Jar(Vec<(String, String, String)>);

impl Jar {
    fn keep(&mut self, answer: &Answer) {
        for line in answer.set_cookies() {
            let (pair, attributes) = line.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let path = attributes
                .split("; ")
                .find_map(|one| one.strip_prefix("Path="))
                .unwrap();
            self.0.retain(|(n, p, _)| (&**n, &**p) != (name, path));
            if !attributes.contains("Max-Age=0") {
                self.0.push((name.into(), path.into(), value.into()));
            }
        }
    }

    fn for_path(&self, path: &str) -> String {
        // RFC 6265 section 5.1.4.
        let fits = |own: &str| {
            path == own
                || (path.starts_with(own)
                    && (own.ends_with('/') || path[own.len()..].starts_with('/')))
        };
        let sent: Vec<String> = self
            .0
            .iter()
            .filter(|(_, own, _)| fits(own))
            .map(|(name, _, value)| format!("{name}={value}"))
            .collect();
        sent.join("; ")
    }
}

#[tokio::test]
async fn a_path_names_a_tenant_and_its_cookies_are_its_own() {
    let world = World::with(|builder| builder, settings()).await;
    let acme = ("acme", add_tenant(&world, "acme").await);
    let other = ("other", add_tenant(&world, "other").await);
    for tenant in [acme, other, DEFAULT] {
        somebody(&world, tenant, ADA, None).await;
    }
    let mut jar = Jar::default();
    let credentials = json!({"email": ADA, "password": PASSWORD, "token_delivery": "cookie"});
    let mounts = ["/t/acme", "/t/other", ""];
    for mount in mounts {
        let path = format!("{mount}/v1/auth/login");
        let call = world
            .post(&path, &credentials)
            .cookies(&jar.for_path(&path));
        jar.keep(&call.same_site().expect(200).await);
    }
    let mut users = std::collections::BTreeSet::new();
    for mount in mounts {
        let path = format!("{mount}/v1/auth/me");
        let me = world.get(&path).cookies(&jar.for_path(&path));
        users.insert(me.expect(200).await.text("id"));
    }
    assert_eq!(users.len(), 3, "three tenants, three people");

    // Each refreshes by its own cookie, and the double-submit token of one is none of another.
    for mount in mounts {
        let path = format!("{mount}/v1/auth/refresh");
        let sent = jar.for_path(&path);
        assert_eq!(
            sent.matches("__Secure-gatekeeper_refresh=").count(),
            1,
            "{sent}"
        );
        let call = world.call(Method::POST, &path).cookies(&sent);
        jar.keep(&call.same_site().expect(200).await);
    }
    let csrf = |name: &str| {
        let found = jar.0.iter().find(|(own, _, _)| own == name);
        found.unwrap().2.clone()
    };
    let path = "/t/acme/v1/auth/me";
    let send = |token: &str| {
        world
            .call(Method::PATCH, path)
            .cookies(&jar.for_path(path))
            .header("x-csrf-token", token)
            .json(&json!({"name": "Ada"}))
    };
    send(&csrf("__Host-gatekeeper_csrf_other"))
        .refused(403, "request.csrf")
        .await;
    send(&csrf("__Host-gatekeeper_csrf_acme")).expect(200).await;

    // One signs out; the others stay.
    let path = "/t/acme/v1/auth/logout";
    let call = world.call(Method::POST, path).cookies(&jar.for_path(path));
    let out = call.same_site().expect(204).await;
    jar.keep(&out);
    for (mount, status) in [("/t/acme", 401), ("/t/other", 200), ("", 200)] {
        let path = format!("{mount}/v1/auth/me");
        let me = world.get(&path).cookies(&jar.for_path(&path));
        me.expect(status).await;
    }
}

#[tokio::test]
async fn path_host_and_header_have_to_agree() {
    let world = World::with(|builder| builder, settings()).await;
    let acme = ("acme", add_tenant(&world, "acme").await);
    add_tenant(&world, "other").await;
    let token = somebody(&world, acme, ADA, None).await;
    let at = |path: &str| world.get(path).bearer(&token);
    let me = "/t/acme/v1/auth/me";
    at(me).expect(200).await;
    at(me).tenant("acme").expect(200).await;
    at(me)
        .header("host", "acme.auth.example.com")
        .expect(200)
        .await;
    for (path, header, host) in [
        (me, Some("other"), None),
        (me, Some("default"), None),
        (me, None, Some("other.auth.example.com")),
        (me, Some("acme"), Some("other.auth.example.com")),
        ("/t/other/v1/auth/me", Some("acme"), None),
        ("/t/other/v1/auth/me", None, Some("acme.auth.example.com")),
        ("/t/default/v1/auth/me", Some("acme"), None),
        ("/t/nobody/v1/auth/me", None, None),
        ("/t/ACME/v1/auth/me", None, None),
        ("/t//v1/auth/me", None, None),
        ("/t/acm%65/v1/auth/me", None, None),
    ] {
        let mut call = at(path);
        if let Some(slug) = header {
            call = call.tenant(slug);
        }
        if let Some(host) = host {
            call = call.header("host", host);
        }
        call.refused(404, "tenant.not_found").await;
    }
    at("/t/other/v1/auth/me")
        .refused(401, "access.invalid_token")
        .await;
    at("/v1/auth/me").refused(401, "access.invalid_token").await;
    // Of the service itself there is one.
    for path in [
        "/t/acme/openapi.json",
        "/t/acme/health/live",
        "/t/acme",
        "/t/acme/",
        "/t/",
    ] {
        at(path).refused(404, "route.not_found").await;
    }
    at("/t/acme/v1/auth/login")
        .refused(405, "route.method_not_allowed")
        .await;
    let document = world.get("/openapi.json").expect(200).await;
    assert!(document.text_at("/servers/1/url").ends_with("/t/{tenant}"));

    // Where the setting is off, there is no such path.
    let world = World::new().await;
    add_tenant(&world, "acme").await;
    world.get(me).refused(404, "route.not_found").await;
}

/// The application's own routes below a tenant's path are that tenant's.
#[tokio::test]
async fn a_route_of_ones_own_is_of_the_tenant_in_its_path() {
    let world = World::with(|builder| builder, settings()).await;
    let acme = ("acme", add_tenant(&world, "acme").await);
    let token = somebody(&world, acme, ADA, None).await;
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    for (path, expected) in [
        ("/t/acme/reports", Ok(true)),
        ("/t/acme", Ok(true)),
        ("/reports", Err("access.invalid_token")),
        ("/t/default/reports", Err("access.invalid_token")),
        ("/t/nobody/reports", Err("tenant.not_found")),
    ] {
        let head = RequestHead {
            method: "GET",
            path,
            authority: None,
            headers: &headers,
            peer: None,
        };
        let judged = world.api.authenticate(&head).await;
        let judged = judged.map(|who| who.is_some());
        assert_eq!(
            judged.map_err(|problem| problem.code().to_owned()),
            expected.map_err(str::to_owned),
            "{path}"
        );
    }
}
