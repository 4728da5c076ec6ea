//! Roles and permissions over HTTP.

use gatekeeper_core::{
    model::{TenantId, UserId},
    store::Repository,
};
use gatekeeper_http::{Api, Caller, CsrfRule};
use http::Method;
use serde_json::{Value, json};

use crate::{
    tenants::add_tenant,
    world::{ADA, Call, PASSWORD, Tokens, World},
};

/// What is shown here, and not where the ways of an account are.
pub(crate) const OPERATIONS: &[&str] = &[
    "listRoles",
    "createRole",
    "getRole",
    "replaceRole",
    "deleteRole",
    "listPermissions",
    "grantRole",
    "revokeRole",
];

impl World {
    /// Somebody in a tenant, with this role, signed in.
    pub(crate) async fn holder(
        &self,
        tenant: TenantId,
        slug: &str,
        email: &str,
        role: &str,
    ) -> Tokens {
        let administration = self.api.gatekeeper().administration();
        let cx = gatekeeper_core::RequestContext::internal(tenant, "test");
        let new = gatekeeper_core::NewUser {
            email: email.to_owned(),
            name: None,
            roles: vec![role.to_owned()],
            password: Some(PASSWORD.into()),
        };
        administration.create_user(&cx, new).await.unwrap();
        let body = json!({"email": email, "password": PASSWORD, "token_delivery": "body"});
        let answer = self
            .post("/v1/auth/login", &body)
            .tenant(slug)
            .expect(200)
            .await;
        Tokens {
            access: answer.text("access_token"),
            refresh: answer.text("refresh_token"),
            session: answer.text("session_id"),
        }
    }

    /// An administrator of the default tenant, signed in.
    pub(crate) async fn admin(&self) -> Tokens {
        self.holder(TenantId::DEFAULT, "default", "root@example.com", "admin")
            .await
    }

    /// The id of the user with this address, in the default tenant.
    pub(crate) async fn user_id(&self, email: &str) -> UserId {
        let cx = gatekeeper_core::RequestContext::internal(TenantId::DEFAULT, "test");
        let administration = self.api.gatekeeper().administration();
        administration
            .find_user_by_email(&cx, email)
            .await
            .unwrap()
            .id
    }

    pub(crate) fn put(&self, path: &str) -> Call<'_> {
        self.call(Method::PUT, path)
    }

    /// Whether every answer that the table promises of these operations was given.
    pub(crate) fn saw_all_of(&self, operations: &[&str]) {
        let seen = self.seen.lock().unwrap();
        for operation in operations {
            let route = Api::routes().find(|route| route.operation_id == *operation);
            for answer in route.unwrap().answers {
                let given = seen.contains(&(*operation, answer.status));
                assert!(given, "{operation} never answered {}", answer.status);
            }
        }
    }
}

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
#[tokio::test]
async fn the_life_of_a_role() {
    let world = World::new().await;
    let root = world.admin().await;
    let ada = world.ada().await;
    let ada_id = world.user_id(ADA).await;
    let access = &root.access;
    let body = json!({
        "name": "analyst",
        "permissions": ["reports:read", "reports:export"],
        "description": "Reads reports.",
    });
    let made = world
        .post("/v1/admin/roles", &body)
        .bearer(access)
        .expect(201)
        .await;
    assert_eq!(
        made.body["permissions"],
        json!(["reports:export", "reports:read"])
    );
    assert_eq!(made.body["system"], false);
    assert_eq!(made.body["description"], "Reads reports.");
    world
        .post("/v1/admin/roles", &body)
        .bearer(access)
        .refused(409, "role.name_taken")
        .await;
    let chief = json!({"name": "chief", "permissions": ["reports:sign"], "inherits": ["analyst"]});
    let chief = world
        .post("/v1/admin/roles", &chief)
        .bearer(access)
        .expect(201)
        .await;
    assert_eq!(
        chief.body["effective_permissions"],
        json!(["reports:export", "reports:read", "reports:sign"])
    );
    assert_eq!(chief.body["description"], "");
    let found = world
        .get("/v1/admin/roles/chief")
        .bearer(access)
        .expect(200)
        .await;
    assert_eq!(found.body, chief.body);

    // Granted twice is granted.
    let path = format!("/v1/admin/users/{ada_id}/roles/chief");
    for _ in 0..2 {
        world.put(&path).bearer(access).expect(204).await;
    }
    let me = world
        .get("/v1/auth/me")
        .bearer(&ada.access)
        .expect(200)
        .await;
    assert_eq!(me.body["roles"], json!(["analyst", "chief", "user"]));

    // PUT says all that there is: what it leaves out is gone.
    let replaced = world
        .put("/v1/admin/roles/chief")
        .json(&json!({"permissions": ["reports:*"]}))
        .bearer(access)
        .expect(200)
        .await;
    assert_eq!(replaced.body["permissions"], json!(["reports:*"]));
    assert_eq!(replaced.body["inherits"], json!([]));
    world
        .put("/v1/admin/roles/analyst")
        .json(&json!({"permissions": [], "inherits": ["analyst"]}))
        .bearer(access)
        .refused(409, "role.cycle")
        .await;
    // It makes none.
    for (method, name) in [(Method::PUT, "nobody"), (Method::PUT, "NOBODY")] {
        world
            .call(method, &format!("/v1/admin/roles/{name}"))
            .json(&json!({"permissions": []}))
            .bearer(access)
            .refused(404, "role.not_found")
            .await;
    }
    for method in [Method::PUT, Method::DELETE] {
        let call = world
            .call(method.clone(), "/v1/admin/roles/admin")
            .bearer(access);
        let call = if method == Method::PUT {
            call.json(&json!({"permissions": []}))
        } else {
            call
        };
        call.refused(409, "role.system").await;
    }
    for _ in 0..2 {
        world.delete(&path).bearer(access).expect(204).await;
    }
    let root_id = world.user_id("root@example.com").await;
    world
        .delete(&format!("/v1/admin/users/{root_id}/roles/admin"))
        .bearer(access)
        .refused(409, "role.last_administrator")
        .await;
    world
        .delete("/v1/auth/me")
        .json(&json!({"password": PASSWORD}))
        .bearer(access)
        .refused(409, "role.last_administrator")
        .await;
    world
        .delete("/v1/admin/roles/chief")
        .bearer(access)
        .expect(204)
        .await;
    world
        .get("/v1/admin/roles/chief")
        .bearer(access)
        .refused(404, "role.not_found")
        .await;
    world
        .put(&path)
        .bearer(access)
        .refused(404, "role.not_found")
        .await;

    let listed = world
        .get("/v1/admin/roles?limit=2")
        .bearer(access)
        .expect(200)
        .await;
    assert_eq!(listed.body["items"][0]["name"], "analyst");
    let cursor = listed.text("next_cursor");
    let rest = world
        .get(&format!("/v1/admin/roles?limit=2&cursor={cursor}"))
        .bearer(access)
        .expect(200)
        .await;
    assert_eq!(rest.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(rest.body["next_cursor"], Value::Null);
    let elsewhere = world
        .get(&format!("/v1/admin/groups?cursor={cursor}"))
        .bearer(access);
    let wrong = [("/cursor".to_owned(), "query.cursor".to_owned())];
    assert_eq!(elsewhere.invalid().await, wrong);
    world
        .get("/v1/admin/permissions")
        .bearer(access)
        .expect(200)
        .await;
    world.saw_all_of(OPERATIONS);
}

/// Of every permission it is told whether the API itself asks for it.
#[tokio::test]
async fn permissions_are_those_of_the_table_and_those_of_the_roles() {
    let world = World::new().await;
    let root = world.admin().await;
    let acme = add_tenant(&world, "acme").await;
    let mallory = world
        .holder(acme, "acme", "mallory@example.com", "admin")
        .await;
    let role = json!({"name": "analyst", "permissions": ["reports:*", "roles:read"]});
    world
        .post("/v1/admin/roles", &role)
        .bearer(&root.access)
        .expect(201)
        .await;
    let of = async |tokens: &Tokens, tenant: &str| {
        let call = world
            .get("/v1/admin/permissions")
            .tenant(tenant)
            .bearer(&tokens.access);
        let answer = call.expect(200).await;
        let items = answer.body["items"].as_array().unwrap().clone();
        let pair = |item: &Value| {
            (
                item["name"].as_str().unwrap().to_owned(),
                item["system"] == true,
            )
        };
        items.iter().map(pair).collect::<Vec<_>>()
    };
    let here = of(&root, "default").await;
    assert!(here.is_sorted());
    for (name, system) in [
        ("reports:*", false),
        ("*", false),
        ("roles:read", true),
        ("roles:assign", true),
    ] {
        assert!(
            here.contains(&(name.to_owned(), system)),
            "{name}: {here:?}"
        );
    }
    for route in Api::routes() {
        if let Caller::Permission(permission) = route.caller {
            assert!(
                here.contains(&(permission.to_owned(), true)),
                "{permission}"
            );
        }
    }
    let there = of(&mallory, "acme").await;
    assert!(
        !there
            .iter()
            .any(|(name, _)| name.starts_with("tenants:") || name == "reports:*")
    );
}

#[tokio::test]
async fn a_role_is_held_to_its_form() {
    let world = World::new().await;
    let root = world.admin().await;
    let invalid = async |body: Value| {
        let call = world.post("/v1/admin/roles", &body).bearer(&root.access);
        let errors = call.invalid().await;
        let pointers: Vec<String> = errors.into_iter().map(|(pointer, _)| pointer).collect();
        pointers
    };
    assert_eq!(invalid(json!({})).await, ["/name", "/permissions"]);
    let wrong = json!({"name": "a b", "permissions": ["read", "a:b"], "inherits": ["A"]});
    assert_eq!(
        invalid(wrong).await,
        ["/name", "/permissions/0", "/inherits/0"]
    );
    for permissions in [
        json!("a:b"),
        json!([1]),
        json!(null),
        json!(["a:\u{0}"]),
        json!({}),
    ] {
        let body = json!({"name": "a", "permissions": permissions});
        assert_eq!(invalid(body).await, ["/permissions"]);
    }
    let unknown = json!({"name": "a", "permissions": [], "inherits": ["nobody"]});
    assert_eq!(invalid(unknown).await, ["/inherits"]);
    // CVE-2025-61928: what is nobody's to say is refused, also of administrators.
    let system = json!({"name": "a", "permissions": [], "system": true, "tenant_id": "x"});
    assert_eq!(invalid(system).await, ["/system", "/tenant_id"]);
}

fn path_of(path: &str, user: &str) -> String {
    path.replace("{id}", user)
        .replace("{user}", user)
        .replace("{name}", "analyst")
        .replace("{role}", "analyst")
}

/// CVE-2025-61928: no route of administration takes a field that it does not know.
#[tokio::test]
async fn row_51_roles_and_groups_take_no_field_that_they_do_not_know() {
    let world = World::new().await;
    let root = world.admin().await;
    let user = world.user_id("root@example.com").await.to_string();
    let ours = |operation: &&str| {
        OPERATIONS.contains(operation) || crate::groups::OPERATIONS.contains(operation)
    };
    let mut walked = 0;
    for route in
        Api::routes().filter(|route| route.csrf != CsrfRule::Safe && ours(&route.operation_id))
    {
        let answer = world
            .call(route.method.clone(), &path_of(route.path, &user))
            .json(&json!({"tenant_id": "x", "user_id": "y"}))
            .bearer(&root.access)
            .refused(422, "request.invalid")
            .await;
        let text = answer.body.to_string();
        assert!(
            text.contains("/tenant_id") && text.contains("/user_id"),
            "{route:?}: {text}"
        );
        walked += 1;
    }
    assert_eq!(walked, 10);
}

/// Each route asks for the permission that the table names, and for that one alone.
#[tokio::test]
async fn each_route_of_roles_and_groups_asks_for_its_permission() {
    let world = World::new().await;
    world.register(ADA).await;
    let user = world.user_id(ADA).await.to_string();
    let cx = gatekeeper_core::RequestContext::internal(TenantId::DEFAULT, "test");
    let ours = |operation: &&str| {
        OPERATIONS.contains(operation) || crate::groups::OPERATIONS.contains(operation)
    };
    let administration = world.api.gatekeeper().administration();
    let all = [
        "roles:read",
        "roles:write",
        "roles:assign",
        "groups:read",
        "groups:write",
    ];
    for (at, held) in all.iter().enumerate() {
        let role = format!("r{at}");
        let definition = gatekeeper_core::RoleDefinition {
            permissions: vec![(*held).to_owned()],
            ..gatekeeper_core::RoleDefinition::default()
        };
        administration
            .create_role(&cx, &role, &definition)
            .await
            .unwrap();
        let email = format!("{role}@example.com");
        let tokens = world
            .holder(TenantId::DEFAULT, "default", &email, &role)
            .await;
        for route in Api::routes().filter(|route| ours(&route.operation_id)) {
            let path = path_of(route.path, &user);
            let answer = world
                .call(route.method.clone(), &path)
                .bearer(&tokens.access)
                .send()
                .await;
            let opens = route.caller == Caller::Permission(held);
            // What is behind the door may still ask for roles:assign.
            let forbidden = answer.body["code"] == "access.forbidden";
            let member = route.path.ends_with("{user}");
            assert_eq!(
                forbidden,
                !opens || member,
                "{route:?} with {held}: {}",
                answer.body
            );
        }
    }
}

/// CVE-2025-64431, CVE-2026-95814: another tenant's administrator finds nothing, changes nothing, counts nothing.
#[tokio::test]
async fn row_52_another_tenants_roles_are_not_there() {
    let world = World::new().await;
    let root = world.admin().await;
    let user = world.user_id("root@example.com").await;
    let acme = add_tenant(&world, "acme").await;
    let mallory = world
        .holder(acme, "acme", "mallory@example.com", "admin")
        .await;
    let role = json!({"name": "analyst", "permissions": ["reports:read"]});
    world
        .post("/v1/admin/roles", &role)
        .bearer(&root.access)
        .expect(201)
        .await;
    let as_mallory = |method: Method, path: &str| {
        world
            .call(method, path)
            .tenant("acme")
            .bearer(&mallory.access)
    };
    let of_role = "/v1/admin/roles/analyst";
    as_mallory(Method::GET, of_role)
        .refused(404, "role.not_found")
        .await;
    as_mallory(Method::DELETE, of_role)
        .refused(404, "role.not_found")
        .await;
    let put = as_mallory(Method::PUT, of_role).json(&json!({"permissions": []}));
    put.refused(404, "role.not_found").await;
    for method in [Method::PUT, Method::DELETE] {
        let path = format!("/v1/admin/users/{user}/roles/admin");
        as_mallory(method, &path)
            .refused(404, "account.not_found")
            .await;
    }
    let listed = as_mallory(Method::GET, "/v1/admin/roles").expect(200).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    // Nor does naming the other tenant help.
    let call = world.get(of_role).bearer(&mallory.access);
    call.refused(401, "access.invalid_token").await;
    let found = world.get(of_role).bearer(&root.access).expect(200).await;
    assert_eq!(found.body["permissions"], json!(["reports:read"]));
    let mut tx = world.repository.begin().await.unwrap();
    let granted = tx.roles().granted(TenantId::DEFAULT, user).await.unwrap();
    assert_eq!(granted.len(), 1);
}
