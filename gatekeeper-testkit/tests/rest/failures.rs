//! A store that is away is told as such: never as a wrong token, and never as a yes (CVE-2020-15223).

use std::sync::Arc;

use bytes::Bytes;
use gatekeeper_core::{
    Config, Gatekeeper,
    crypto::password::danger::danger_weak_hashing,
    store::{Repository, memory::MemoryRepository},
    testing::RecordingMailer,
};
use gatekeeper_core::{
    config::EmailVerification,
    crypto::SecretKey,
    testing::{ManualClock, SeededRandom},
};
use gatekeeper_http::{Api, HttpSettings};
use gatekeeper_testkit::faults::{Fault, FaultyRepository};
use http::{Request, Response};
use serde_json::{Value, json};

const CREDENTIALS: &str = r#"{"email":"ada@example.com","password":"a long walk by the sea"}"#;

async fn api() -> (Api, FaultyRepository) {
    let store = FaultyRepository::wrap(Arc::new(MemoryRepository::new()) as Arc<dyn Repository>);
    let mut config = Config::default();
    config.hashing = danger_weak_hashing();
    config.email.verification = EmailVerification::Optional;
    let gatekeeper = Gatekeeper::builder()
        .repository(store.clone())
        .secret(SecretKey::generate(&SeededRandom::new(3)))
        .public_url("https://auth.example.com")
        .config(config)
        .mailer(RecordingMailer::new())
        .clock(ManualClock::default())
        .random(SeededRandom::new(4))
        .without_workers()
        .build()
        .await
        .unwrap();
    (Api::new(gatekeeper, HttpSettings::new()), store)
}

async fn send(
    api: &Api,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response<Bytes> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("origin", "https://auth.example.com");
    if !body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Bytes::from(body.to_owned())).unwrap();
    api.handle(request, None).await
}

fn assert_unavailable(response: &Response<Bytes>, what: &str) {
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(response.status(), 503, "{what}: {body}");
    assert_eq!(body["code"], "service.unavailable", "{what}");
    assert_eq!(body["detail"], "the service is unavailable", "{what}");
    assert_eq!(response.headers()["retry-after"], "1", "{what}");
    assert!(
        response.headers().get("set-cookie").is_none(),
        "{what}: nobody is signed out by it"
    );
}

#[tokio::test]
async fn every_call_that_fails_is_answered_with_503() {
    let (api, store) = api().await;
    let registered = send(&api, "POST", "/v1/auth/register", &[], CREDENTIALS).await;
    assert_eq!(registered.status(), 201);
    let cookies: Vec<&str> = registered
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|line| line.to_str().unwrap().split(';').next().unwrap())
        .collect();
    let cookies = cookies.join("; ");
    let body: Value = serde_json::from_slice(registered.body()).unwrap();
    let bearer = format!("Bearer {}", body["access_token"].as_str().unwrap());
    let bearer: &[(&str, &str)] = &[("authorization", &bearer)];
    let password = json!({"password": "a long walk by the sea"}).to_string();

    for (method, path, headers, body) in [
        ("GET", "/v1/auth/me", bearer, ""),
        ("PATCH", "/v1/auth/me", bearer, r#"{"name":"Ada"}"#),
        ("GET", "/v1/auth/sessions", bearer, ""),
        ("GET", "/v1/auth/history", bearer, ""),
        ("DELETE", "/v1/auth/sessions", bearer, ""),
        ("DELETE", "/v1/auth/me", bearer, &password),
        ("POST", "/v1/auth/login", &[], CREDENTIALS),
        ("POST", "/v1/auth/refresh", &[("cookie", &cookies)], ""),
        ("POST", "/v1/auth/logout", &[("cookie", &cookies)], ""),
        (
            "POST",
            "/v1/auth/password/forgot",
            &[],
            r#"{"email":"ada@example.com"}"#,
        ),
        (
            "POST",
            "/v1/auth/email/verify",
            &[],
            r#"{"token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
        ),
        ("GET", "/v1/auth/me", &[("x-tenant", "acme")], ""),
    ] {
        let what = format!("{method} {path}");
        store.arm(1, Fault::Fail);
        let response = send(&api, method, path, headers, body).await;
        assert!(store.fired(), "{what} never asks the store");
        assert_unavailable(&response, &what);
        store.disarm();
    }
    let me = send(&api, "GET", "/v1/auth/me", bearer, "").await;
    assert_eq!(me.status(), 200, "nothing was done");
}

#[tokio::test]
async fn readiness_names_what_is_away() {
    let (api, store) = api().await;
    assert_eq!(
        send(&api, "GET", "/health/ready", &[], "").await.status(),
        200
    );
    store.arm(1, Fault::Fail);
    let response = send(&api, "GET", "/health/ready", &[], "").await;
    assert_unavailable(&response, "ready");
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(body["checks"]["memory"], "down");
    assert_eq!(
        send(&api, "GET", "/health/live", &[], "").await.status(),
        200
    );
}
