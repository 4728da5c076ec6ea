//! Tenants that the path names: the whole API stands below each of them.

use gatekeeper_core::{NewTenant, NewUser, RequestContext, model::TenantId};
use gatekeeper_http::Api;
use serde_json::json;

use super::client::{Ask, Client};

const EMAIL: &str = "grace@example.com";
const PASSWORD: &str = "a long walk by the sea";

pub(super) async fn by_path(client: &mut Client<'_>) {
    furnish(client).await;
    let credentials = json!({"email": EMAIL, "password": PASSWORD, "token_delivery": "cookie"});
    let login = Ask::post("/t/acme/v1/auth/login", &credentials);
    let reply = client.step("signed in", 200, login).await;
    let cookies = reply.cookies();
    let me = |path: &str| Ask::get(path).on_page(&cookies);
    for (name, status, path) in [
        ("oneself", 200, "/t/acme/v1/auth/me"),
        ("a query", 200, "/t/acme/v1/auth/sessions?limit=1"),
        ("another tenant", 401, "/t/default/v1/auth/me"),
        ("no tenant in the path", 401, "/v1/auth/me"),
        ("no such tenant", 404, "/t/nobody/v1/auth/me"),
        ("no slug", 404, "/t/ACME/v1/auth/me"),
        ("no such route", 404, "/t/acme/v1/auth/nothing"),
        ("no such route either", 404, "/t/acme/v1/auth"),
        ("nor with a slash", 404, "/t/acme/v1/auth/me/"),
        ("another method", 405, "/t/acme/v1/auth/login"),
    ] {
        client.step(name, status, me(path)).await;
    }
    let other = me("/t/acme/v1/auth/me").header("x-tenant", "default");
    client.step("two tenants", 404, other).await;
    let refresh = Ask::post("/t/acme/v1/auth/refresh", &json!({})).on_page(&cookies);
    client.step("refreshed", 200, refresh).await;
    // Every path of the table, wherever it stands.
    for route in Api::routes().filter(|route| route.path.starts_with("/v1/")) {
        let segments = route.path.split('/');
        let filled: Vec<&str> = segments
            .map(|segment| {
                if segment.starts_with('{') {
                    "x"
                } else {
                    segment
                }
            })
            .collect();
        let path = format!("/t/nobody{}", filled.join("/"));
        let ask = Ask::new(route.method.clone(), path);
        client.step("every route", 404, ask).await;
    }
}

async fn furnish(client: &Client<'_>) {
    let administration = client.fixture.gatekeeper().administration();
    let cx = RequestContext::internal(TenantId::DEFAULT, "script");
    let tenant = NewTenant {
        slug: "acme".to_owned(),
        name: "Acme".to_owned(),
        ..NewTenant::default()
    };
    let made = administration.create_tenant(&cx, tenant).await;
    let made = made.expect("a tenant");
    let cx = RequestContext::internal(made.id, "script");
    let user = NewUser {
        email: EMAIL.to_owned(),
        name: None,
        roles: Vec::new(),
        password: Some(PASSWORD.into()),
    };
    let user = administration.create_user(&cx, user).await;
    user.expect("an account");
}
