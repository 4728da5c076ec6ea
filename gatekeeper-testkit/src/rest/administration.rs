//! An administrator at work, with API keys and as somebody else; and every route, by nobody.

use std::time::Duration;

use gatekeeper_core::{NewUser, RequestContext, model::TenantId};
use gatekeeper_http::{Api, Caller};
use http::Method;
use serde_json::json;

use super::client::{Ask, Client};

const ROOT: &str = "root@example.com";
const BOB: &str = "bob@example.com";
const PASSWORD: &str = "a long walk by the sea";

/// Every path of the table is reached, by its own method.
pub(super) async fn nobody(client: &mut Client<'_>) {
    for route in Api::routes() {
        if matches!(
            route.caller,
            Caller::Service | Caller::Public | Caller::TokenHolder
        ) {
            continue;
        }
        let path = route.path.replace(['{', '}'], "");
        let ask = Ask::new(route.method.clone(), path);
        client.step("every route, by nobody", 401, ask).await;
    }
}

pub(super) async fn administrator(client: &mut Client<'_>) {
    furnish(client).await;
    let credentials = json!({"email": ROOT, "password": PASSWORD, "token_delivery": "body"});
    let login = Ask::post("/v1/auth/login", &credentials);
    let root = client.step("signed in", 200, login).await;
    let root = root.text("access_token");

    let role = json!({"name": "editor", "permissions": ["articles:write"]});
    let role = Ask::post("/v1/admin/roles", &role).bearer(&root);
    client.step("a role", 201, role.clone()).await;
    client.step("the same name again", 409, role).await;
    let wanted = json!({"email": BOB, "roles": ["editor"], "seat": 4});
    let unknown = Ask::post("/v1/admin/users", &wanted).bearer(&root);
    client.step("an unknown member", 422, unknown).await;
    let wanted = json!({"email": BOB, "roles": ["editor"]});
    let made = Ask::post("/v1/admin/users", &wanted).bearer(&root);
    let bob = client.step("an account", 201, made).await.text("id");
    let at = |end: &str| format!("/v1/admin/users/{bob}{end}");
    let patch = Ask::new(Method::PATCH, at("")).json(&json!({"name": "Bob"}));
    client.step("changed", 200, patch.bearer(&root)).await;
    let found = Ask::get("/v1/admin/users?query=bo&limit=1").bearer(&root);
    client.step("found", 200, found).await;
    let wrong = Ask::get("/v1/admin/users?querry=bo").bearer(&root);
    client.step("a wrong query", 422, wrong).await;
    let grant = || Ask::new(Method::PUT, at("/roles/admin")).bearer(&root);
    client.step("granted", 204, grant()).await;
    let revoke = Ask::delete(at("/roles/admin")).bearer(&root);
    client.step("revoked", 204, revoke).await;

    let wanted = json!({"name": "nightly", "permissions": ["users:read"]});
    let key = Ask::post("/v1/api-keys", &wanted).bearer(&root);
    let key = client.step("a key", 201, key).await.text("key");
    let list = || Ask::get("/v1/admin/users?role=editor");
    client
        .step("by the key", 200, list().header("x-api-key", &key))
        .await;
    client
        .step("as a bearer token", 200, list().bearer(&key))
        .await;
    let both = list().bearer(&root).header("x-api-key", &key);
    client.step("two credentials", 400, both).await;
    let beyond = Ask::get("/v1/admin/audit").bearer(&key);
    client.step("beyond the key", 403, beyond).await;
    let own = Ask::get("/v1/api-keys").bearer(&key);
    client.step("not by a key", 403, own).await;

    // What Bob may do changed a moment ago: tokens of that moment are looked at anew.
    client.fixture.clock().advance(Duration::from_mins(1));
    let reason = json!({"reason": "a ticket", "token_delivery": "body"});
    let begin = Ask::post(&at("/impersonate"), &reason).bearer(&root);
    let acting = client.step("as somebody else", 200, begin).await;
    let acting = acting.text("access_token");
    client
        .step("who", 200, Ask::get("/v1/auth/me").bearer(&acting))
        .await;
    let key = Ask::post("/v1/api-keys", &wanted).bearer(&acting);
    client.step("not as somebody else", 403, key).await;
    let end = || Ask::new(Method::POST, "/v1/auth/impersonation/end").bearer(&acting);
    client.step("no longer", 204, end()).await;
    client.step("not twice", 401, end()).await;

    let trail = Ask::get(format!(
        "/v1/admin/audit?event=account.created&target={bob}"
    ));
    client.step("on record", 200, trail.bearer(&root)).await;
    let disable = Ask::new(Method::POST, at("/disable")).bearer(&root);
    client.step("disabled", 204, disable).await;
    let delete = || Ask::delete(at("")).bearer(&root);
    client.step("deleted", 204, delete()).await;
    client.step("gone", 404, delete()).await;
}

async fn furnish(client: &Client<'_>) {
    let administration = client.fixture.gatekeeper().administration();
    let cx = RequestContext::internal(TenantId::DEFAULT, "script");
    let user = NewUser {
        email: ROOT.to_owned(),
        name: None,
        roles: vec!["admin".to_owned()],
        password: Some(PASSWORD.into()),
    };
    let user = administration.create_user(&cx, user).await;
    user.expect("an account");
}
