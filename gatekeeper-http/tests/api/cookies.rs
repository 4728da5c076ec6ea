//! Where tokens go, and how cookies look.

use gatekeeper_http::HttpSettings;
use http::Method;
use serde_json::json;

use crate::world::{ADA, Answer, PASSWORD, World};

async fn login(world: &World, delivery: Option<&str>) -> Answer {
    let mut body = json!({"email": ADA, "password": PASSWORD});
    if let Some(delivery) = delivery {
        body["token_delivery"] = json!(delivery);
    }
    world.post("/v1/auth/login", &body).expect(200).await
}

/// The attributes of each cookie that is set, without its value.
fn attributes(answer: &Answer) -> Vec<String> {
    answer
        .set_cookies()
        .iter()
        .map(|line| {
            let (name, rest) = line.split_once('=').unwrap();
            let (_, attributes) = rest.split_once(';').unwrap();
            format!("{name}:{attributes}")
        })
        .collect()
}

const WEEK: u64 = 7 * 86_400;
const YEAR: u64 = 365 * 86_400;

#[tokio::test]
async fn tokens_go_where_the_client_wants_them() {
    let world = World::new().await;
    world.register(ADA).await;
    let refresh = format!(
        "__Secure-gatekeeper_refresh: Max-Age={WEEK}; Path=/v1/auth; HttpOnly; Secure; SameSite=Strict"
    );
    let access =
        format!("__Host-gatekeeper_access: Max-Age={WEEK}; Path=/; HttpOnly; Secure; SameSite=Lax");
    let csrf = format!("__Host-gatekeeper_csrf: Max-Age={WEEK}; Path=/; Secure; SameSite=Strict");

    let device = format!(
        "__Secure-gatekeeper_device: Max-Age={YEAR}; Path=/v1/auth; HttpOnly; Secure; SameSite=Strict"
    );

    let split = login(&world, None).await;
    assert!(split.body.get("access_token").is_some());
    assert!(split.body.get("refresh_token").is_none());
    assert!(split.body.get("device_token").is_none());
    assert_eq!(
        attributes(&split),
        [refresh.clone(), csrf.clone(), device.clone()]
    );

    let body = login(&world, Some("body")).await;
    assert!(body.body.get("access_token").is_some());
    assert!(body.body.get("refresh_token").is_some());
    assert!(body.body.get("device_token").is_some());
    assert!(body.set_cookies().is_empty());

    let cookie = login(&world, Some("cookie")).await;
    assert!(cookie.body.get("access_token").is_none());
    assert!(cookie.body.get("refresh_token").is_none());
    assert_eq!(attributes(&cookie), [refresh, access, csrf, device]);
    world
        .get("/v1/auth/me")
        .cookies(&cookie.cookie_header())
        .expect(200)
        .await;
}

#[tokio::test]
async fn plain_http_on_localhost_drops_prefix_and_secure_and_nowhere_else() {
    for (url, local) in [
        ("http://localhost:8080", true),
        ("http://127.0.0.1:8080", true),
        ("http://auth.example.com", false),
        ("https://localhost:8443", false),
    ] {
        let world = World::with(|builder| builder.public_url(url), HttpSettings::new()).await;
        world.register(ADA).await;
        let answer = login(&world, Some("cookie")).await;
        for line in answer.set_cookies() {
            assert_eq!(line.contains("; Secure"), !local, "{url}: {line}");
            assert_eq!(line.starts_with("gatekeeper_"), local, "{url}: {line}");
        }
        world
            .get("/v1/auth/me")
            .cookies(&answer.cookie_header())
            .expect(200)
            .await;
    }
}

#[tokio::test]
async fn a_header_goes_before_a_cookie() {
    let world = World::new().await;
    world.register(ADA).await;
    let (cookies, _) = world.sign_in_with_cookies(ADA).await;
    let get = || world.get("/v1/auth/me").cookies(&cookies);
    get().expect(200).await;
    get()
        .bearer("wrong")
        .refused(401, "access.invalid_token")
        .await;
    // A proxy's own scheme is not ours.
    get()
        .header("authorization", "Basic YTpi")
        .expect(200)
        .await;
}

#[tokio::test]
async fn what_is_there_twice_is_refused() {
    let world = World::new().await;
    let tokens = world.ada().await;
    world
        .get("/v1/auth/me")
        .bearer(&tokens.access)
        .bearer(&tokens.access)
        .refused(400, "request.ambiguous_credentials")
        .await;
    let (cookies, _) = world.sign_in_with_cookies(ADA).await;
    for lines in [
        format!("{cookies}; __Host-gatekeeper_access=x"),
        format!("__Host-gatekeeper_access=x; {cookies}"),
    ] {
        world
            .get("/v1/auth/me")
            .cookies(&lines)
            .refused(400, "request.ambiguous_credentials")
            .await;
    }
    world
        .call(Method::POST, "/v1/auth/refresh")
        .same_site()
        .cookies(&cookies)
        .cookies("__Secure-gatekeeper_refresh=x")
        .refused(400, "request.ambiguous_credentials")
        .await;
}

#[tokio::test]
async fn signing_out_clears_the_cookies() {
    let world = World::new().await;
    world.register(ADA).await;
    let (cookies, _) = world.sign_in_with_cookies(ADA).await;
    let out = world
        .call(Method::POST, "/v1/auth/logout")
        .same_site()
        .cookies(&cookies)
        .expect(204)
        .await;
    for line in out.set_cookies() {
        assert!(line.contains("=; Max-Age=0; Path=/"), "{line}");
    }
    assert_eq!(out.set_cookies().len(), 3);
    world
        .get("/v1/auth/me")
        .cookies(&cookies)
        .refused(401, "access.invalid_token")
        .await;
    let again = world
        .call(Method::POST, "/v1/auth/refresh")
        .same_site()
        .cookies(&cookies);
    let again = again.refused(401, "session.invalid_refresh_token").await;
    assert_eq!(again.set_cookies().len(), 3);
}

#[tokio::test]
async fn a_sign_in_without_access_cookie_takes_an_older_one_away() {
    let world = World::new().await;
    world.register(ADA).await;
    let (cookies, _) = world.sign_in_with_cookies(ADA).await;
    let answer = world
        .post(
            "/v1/auth/login",
            &json!({"email": ADA, "password": PASSWORD}),
        )
        .cookies(&cookies)
        .same_site()
        .expect(200)
        .await;
    assert_eq!(
        answer.cookie("__Host-gatekeeper_access").as_deref(),
        Some("")
    );
}
