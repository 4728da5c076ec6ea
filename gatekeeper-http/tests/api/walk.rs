//! Walks over the table of routes: what is true of every route is tried on every route.

use gatekeeper_http::{Api, Caller, CsrfRule, Route};
use serde_json::json;

use crate::{
    tenants::add_tenant,
    world::{ADA, PASSWORD, World},
};

/// The path of a route with the same text for every variable segment.
pub(crate) fn path_of(route: &Route, session: &str) -> String {
    let named = |segment| {
        if str::starts_with(segment, '{') {
            session
        } else {
            segment
        }
    };
    let segments: Vec<&str> = route.path.split('/').map(named).collect();
    segments.join("/")
}

fn needs_user(route: &Route) -> bool {
    matches!(route.caller, Caller::User | Caller::Permission(_))
}

#[tokio::test]
async fn nobody_gets_past_a_route_for_users() {
    let world = World::new().await;
    let tokens = world.ada().await;
    add_tenant(&world, "acme").await;
    let mut walked = 0;
    for route in Api::routes().filter(|route| needs_user(route)) {
        let path = path_of(route, &tokens.session);
        let call = || world.call(route.method.clone(), &path).same_site();
        call().refused(401, "access.missing_token").await;
        call()
            .bearer("nonsense")
            .refused(401, "access.invalid_token")
            .await;
        call()
            .bearer(&tokens.refresh)
            .refused(401, "access.invalid_token")
            .await;
        call()
            .bearer(&tokens.access)
            .tenant("acme")
            .refused(401, "access.invalid_token")
            .await;
        call()
            .cookies("__Host-gatekeeper_access=nonsense")
            .refused(401, "access.invalid_token")
            .await;
        walked += 1;
    }
    assert!(walked >= 9);
    world
        .get("/v1/auth/me")
        .bearer(&tokens.access)
        .expect(200)
        .await;
}

#[tokio::test]
async fn an_unknown_tenant_is_told_before_anything_else() {
    let world = World::new().await;
    let tokens = world.ada().await;
    for route in Api::routes() {
        let call = world
            .call(route.method.clone(), &path_of(route, &tokens.session))
            .bearer(&tokens.access)
            .tenant("nobody");
        if route.caller == Caller::Service {
            call.expect(200).await;
        } else {
            call.refused(404, "tenant.not_found").await;
        }
    }
}

#[tokio::test]
async fn a_cookie_without_a_proof_changes_nothing_anywhere() {
    let world = World::new().await;
    world.register(ADA).await;
    let (cookies, _) = world.sign_in_with_cookies(ADA).await;
    let session = world.sign_in(ADA).await.session;
    for route in Api::routes() {
        let by_cookie = needs_user(route) || route.caller == Caller::TokenHolder;
        if route.csrf == CsrfRule::Safe || !by_cookie {
            continue;
        }
        world
            .call(route.method.clone(), &path_of(route, &session))
            .cookies(&cookies)
            .refused(403, "request.csrf")
            .await;
    }
    let sessions = world
        .get("/v1/auth/sessions")
        .cookies(&cookies)
        .expect(200)
        .await;
    assert_eq!(sessions.body["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn no_route_reads_more_than_it_says() {
    let world = World::new().await;
    let tokens = world.ada().await;
    for route in Api::routes() {
        assert!(route.body_limit <= Api::MAX_BODY);
        world
            .call(route.method.clone(), &path_of(route, &tokens.session))
            .bearer(&tokens.access)
            .header("content-type", "application/json")
            .raw(vec![b' '; route.body_limit + 1])
            .refused(413, "request.too_large")
            .await;
    }
}

/// CVE-2025-61928: whoever is meant is known from the credential alone, and no field says otherwise.
#[tokio::test]
async fn no_route_takes_a_field_that_it_does_not_know() {
    let world = World::new().await;
    let tokens = world.ada().await;
    // Whoever lacks a permission is told so first.
    for route in Api::routes().filter(|route| {
        route.csrf != CsrfRule::Safe && !matches!(route.caller, Caller::Permission(_))
    }) {
        let answer = world
            .call(route.method.clone(), &path_of(route, &tokens.session))
            .bearer(&tokens.access)
            .json(&json!({"user_id": "x", "password": PASSWORD, "roles": ["admin"]}))
            .refused(422, "request.invalid")
            .await;
        let text = answer.body.to_string();
        assert!(
            text.contains("/user_id") && text.contains("/roles"),
            "{text}"
        );
    }
    world
        .get("/v1/auth/me")
        .bearer(&tokens.access)
        .expect(200)
        .await;
}
