//! CVE-2015-9284, CVE-2025-24358: what another site causes is not done.

use gatekeeper_http::{Api, CsrfRule, HttpSettings};
use http::Method;
use serde_json::json;

use crate::world::{ADA, PASSWORD, PUBLIC_URL, World};

#[tokio::test]
async fn a_cookie_alone_changes_nothing() {
    let world = World::new().await;
    world.register(ADA).await;
    let (cookies, csrf) = world.sign_in_with_cookies(ADA).await;
    let patch = || {
        world
            .call(Method::PATCH, "/v1/auth/me")
            .cookies(&cookies)
            .json(&json!({"name": "Ada"}))
    };
    patch().refused(403, "request.csrf").await;
    for origin in [
        "https://evil.example",
        "null",
        "http://auth.example.com",
        "https://auth.example.com.evil.example",
        "",
    ] {
        patch()
            .header("origin", origin)
            .refused(403, "request.csrf")
            .await;
        // Neither the token nor the metadata outweighs a foreign origin.
        patch()
            .header("origin", origin)
            .header("x-csrf-token", &csrf)
            .refused(403, "request.csrf")
            .await;
        patch()
            .header("origin", origin)
            .header("sec-fetch-site", "same-origin")
            .refused(403, "request.csrf")
            .await;
    }
    for site in ["cross-site", "same-site", "none", ""] {
        patch()
            .header("sec-fetch-site", site)
            .refused(403, "request.csrf")
            .await;
    }
    for wrong in ["", "x", &csrf[1..], &format!("{csrf}A")] {
        patch()
            .header("x-csrf-token", wrong)
            .refused(403, "request.csrf")
            .await;
    }
    let (_, of_another_session) = world.sign_in_with_cookies(ADA).await;
    patch()
        .header("x-csrf-token", of_another_session)
        .refused(403, "request.csrf")
        .await;
    let unchanged = world.get("/v1/auth/me").cookies(&cookies).expect(200).await;
    assert_eq!(unchanged.body["name"], json!(null));

    patch().header("origin", PUBLIC_URL).expect(200).await;
    patch()
        .header("sec-fetch-site", "same-origin")
        .expect(200)
        .await;
    patch().header("x-csrf-token", csrf).expect(200).await;
}

#[tokio::test]
async fn a_bearer_token_needs_no_proof() {
    let world = World::new().await;
    let tokens = world.ada().await;
    world
        .call(Method::PATCH, "/v1/auth/me")
        .bearer(&tokens.access)
        .header("origin", "https://app.elsewhere.example")
        .header("sec-fetch-site", "cross-site")
        .json(&json!({"name": "Ada"}))
        .expect(200)
        .await;
}

#[tokio::test]
async fn an_origin_that_was_allowed_passes() {
    let settings = HttpSettings::new()
        .allow_origins(["https://app.example.com"])
        .unwrap();
    let world = World::with(|builder| builder, settings).await;
    world.register(ADA).await;
    let login = |origin: &'static str| {
        world
            .post(
                "/v1/auth/login",
                &json!({"email": ADA, "password": PASSWORD}),
            )
            .header("origin", origin)
            .header("sec-fetch-site", "same-site")
    };
    login("https://app.example.com").expect(200).await;
    login("https://other.example.com")
        .refused(403, "request.csrf")
        .await;
}

/// Refresh and sign-out by cookie are held to the same, and the double-submit token of either cookie will do.
#[tokio::test]
async fn refresh_and_sign_out_by_cookie_need_a_proof() {
    let world = World::new().await;
    world.register(ADA).await;
    for delivery in [None, Some("cookie")] {
        for path in ["/v1/auth/refresh", "/v1/auth/logout"] {
            let mut body = json!({"email": ADA, "password": PASSWORD});
            if let Some(delivery) = delivery {
                body["token_delivery"] = json!(delivery);
            }
            let answer = world.post("/v1/auth/login", &body).expect(200).await;
            let cookies = answer.cookie_header();
            let csrf = answer.cookie("__Host-gatekeeper_csrf").unwrap();
            let post = || world.call(Method::POST, path).cookies(&cookies);
            post().refused(403, "request.csrf").await;
            post()
                .header("origin", "https://evil.example")
                .refused(403, "request.csrf")
                .await;
            post()
                .header("origin", "null")
                .header("x-csrf-token", &csrf)
                .refused(403, "request.csrf")
                .await;
            let done = post().header("x-csrf-token", &csrf).send().await;
            assert!(
                done.status.is_success(),
                "{path} {delivery:?}: {}",
                done.body
            );
        }
    }
}

/// Login CSRF: another site must not sign its visitor in as somebody else, nor do anything else that needs no sign-in.
#[tokio::test]
async fn no_route_that_changes_something_is_open_to_another_site() {
    let world = World::new().await;
    world.register(ADA).await;
    let (cookies, _) = world.sign_in_with_cookies(ADA).await;
    for route in Api::routes() {
        if route.csrf == CsrfRule::Safe {
            continue;
        }
        let path = crate::walk::path_of(route, "018f0000-0000-7000-8000-000000000000");
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            world
                .call(route.method.clone(), &path)
                .cookies(&cookies)
                .header(name, value)
                .json(&json!({"email": ADA, "password": PASSWORD}))
                .refused(403, "request.csrf")
                .await;
        }
    }
    // A form of another site can send this without a preflight; it is no JSON.
    world
        .call(Method::POST, "/v1/auth/login")
        .header("content-type", "text/plain")
        .raw(json!({"email": ADA, "password": PASSWORD}).to_string())
        .refused(415, "request.unsupported_media_type")
        .await;
}
