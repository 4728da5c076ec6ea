//! The matrix of authorisation, made from the table of routes: each route, asked by each kind of caller.
//!
//! What is looked at is the gate: a request either is answered by one of the `access.` problems, or gets past it (to whatever the
//! handler then says of a made-up id and no body).

use std::collections::BTreeSet;

use gatekeeper_core::{
    RequestContext,
    model::{Membership, Organization, OrganizationId, Role, RoleName, TenantId, UserId},
    store::Repository,
    testing::SeededRandom,
};
use gatekeeper_http::{Api, Caller, Route, Rule};
use http::Method;
use serde_json::json;

use crate::{
    tenants::add_tenant,
    world::{PASSWORD, World},
};

/// What happened at the gate.
#[derive(Debug, PartialEq, Eq)]
enum Gate {
    Past,
    /// 401: nobody is signed in, as far as this request goes.
    Unknown,
    /// 403, with this code.
    Refused(String),
}

fn refused(code: &str) -> Gate {
    Gate::Refused(code.to_owned())
}

/// Every permission that a route asks for.
fn permissions() -> BTreeSet<&'static str> {
    Api::routes()
        .filter_map(|route| match route.caller {
            Caller::Permission(permission) => Some(permission),
            _ => None,
        })
        .collect()
}

fn guarded() -> impl Iterator<Item = &'static Route> {
    Api::routes().filter(|route| {
        matches!(
            route.caller,
            Caller::User | Caller::Permission(_) | Caller::OrganizationPermission(_)
        )
    })
}

/// The path with made-up ids: of nothing that there is.
fn path_of(route: &Route) -> String {
    let mut path = String::new();
    for segment in route.path.split('/').skip(1) {
        path.push('/');
        path.push_str(match segment {
            "{name}" | "{role}" | "{slug}" => "nothing-of-this-name",
            variable if variable.starts_with('{') => "0190a000-0000-7000-8000-00000000dead",
            plain => plain,
        });
    }
    path
}

struct Matrix {
    world: World,
    users: u32,
}

impl Matrix {
    async fn new() -> Self {
        let world = World::new().await;
        add_tenant(&world, "acme").await;
        Self { world, users: 0 }
    }

    /// Somebody new with these roles, signed in.
    async fn somebody(&mut self, tenant: Option<&str>, roles: &[&str]) -> (String, UserId) {
        self.users += 1;
        let email = format!("user{}@example.com", self.users);
        let gatekeeper = self.world.api.gatekeeper();
        let id = match tenant {
            None => TenantId::DEFAULT,
            Some(slug) => {
                let slug = gatekeeper_core::model::TenantSlug::parse(slug).unwrap();
                gatekeeper.resolve_tenant(&slug).await.unwrap().unwrap()
            }
        };
        let cx = RequestContext::internal(id, "matrix");
        let created = gatekeeper
            .administration()
            .create_user(
                &cx,
                gatekeeper_core::NewUser {
                    email: email.clone(),
                    name: None,
                    roles: roles.iter().map(|&role| role.to_owned()).collect(),
                    password: Some(gatekeeper_core::model::SecretString::new(PASSWORD)),
                },
            )
            .await
            .unwrap();
        let body = json!({"email": email, "password": PASSWORD, "token_delivery": "body"});
        let mut call = self.world.post("/v1/auth/login", &body);
        if let Some(tenant) = tenant {
            call = call.tenant(tenant);
        }
        let answer = call.expect(200).await;
        (answer.text("access_token"), created.user.id)
    }

    /// A role with this permission alone.
    async fn role(&self, permission: &str) -> String {
        let name = permission.replace([':', '.'], "-");
        let mut tx = self.world.repository.begin().await.unwrap();
        let now = self.world.api.gatekeeper().clock().now();
        let role = Role {
            tenant_id: TenantId::DEFAULT,
            name: RoleName::parse(&name).unwrap(),
            description: String::new(),
            system: false,
            permissions: vec![permission.to_owned()],
            inherits: Vec::new(),
            created_at: now,
            updated_at: now,
        };
        tx.roles().insert(&role).await.unwrap();
        tx.commit().await.unwrap();
        name
    }

    /// An organisation in which this user has this role.
    async fn organization(&self, role: &str, user: UserId) -> OrganizationId {
        let now = self.world.api.gatekeeper().clock().now();
        let id = OrganizationId::new(now, &SeededRandom::new(u64::from(self.users)));
        let mut tx = self.world.repository.begin().await.unwrap();
        let organization = Organization {
            id,
            tenant_id: TenantId::DEFAULT,
            slug: gatekeeper_core::model::TenantSlug::parse(role).unwrap(),
            name: role.to_owned(),
            metadata: serde_json::Map::new(),
            created_at: now,
            updated_at: now,
        };
        let membership = Membership {
            tenant_id: TenantId::DEFAULT,
            organization_id: id,
            user_id: user,
            roles: vec![RoleName::parse(role).unwrap()],
            created_at: now,
        };
        let organizations = tx.organizations();
        organizations.insert(&organization).await.unwrap();
        organizations.put_member(&membership).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn at(&self, route: &Route, token: Option<&str>, tenant: Option<&str>) -> Gate {
        let mut call = self
            .world
            .call(route.method.clone(), &path_of(route))
            .same_site();
        if let Some(token) = token {
            call = call.bearer(token);
        }
        if let Some(tenant) = tenant {
            call = call.tenant(tenant);
        }
        let answer = call.send().await;
        let code = answer.body["code"].as_str().unwrap_or_default().to_owned();
        match answer.status.as_u16() {
            401 => Gate::Unknown,
            403 if code.starts_with("access.") => Gate::Refused(code),
            _ => Gate::Past,
        }
    }
}

/// What somebody signed in with exactly these permissions meets, in no organisation.
fn expected(route: &Route, holds: impl Fn(&str) -> bool) -> Gate {
    match route.caller {
        Caller::Permission(permission) if !holds(permission) => refused("access.forbidden"),
        Caller::OrganizationPermission(_) => refused("access.forbidden"),
        _ => Gate::Past,
    }
}

#[tokio::test]
async fn nobody_and_strangers_of_another_tenant_are_unknown() {
    let mut matrix = Matrix::new().await;
    let (user, _) = matrix.somebody(Some("acme"), &[]).await;
    let (admin, _) = matrix.somebody(Some("acme"), &["admin"]).await;
    for route in guarded() {
        for token in [None, Some(user.as_str()), Some(admin.as_str())] {
            assert_eq!(
                matrix.at(route, token, None).await,
                Gate::Unknown,
                "{route:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_user_gets_to_what_is_a_users_own() {
    let mut matrix = Matrix::new().await;
    for route in guarded() {
        let (user, _) = matrix.somebody(None, &[]).await;
        let gate = matrix.at(route, Some(&user), None).await;
        assert_eq!(gate, expected(route, |_| false), "{route:?}");
    }
}

#[tokio::test]
async fn asvs_8_2_1_a_tenants_administrator_gets_to_all_but_the_platform() {
    let mut matrix = Matrix::new().await;
    for route in guarded() {
        for tenant in [None, Some("acme")] {
            let (admin, _) = matrix.somebody(tenant, &["admin"]).await;
            let gate = matrix.at(route, Some(&admin), tenant).await;
            let of_tenant = |permission: &str| !permission.starts_with("tenants:");
            assert_eq!(gate, expected(route, of_tenant), "{route:?} {tenant:?}");
        }
        let (platform, _) = matrix.somebody(None, &["platform_admin"]).await;
        let gate = matrix.at(route, Some(&platform), None).await;
        assert_eq!(gate, expected(route, |_| true), "{route:?}");
    }
}

#[tokio::test]
async fn asvs_8_2_1_each_permission_opens_its_routes_and_no_other() {
    let mut matrix = Matrix::new().await;
    for permission in permissions() {
        let role = matrix.role(permission).await;
        let (holder, _) = matrix.somebody(None, &[&role]).await;
        for route in guarded().filter(|route| route.caller != Caller::User) {
            let gate = matrix.at(route, Some(&holder), None).await;
            let expected = expected(route, |asked| asked == permission);
            assert_eq!(gate, expected, "{route:?} with {permission}");
        }
    }
}

/// What a membership gives opens the routes of the active organisation that ask for it, and no route of the tenant.
#[tokio::test]
async fn row_53_a_membership_opens_its_organizations_routes_and_no_other() {
    let mut matrix = Matrix::new().await;
    let asked: BTreeSet<&str> = Api::routes()
        .filter_map(|route| match route.caller {
            Caller::OrganizationPermission(permission) => Some(permission),
            _ => None,
        })
        .collect();
    assert!(asked.len() >= 4, "{asked:?}");
    for held in asked {
        let role = matrix.role(held).await;
        let (member, user) = matrix.somebody(None, &[]).await;
        let organization = matrix.organization(&role, user).await;
        let body = json!({"organization_id": organization, "token_delivery": "body"});
        let switched = matrix.world.post("/v1/auth/organization", &body);
        let switched = switched.bearer(&member).expect(200).await;
        let acting = switched.text("access_token");
        for route in guarded().filter(|route| route.caller != Caller::User) {
            let gate = matrix.at(route, Some(&acting), None).await;
            let expected = match route.caller {
                Caller::OrganizationPermission(asked) if asked == held => Gate::Past,
                _ => refused("access.forbidden"),
            };
            assert_eq!(gate, expected, "{route:?} with {held}");
        }
    }
}

/// CVE-2026-28699 was a scope that one way of authenticating skipped.
#[tokio::test]
async fn row_55_an_api_key_opens_the_routes_of_its_scope_and_no_other() {
    let mut matrix = Matrix::new().await;
    for permission in permissions() {
        let (owner, _) = matrix.somebody(None, &["platform_admin"]).await;
        let body = json!({"name": "matrix", "permissions": [permission]});
        let made = matrix
            .world
            .post("/v1/api-keys", &body)
            .bearer(&owner)
            .expect(201)
            .await;
        let key = made.text("key");
        for route in guarded() {
            let gate = matrix.at(route, Some(&key), None).await;
            let expected = match route.api_keys {
                Rule::Refused => refused("access.session_required"),
                Rule::Allowed => expected(route, |asked| asked == permission),
            };
            assert_eq!(gate, expected, "{route:?} with {permission}");
        }
    }
}

#[tokio::test]
async fn row_53_whoever_acts_as_a_user_gets_to_no_more_than_the_table_says() {
    let mut matrix = Matrix::new().await;
    for route in guarded() {
        let (admin, _) = matrix.somebody(None, &["admin"]).await;
        let (_, user) = matrix.somebody(None, &[]).await;
        let path = format!("/v1/admin/users/{user}/impersonate");
        let body = json!({"reason": "matrix", "token_delivery": "body"});
        let begun = matrix
            .world
            .call(Method::POST, &path)
            .json(&body)
            .bearer(&admin)
            .expect(200)
            .await;
        let acting = begun.text("access_token");
        let gate = matrix.at(route, Some(&acting), None).await;
        let expected = match route.impersonation {
            Rule::Refused => refused("access.impersonating"),
            Rule::Allowed => expected(route, |_| false),
        };
        assert_eq!(gate, expected, "{route:?}");
    }
}
