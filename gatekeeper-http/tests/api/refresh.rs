//! Refresh tokens: they go back the way they came, once.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::world::{ADA, PASSWORD, World};

#[tokio::test]
async fn a_token_from_the_body_is_answered_in_the_body() {
    let world = World::new().await;
    let tokens = world.ada().await;
    let body = json!({"refresh_token": tokens.refresh});
    let answer = world.post("/v1/auth/refresh", &body).expect(200).await;
    assert!(answer.set_cookies().is_empty());
    assert_eq!(answer.text("session_id"), tokens.session);
    assert_ne!(answer.text("refresh_token"), tokens.refresh);
    let misfit = json!({"refresh_token": tokens.refresh, "token_delivery": "cookie"});
    assert_eq!(
        world.post("/v1/auth/refresh", &misfit).invalid().await,
        [(
            "/token_delivery".to_owned(),
            "token_delivery.mismatch".to_owned()
        )]
    );
}

#[tokio::test]
async fn a_token_from_the_cookie_is_answered_in_the_cookie() {
    let world = World::new().await;
    world.register(ADA).await;
    let login = world
        .post(
            "/v1/auth/login",
            &json!({"email": ADA, "password": PASSWORD}),
        )
        .expect(200)
        .await;
    let refresh = |cookies: String| {
        world
            .call(Method::POST, "/v1/auth/refresh")
            .same_site()
            .cookies(&cookies)
    };

    let split = refresh(login.cookie_header()).expect(200).await;
    assert!(split.body.get("access_token").is_some() && split.body.get("refresh_token").is_none());
    assert!(split.cookie("__Host-gatekeeper_access").is_none());

    // A script that cannot read the cookie must not have it read out to it.
    assert_eq!(
        refresh(split.cookie_header())
            .json(&json!({"token_delivery": "body"}))
            .invalid()
            .await,
        [(
            "/token_delivery".to_owned(),
            "token_delivery.mismatch".to_owned()
        )]
    );

    let moved = refresh(split.cookie_header())
        .json(&json!({"token_delivery": "cookie"}))
        .expect(200)
        .await;
    assert!(moved.body.get("access_token").is_none());
    assert!(moved.cookie("__Host-gatekeeper_access").is_some());

    // From then on the access cookie's presence says it.
    let again = refresh(moved.cookie_header()).expect(200).await;
    assert!(again.body.get("access_token").is_none());
    world
        .get("/v1/auth/me")
        .cookies(&again.cookie_header())
        .expect(200)
        .await;
}

#[tokio::test]
async fn the_body_goes_before_the_cookie() {
    let world = World::new().await;
    let tokens = world.ada().await;
    let (cookies, _) = world.sign_in_with_cookies(ADA).await;
    let answer = world
        .post(
            "/v1/auth/refresh",
            &json!({"refresh_token": tokens.refresh}),
        )
        .same_site()
        .cookies(&cookies)
        .expect(200)
        .await;
    assert_eq!(answer.text("session_id"), tokens.session);
    assert!(answer.set_cookies().is_empty());
}

/// RFC 9700 section 4.14.2.
#[tokio::test]
async fn a_used_token_ends_the_session_and_clears_its_cookies() {
    let world = World::new().await;
    world.register(ADA).await;
    let (cookies, _) = world.sign_in_with_cookies(ADA).await;
    let refresh = |cookies: &str| {
        world
            .call(Method::POST, "/v1/auth/refresh")
            .same_site()
            .cookies(cookies)
    };
    let first = refresh(&cookies).expect(200).await;
    let lost_answer = refresh(&cookies).expect(200).await;
    assert_eq!(
        first.cookie("__Secure-gatekeeper_refresh"),
        lost_answer.cookie("__Secure-gatekeeper_refresh")
    );
    world.clock.advance(Duration::from_secs(11));
    let reuse = refresh(&cookies)
        .refused(401, "session.invalid_refresh_token")
        .await;
    assert_eq!(reuse.set_cookies().len(), 3);
    refresh(&first.cookie_header())
        .refused(401, "session.invalid_refresh_token")
        .await;
    world
        .get("/v1/auth/me")
        .cookies(&first.cookie_header())
        .refused(401, "access.invalid_token")
        .await;
}

#[tokio::test]
async fn no_other_text_refreshes_anything() {
    let world = World::new().await;
    let tokens = world.ada().await;
    let refresh = |token: &str| world.post("/v1/auth/refresh", &json!({"refresh_token": token}));
    for index in 0..tokens.refresh.len() {
        let mut changed = tokens.refresh.clone().into_bytes();
        changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        refresh(&changed)
            .refused(401, "session.invalid_refresh_token")
            .await;
        refresh(&tokens.refresh[..index])
            .refused(401, "session.invalid_refresh_token")
            .await;
    }
    for wrong in [
        format!("{}A", tokens.refresh),
        format!(" {}", tokens.refresh),
        tokens.access.clone(),
        "x".repeat(60_000),
    ] {
        refresh(&wrong)
            .refused(401, "session.invalid_refresh_token")
            .await;
    }
    for shape in [
        json!({"refresh_token": null}),
        json!({"refresh_token": [tokens.refresh]}),
        json!({"refresh_token": 1}),
    ] {
        world.post("/v1/auth/refresh", &shape).expect(422).await;
    }
    world
        .call(Method::POST, "/v1/auth/refresh")
        .refused(401, "session.invalid_refresh_token")
        .await;
    world
        .post("/v1/auth/refresh", &json!({}))
        .refused(401, "session.invalid_refresh_token")
        .await;
    // None of it hurt the session.
    refresh(&tokens.refresh).expect(200).await;
}

#[tokio::test]
async fn a_client_whose_access_token_has_expired_can_sign_out() {
    let world = World::new().await;
    let tokens = world.ada().await;
    world.clock.advance(Duration::from_hours(1));
    let out = || {
        world
            .call(Method::POST, "/v1/auth/logout")
            .bearer(&tokens.access)
    };
    out().refused(401, "access.invalid_token").await;
    out()
        .json(&json!({"refresh_token": tokens.refresh}))
        .expect(204)
        .await;
    world
        .post(
            "/v1/auth/refresh",
            &json!({"refresh_token": tokens.refresh}),
        )
        .refused(401, "session.invalid_refresh_token")
        .await;

    let (cookies, _) = world.sign_in_with_cookies(ADA).await;
    world.clock.advance(Duration::from_hours(1));
    world
        .call(Method::POST, "/v1/auth/logout")
        .same_site()
        .cookies(&cookies)
        .expect(204)
        .await;
    world
        .call(Method::POST, "/v1/auth/logout")
        .refused(401, "access.missing_token")
        .await;
}
