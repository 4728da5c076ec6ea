//! Administration of users, over HTTP.

use std::{collections::BTreeSet, time::Duration};

use gatekeeper_core::{
    NewUser, RequestContext,
    model::{AuditEvent, PageRequest, Role, RoleName, TenantId, UserId},
    store::{AuditFilter, Repository},
};
use gatekeeper_http::{Api, Caller, CsrfRule, Route};
use http::Method;
use serde_json::{Value, json};

use crate::{
    tenants::add_tenant,
    walk::path_of,
    world::{ADA, PASSWORD, Tokens, World},
};

/// What this file shows the answers of.
pub(crate) const OPERATIONS: &[&str] = &[
    "listUsers",
    "createUser",
    "getUser",
    "updateUser",
    "deleteUser",
    "disableUser",
    "enableUser",
    "signOutUser",
    "resetUserPassword",
    "listUserSessions",
    "endUserSession",
    "getStatistics",
];

pub(crate) const ROOT: &str = "root@example.com";
pub(crate) const HELP: &str = "help@example.com";

/// Somebody of the default tenant with these permissions and no others, signed in.
pub(crate) async fn staff(world: &World, email: &str, permissions: &[&str]) -> Tokens {
    staff_of(world, TenantId::DEFAULT, email, permissions).await;
    world.sign_in(email).await
}

/// Makes somebody with these permissions and no others.
pub(crate) async fn staff_of(
    world: &World,
    tenant: TenantId,
    email: &str,
    permissions: &[&str],
) -> UserId {
    let gk = world.api.gatekeeper();
    let cx = RequestContext::internal(tenant, "test");
    let input = NewUser {
        email: email.to_owned(),
        name: None,
        roles: Vec::new(),
        password: Some(PASSWORD.into()),
    };
    let made = gk.administration().create_user(&cx, input).await.unwrap();
    let now = gk.clock().now();
    let name = RoleName::parse(email.split('@').next().unwrap()).unwrap();
    let mut permissions: Vec<String> = permissions.iter().map(|&text| text.to_owned()).collect();
    permissions.sort();
    let role = Role {
        tenant_id: tenant,
        name: name.clone(),
        description: String::new(),
        system: false,
        permissions,
        inherits: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    let mut tx = world.repository.begin().await.unwrap();
    tx.roles().insert(&role).await.unwrap();
    let own = [name.clone()];
    tx.roles().set_closure(tenant, &name, &own).await.unwrap();
    let user = made.user.id;
    assert!(tx.roles().grant(tenant, user, &name, now).await.unwrap());
    tx.commit().await.unwrap();
    user
}

/// The audit trail of a tenant, newest first.
pub(crate) async fn trail(world: &World, tenant: TenantId) -> Vec<AuditEvent> {
    let mut tx = world.repository.begin().await.unwrap();
    let all = AuditFilter::default();
    let page = PageRequest::first(100);
    tx.audit().list(tenant, &all, page).await.unwrap().items
}

pub(crate) async fn id_of(world: &World, email: &str) -> String {
    let cx = RequestContext::internal(TenantId::DEFAULT, "test");
    let administration = world.api.gatekeeper().administration();
    let user = administration.find_user_by_email(&cx, email).await.unwrap();
    user.id.to_string()
}

/// The routes that change something of one user, with a body that they take.
fn changes() -> Vec<(&'static Route, Value)> {
    Api::routes()
        .filter(|route| route.path.starts_with("/v1/admin/users/{id}"))
        .filter(|route| {
            OPERATIONS.contains(&route.operation_id) || route.operation_id == "unlockUser"
        })
        .filter(|route| route.csrf != CsrfRule::Safe)
        .map(|route| match route.operation_id {
            "updateUser" => (
                route,
                json!({"name": "Eve", "email": "eve@example.com", "email_verified": true}),
            ),
            _ => (route, json!({})),
        })
        .collect()
}

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
#[tokio::test]
async fn an_administrator_manages_users() {
    let world = World::new().await;
    let root = staff(&world, ROOT, &["*"]).await;
    let get = |path: &str| world.get(path).bearer(&root.access);
    let post = |path: &str, body: Value| world.post(path, &body).bearer(&root.access);

    let wanted = json!({"email": ADA, "name": "Ada", "roles": ["admin"]});
    let made = post("/v1/admin/users", wanted.clone()).expect(201).await;
    assert_eq!(made.body["email_verified"], true);
    assert_eq!(made.body["roles"], json!(["admin", "user"]));
    assert_eq!(made.body["kind"], "person");
    assert!(!made.body.to_string().contains("token"), "{}", made.body);
    post("/v1/admin/users", wanted)
        .refused(409, "account.email_taken")
        .await;
    // The link goes to her alone.
    let token = world.mailed_token(ADA).await;
    let set = json!({"token": token, "new_password": PASSWORD});
    world
        .post("/v1/auth/password/reset", &set)
        .expect(204)
        .await;
    let ada = world.sign_in(ADA).await;
    let user = format!("/v1/admin/users/{}", made.text("id"));
    let at = |end: &str| format!("{user}{end}");

    let shown = get(&user).expect(200).await;
    assert_eq!(shown.body["email"], ADA);
    let changed = world
        .call(Method::PATCH, &user)
        .bearer(&root.access)
        .json(&json!({"name": null, "locale": "de", "metadata": {"seat": 4}}))
        .expect(200)
        .await;
    assert_eq!(changed.body["name"], Value::Null);
    assert_eq!(changed.body["metadata"], json!({"seat": 4}));
    let alone = world.call(Method::PATCH, &user).bearer(&root.access);
    let alone = alone.json(&json!({"email_verified": true})).invalid().await;
    assert_eq!(
        alone,
        [("/email_verified".to_owned(), "field.value".to_owned())]
    );

    let second = world.sign_in(ADA).await;
    let sessions = get(&at("/sessions")).expect(200).await;
    assert_eq!(sessions.body["items"].as_array().unwrap().len(), 2);
    assert!(
        sessions.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["current"] == false)
    );
    let ending = at(&format!("/sessions/{}", second.session));
    let end = |path: &str| world.delete(path).bearer(&root.access);
    end(&ending).expect(204).await;
    end(&ending).refused(404, "session.not_found").await;
    end(&at("/sessions/none"))
        .refused(404, "session.not_found")
        .await;
    let own = at(&format!("/sessions/{}", root.session));
    end(&own).refused(404, "session.not_found").await;
    let me = |tokens: &Tokens| world.get("/v1/auth/me").bearer(&tokens.access);
    me(&second).refused(401, "access.invalid_token").await;
    me(&ada).expect(200).await;

    post(&at("/logout"), json!({})).expect(204).await;
    me(&ada).refused(401, "access.invalid_token").await;
    world.clock.advance(Duration::from_secs(1));
    let ada = world.sign_in(ADA).await;
    // Root may do everything, but Ada is the one administrator.
    for (method, path) in [
        (Method::POST, at("/disable")),
        (Method::DELETE, user.clone()),
    ] {
        let last = world.call(method, &path).bearer(&root.access);
        last.refused(409, "role.last_administrator").await;
    }
    me(&ada).expect(200).await;
    let cx = RequestContext::internal(TenantId::DEFAULT, "test");
    let root_id = id_of(&world, ROOT).await.parse().unwrap();
    let administration = world.api.gatekeeper().administration();
    administration
        .grant_role(&cx, root_id, "admin")
        .await
        .unwrap();
    post(&at("/disable"), json!({})).expect(204).await;
    me(&ada).refused(401, "access.invalid_token").await;
    let credentials = json!({"email": ADA, "password": PASSWORD});
    let sign_in = || world.post("/v1/auth/login", &credentials);
    sign_in().refused(401, "password.invalid_credentials").await;
    let disabled = get("/v1/admin/users?status=disabled").expect(200).await;
    assert_eq!(disabled.body["items"].as_array().unwrap().len(), 1);
    post(&at("/enable"), json!({})).expect(204).await;
    post(&at("/unlock"), json!({})).expect(204).await;
    world.clock.advance(Duration::from_secs(1));
    sign_in().expect(200).await;
    post(&at("/password-reset"), json!({})).expect(204).await;
    sign_in().refused(403, "password.change_required").await;
    let token = world.mailed_token(ADA).await;
    let set = json!({"token": token, "new_password": "another long walk inland"});
    world
        .post("/v1/auth/password/reset", &set)
        .expect(204)
        .await;

    let figures = get("/v1/admin/statistics").expect(200).await;
    assert_eq!(
        figures.body["users"],
        json!({"count": 2, "at_least": false})
    );
    assert_eq!(figures.body["disabled"]["count"], 0);
    world.delete(&user).bearer(&root.access).expect(204).await;
    get(&user).refused(404, "account.not_found").await;
    get("/v1/admin/users/none")
        .refused(404, "account.not_found")
        .await;

    // Everything that was done to her stands in the trail under who did it.
    let root_id = id_of(&world, ROOT).await;
    for event in [
        "account.created",
        "account.updated",
        "account.disabled",
        "account.enabled",
        "password.reset_requested",
        "account.deleted",
    ] {
        let rows = trail(&world, TenantId::DEFAULT).await;
        let row = rows
            .iter()
            .find(|row| row.event.code() == event && row.actor.is_some());
        let row = row.unwrap_or_else(|| panic!("{event}"));
        assert_eq!(row.actor.unwrap().to_string(), root_id, "{event}");
        assert_eq!(row.target.unwrap().to_string(), made.text("id"), "{event}");
    }

    let list = get("/v1/admin/users").expect(200).await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 1);
    let seen = world.seen.lock().unwrap();
    for route in Api::routes().filter(|route| OPERATIONS.contains(&route.operation_id)) {
        for answer in route.answers {
            assert!(
                seen.contains(&(route.operation_id, answer.status)),
                "{route:?}"
            );
        }
    }
}

/// CVE-2026-55077, CVE-2026-94000.
#[tokio::test]
async fn row_53_a_delegated_administrator_stays_below_their_own() {
    let world = World::new().await;
    let help = staff(&world, HELP, &["users:*", "roles:assign"]).await;
    let root = staff(&world, ROOT, &["*"]).await;
    let root_id = id_of(&world, ROOT).await;
    let outbox = world.api.gatekeeper().outbox();
    outbox.deliver_due().await.unwrap();
    world.mailer.take();
    let mut walked = 0;
    for (route, body) in changes() {
        let path = path_of(route, &root_id).replace(
            &format!("sessions/{root_id}"),
            &format!("sessions/{}", root.session),
        );
        world
            .call(route.method.clone(), &path)
            .bearer(&help.access)
            .json(&body)
            .refused(403, "access.insufficient_rank")
            .await;
        walked += 1;
    }
    assert!(walked >= 8, "{walked}");
    world
        .get("/v1/auth/me")
        .bearer(&root.access)
        .expect(200)
        .await;
    outbox.deliver_due().await.unwrap();
    assert!(world.mailer.sent().is_empty());
    world.sign_in(ROOT).await;
    world
        .post(
            "/v1/admin/users",
            &json!({"email": ADA, "roles": ["admin"]}),
        )
        .bearer(&help.access)
        .refused(403, "access.insufficient_rank")
        .await;
    assert_eq!(world.users().await, 2);
}

/// CVE-2025-64431, CVE-2026-95814: each route with another tenant's user, by somebody who may do everything in theirs.
#[tokio::test]
async fn row_52_users_of_another_tenant_are_none() {
    let world = World::new().await;
    let acme = add_tenant(&world, "acme").await;
    let ada = world.ada().await;
    let ada_id = id_of(&world, ADA).await;
    staff_of(&world, acme, ROOT, &["*"]).await;
    let credentials = json!({"email": ROOT, "password": PASSWORD, "token_delivery": "body"});
    let root = world.post("/v1/auth/login", &credentials).tenant("acme");
    let root = root.expect(200).await.text("access_token");
    let events = trail(&world, TenantId::DEFAULT).await.len();
    let mut walked = 0;
    for route in Api::routes().filter(|route| OPERATIONS.contains(&route.operation_id)) {
        if !route.path.contains("{id}") {
            continue;
        }
        let path = path_of(route, &ada_id);
        let body = match route.operation_id {
            "updateUser" => json!({"name": "Eve"}),
            _ => json!({}),
        };
        let call = || {
            let call = world.call(route.method.clone(), &path).bearer(&root);
            if route.csrf == CsrfRule::Safe {
                call
            } else {
                call.json(&body)
            }
        };
        call()
            .tenant("acme")
            .refused(404, "account.not_found")
            .await;
        call().refused(401, "access.invalid_token").await;
        walked += 1;
    }
    assert!(walked >= 9, "{walked}");
    assert_eq!(trail(&world, TenantId::DEFAULT).await.len(), events);
    let me = world
        .get("/v1/auth/me")
        .bearer(&ada.access)
        .expect(200)
        .await;
    assert_eq!(me.body["name"], Value::Null);
    for list in [
        "/v1/admin/users",
        "/v1/admin/users?query=root",
        "/v1/admin/users?query=ada",
    ] {
        let found = world
            .get(list)
            .bearer(&root)
            .tenant("acme")
            .expect(200)
            .await;
        let items = found.body["items"].as_array().unwrap();
        assert!(items.iter().all(|one| one["email"] == ROOT), "{list}");
        assert_eq!(items.is_empty(), list.ends_with("ada"));
    }
    let figures = world
        .get("/v1/admin/statistics")
        .bearer(&root)
        .tenant("acme");
    assert_eq!(figures.expect(200).await.body["users"]["count"], 1);
}

/// Nobody comes by without the permission that the table names, or with another.
#[tokio::test]
async fn every_route_asks_for_its_permission() {
    let world = World::new().await;
    let all = [
        "users:read",
        "users:write",
        "users:delete",
        "users:impersonate",
        "statistics:read",
    ];
    let ada = world.ada().await;
    let ada_id = id_of(&world, ADA).await;
    for route in Api::routes() {
        let ours = OPERATIONS.contains(&route.operation_id)
            || crate::impersonation::OPERATIONS.contains(&route.operation_id);
        let (true, Caller::Permission(permission)) = (ours, route.caller) else {
            continue;
        };
        assert!(all.contains(&permission), "{route:?}");
        let others: Vec<&str> = all
            .iter()
            .copied()
            .filter(|one| *one != permission)
            .collect();
        let email = format!("{}@example.com", route.operation_id.to_lowercase());
        let someone = staff(&world, &email, &others).await;
        world
            .call(route.method.clone(), &path_of(route, &ada_id))
            .bearer(&someone.access)
            .refused(403, "access.forbidden")
            .await;
    }
    world
        .get("/v1/auth/me")
        .bearer(&ada.access)
        .expect(200)
        .await;
}

/// CVE-2025-61928: what an account is to be is said by the fields that there are, and by no others.
#[tokio::test]
async fn row_51_no_field_says_more_than_it_may() {
    let world = World::new().await;
    let root = staff(&world, ROOT, &["*"]).await;
    world.register(ADA).await;
    let path = format!("/v1/admin/users/{}", id_of(&world, ADA).await);
    let odd = [
        ("tenant_id", json!(TenantId::DEFAULT.to_string())),
        ("id", json!("x")),
        ("kind", json!("service_account")),
        ("password", json!(PASSWORD)),
        ("is_active", json!(false)),
        ("mfa_enabled", json!(true)),
        ("permissions", json!(["*"])),
    ];
    for (field, value) in odd {
        let mut body = json!({"email": "eve@example.com"});
        body[field] = value.clone();
        let create = world.post("/v1/admin/users", &body).bearer(&root.access);
        let expected = [(format!("/{field}"), "field.unknown".to_owned())];
        assert_eq!(create.invalid().await, expected);
        let update = world.call(Method::PATCH, &path).bearer(&root.access);
        assert_eq!(
            update.json(&json!({field: value})).invalid().await,
            expected
        );
    }
    let roles = world.call(Method::PATCH, &path).bearer(&root.access);
    let roles = roles.json(&json!({"roles": ["admin"]})).invalid().await;
    assert_eq!(roles, [("/roles".to_owned(), "field.unknown".to_owned())]);
    for roles in [
        json!("admin"),
        json!([1]),
        json!(null),
        json!(["a\u{0}"]),
        json!({}),
    ] {
        let body = json!({"email": "eve@example.com", "roles": roles});
        let create = world.post("/v1/admin/users", &body).bearer(&root.access);
        assert_eq!(
            create.invalid().await,
            [("/roles".to_owned(), "field.type".to_owned())]
        );
    }
    assert_eq!(world.users().await, 2);
}

/// CVE-2026-33503: a cursor belongs to its list, its filters and its reader.
#[tokio::test]
async fn row_60_a_cursor_is_good_for_one_search_of_one_reader() {
    let world = World::new().await;
    let root = staff(&world, ROOT, &["*"]).await;
    let help = staff(&world, HELP, &["users:read"]).await;
    for at in 0..5 {
        let body = json!({"email": format!("user{at}@example.com"), "roles": ["help"]});
        world
            .post("/v1/admin/users", &body)
            .bearer(&root.access)
            .expect(201)
            .await;
        world.clock.advance(Duration::from_secs(1));
    }
    let get = |query: &str| {
        world
            .get(&format!("/v1/admin/users?{query}"))
            .bearer(&root.access)
    };
    let wrong = [("/cursor".to_owned(), "query.cursor".to_owned())];
    let mut cursors = Vec::new();
    for list in [
        "",
        "query=user",
        "query=USE",
        "status=active",
        "role=help",
        "role=help&query=user",
        "query=user&status=active",
    ] {
        let page = get(&format!("{list}&limit=1")).expect(200).await;
        let Some(cursor) = page.body["next_cursor"].as_str() else {
            continue;
        };
        cursors.push((list, cursor.to_owned()));
    }
    assert_eq!(cursors.len(), 7, "{cursors:?}");
    for (list, cursor) in &cursors {
        get(&format!("{list}&cursor={cursor}")).expect(200).await;
        for (other, _) in &cursors {
            if other != list {
                let query = format!("{other}&cursor={cursor}");
                assert_eq!(get(&query).invalid().await, wrong, "{query}");
            }
        }
        let theirs = world.get(&format!("/v1/admin/users?{list}&cursor={cursor}"));
        assert_eq!(theirs.bearer(&help.access).invalid().await, wrong);
        let mut changed = cursor.clone().into_bytes();
        changed[10] = if changed[10] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(
            get(&format!("{list}&cursor={changed}")).invalid().await,
            wrong
        );
    }
    // By pages, each once.
    let mut found = BTreeSet::new();
    let mut path = "query=user&limit=2".to_owned();
    loop {
        let page = get(&path).expect(200).await;
        for item in page.body["items"].as_array().unwrap() {
            assert!(found.insert(item["email"].as_str().unwrap().to_owned()));
        }
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("query=user&limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found.len(), 5);

    let odd = |pointer: &str, code: &str| vec![(pointer.to_owned(), code.to_owned())];
    for (query, expected) in [
        ("query=", odd("/query", "query.length")),
        ("query=%20", odd("/query", "query.length")),
        ("query=%00", odd("/query", "query.encoding")),
        ("query=%ff", odd("/query", "query.encoding")),
        ("query=a%07", odd("/query", "query.characters")),
        ("query=a&query=b", odd("", "query.repeated")),
        ("status=gone", odd("/status", "query.value")),
        ("status=active&status=active", odd("", "query.repeated")),
        ("role=No+Name", odd("/role", "query.value")),
        ("tenant_id=x", odd("", "query.unknown")),
        ("limit=0", odd("/limit", "query.limit")),
    ] {
        assert_eq!(get(query).invalid().await, expected, "{query}");
    }
    let long = format!("query={}", "x".repeat(65));
    assert_eq!(get(&long).invalid().await, odd("/query", "query.length"));
    // Nothing of it is a pattern.
    for pattern in ["%25", "_", "*", "'", "%5C"] {
        let page = get(&format!("query={pattern}")).expect(200).await;
        assert_eq!(page.body["items"], json!([]), "{pattern}");
    }
}
