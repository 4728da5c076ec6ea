//! What holds for every route: paths, methods, media types, bodies, headers.

use gatekeeper_http::HttpSettings;
use http::Method;
use serde_json::json;

use crate::world::{ADA, PASSWORD, World};

#[tokio::test]
async fn a_path_that_is_not_there_is_a_problem_document_too() {
    let world = World::new().await;
    for path in [
        "/",
        "/v1",
        "/v1/auth/me/",
        "//v1/auth/me",
        "/v1//auth/me",
        "/v1/auth/%6de",
        "/v1/auth/sessions/a%2Fb",
        "/V1/auth/me",
        "/v1/auth/..%2fme",
        "/v2/auth/me",
    ] {
        world.get(path).refused(404, "route.not_found").await;
    }
}

#[tokio::test]
async fn a_method_that_is_not_there_is_answered_with_those_that_are() {
    let world = World::new().await;
    for method in ["PUT", "POST", "OPTIONS", "TRACE", "PROPFIND", "get"] {
        let answer = world
            .call(
                Method::from_bytes(method.as_bytes()).unwrap(),
                "/v1/auth/me",
            )
            .refused(405, "route.method_not_allowed")
            .await;
        assert_eq!(answer.header("allow"), "GET, HEAD, PATCH, DELETE");
    }
    // CVE-2026-82469: what is for POST is for nothing else.
    let answer = world
        .get("/v1/auth/refresh")
        .refused(405, "route.method_not_allowed")
        .await;
    assert_eq!(answer.header("allow"), "POST");
}

#[tokio::test]
async fn head_answers_as_get_does_without_the_body() {
    let world = World::new().await;
    let tokens = world.ada().await;
    world.call(Method::HEAD, "/health/live").expect(200).await;
    world
        .call(Method::HEAD, "/v1/auth/me")
        .bearer(&tokens.access)
        .expect(200)
        .await;
    world.call(Method::HEAD, "/v1/auth/me").expect(401).await;
}

#[tokio::test]
async fn a_body_must_be_json_by_its_media_type() {
    let world = World::new().await;
    let body = json!({"email": ADA}).to_string();
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
    ] {
        world
            .call(Method::POST, "/v1/auth/password/forgot")
            .header("content-type", media_type)
            .raw(body.clone())
            .refused(415, "request.unsupported_media_type")
            .await;
    }
    let post = || {
        world
            .call(Method::POST, "/v1/auth/password/forgot")
            .raw(body.clone())
    };
    post().refused(415, "request.unsupported_media_type").await;
    post()
        .header("content-type", "application/json")
        .header("content-type", "application/json")
        .refused(415, "request.unsupported_media_type")
        .await;
    post()
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .refused(415, "request.unsupported_media_type")
        .await;
    post()
        .header("content-type", "application/json; charset=UTF-8")
        .expect(202)
        .await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_unread() {
    let world = World::new().await;
    let sized = |size: usize| {
        let mut text = json!({"email": ADA}).to_string();
        text.push_str(&" ".repeat(size - text.len()));
        text
    };
    let post = |size: usize| {
        world
            .call(Method::POST, "/v1/auth/password/forgot")
            .header("content-type", "application/json")
            .raw(sized(size))
    };
    post(64 * 1024).expect(202).await;
    post(64 * 1024 + 1).refused(413, "request.too_large").await;
    // An adapter may stop at the announced length and hand over nothing.
    for announced in [
        "65537",
        "18446744073709551615",
        "99999999999999999999999",
        "-1",
        "many",
    ] {
        post(100)
            .header("content-length", announced)
            .refused(413, "request.too_large")
            .await;
    }
}

#[tokio::test]
async fn malformed_json_is_a_bad_request() {
    let world = World::new().await;
    let deep = format!("{{\"email\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"{\"email\":\"ada@example.com\"".to_vec(),
        b"{\"email\":\"ada@example.com\"} x".to_vec(),
        b"{'email':'ada@example.com'}".to_vec(),
        b"\xef\xbb\xbf{\"email\":\"ada@example.com\"}".to_vec(),
        b"{\"email\":\"ada\xff@example.com\"}".to_vec(),
        b"{\"email\":\"\\ud800@example.com\"}".to_vec(),
        b"{\"email\":1e999}".to_vec(),
        b"{\"email\":\"a@example.com\",\"email\":\"b@example.com\"}".to_vec(),
        b"{\"email\":\"a@example.com\",\"\\u0065mail\":\"b@example.com\"}".to_vec(),
        deep.into_bytes(),
        "[".repeat(60_000).into_bytes(),
        b"email=ada%40example.com".to_vec(),
    ];
    for body in bodies {
        let answer = world
            .call(Method::POST, "/v1/auth/password/forgot")
            .header("content-type", "application/json")
            .raw(body.clone())
            .refused(400, "request.malformed")
            .await;
        // Nothing of the body comes back.
        assert!(
            !answer.text("detail").contains("example"),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let world = World::new().await;
    let cases = [
        (json!([]), vec![("", "field.type")]),
        (json!("text"), vec![("", "field.type")]),
        (json!(null), vec![("", "field.type")]),
        (
            json!({}),
            vec![("/email", "field.missing"), ("/password", "field.missing")],
        ),
        (
            json!({"email": 1, "password": ["x"], "name": {}, "locale": true, "token_delivery": "mail"}),
            vec![
                ("/email", "field.type"),
                ("/password", "field.type"),
                ("/name", "field.type"),
                ("/locale", "field.type"),
                ("/token_delivery", "field.value"),
            ],
        ),
        (
            json!({"email": null, "password": null, "token_delivery": null}),
            vec![
                ("/email", "field.missing"),
                ("/password", "field.type"),
                ("/token_delivery", "field.value"),
            ],
        ),
        (
            json!({"email": ["a@example.com", "b@example.com"], "password": PASSWORD}),
            vec![("/email", "field.type")],
        ),
        (
            json!({"email": "a\u{0}@example.com", "password": PASSWORD}),
            vec![("/email", "field.nul")],
        ),
        // CVE-2025-61928: nothing that decides over rights is taken from a body.
        (
            json!({"email": ADA, "password": PASSWORD, "role": "admin", "tenant_id": "x", "email_verified": true, "a/b~": 1}),
            vec![
                ("/a~1b~0", "field.unknown"),
                ("/email_verified", "field.unknown"),
                ("/role", "field.unknown"),
                ("/tenant_id", "field.unknown"),
            ],
        ),
    ];
    for (body, expected) in cases {
        let found = world.post("/v1/auth/register", &body).invalid().await;
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(at, code)| (at.as_str(), code.as_str()))
            .collect();
        assert_eq!(found, expected, "{body}");
    }
    assert_eq!(world.users().await, 0);
}

#[tokio::test]
async fn a_route_without_fields_takes_an_empty_object_and_nothing_else() {
    let world = World::new().await;
    let tokens = world.ada().await;
    let others = || world.delete("/v1/auth/sessions").bearer(&tokens.access);
    others().expect(204).await;
    others().json(&json!({})).expect(204).await;
    assert_eq!(
        others().json(&json!({"all": true})).invalid().await,
        [("/all".to_owned(), "field.unknown".to_owned())]
    );
    others()
        .raw("x")
        .refused(415, "request.unsupported_media_type")
        .await;
}

#[tokio::test]
async fn the_correlation_id_is_the_callers_where_it_is_sane() {
    let world = World::new().await;
    let sent = |id: &'static str| world.get("/v1/auth/me").header("x-correlation-id", id);
    let long: &'static str = "x".repeat(65).leak();
    assert_eq!(
        sent("Req-1.a_B").expect(401).await.text("correlation_id"),
        "Req-1.a_B"
    );
    for odd in ["", "a b", "a\tb", "<script>", "ä", long] {
        let id = sent(odd).expect(401).await.text("correlation_id");
        assert_ne!(id, odd);
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    }
    let doubled = sent("one")
        .header("x-correlation-id", "two")
        .expect(401)
        .await;
    assert!(!["one", "two"].contains(&doubled.text("correlation_id").as_str()));
    let first = world.get("/health/live").expect(200).await;
    let second = world.get("/health/live").expect(200).await;
    assert_ne!(
        first.header("x-correlation-id"),
        second.header("x-correlation-id")
    );
}

#[tokio::test]
async fn the_same_correlation_id_stands_in_the_audit_trail() {
    let world = World::new().await;
    world.register(ADA).await;
    // Events of one instant have no order.
    world.clock.advance(std::time::Duration::from_secs(1));
    world
        .post(
            "/v1/auth/login",
            &json!({"email": ADA, "password": PASSWORD}),
        )
        .header("x-correlation-id", "find-me")
        .header("user-agent", "curl/8.5.0")
        .expect(200)
        .await;
    let mut tx = gatekeeper_core::store::Repository::begin(&*world.repository)
        .await
        .unwrap();
    let events = tx
        .audit()
        .list(
            gatekeeper_core::model::TenantId::DEFAULT,
            &gatekeeper_core::store::AuditFilter::default(),
            gatekeeper_core::model::PageRequest::first(10),
        )
        .await
        .unwrap();
    let event = &events.items[0];
    assert_eq!(event.correlation_id, "find-me");
    assert_eq!(event.user_agent.as_deref(), Some("curl/8.5.0"));
    assert_eq!(event.ip, Some([192, 0, 2, 10].into()));
}

/// SECURITY row 17, through the whole API: what the session list shows is what rate limits and audit see.
#[tokio::test]
async fn cve_2026_108162_a_forwarded_address_is_believed_from_a_trusted_proxy_alone() {
    let settings = HttpSettings::new().trust_proxies(["10.0.0.0/8".parse().unwrap()]);
    let world = World::with(|builder| builder, settings).await;
    world.register(ADA).await;
    for (peer, forwarded, expected) in [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.1.1.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.1.1.1", "198.51.100.1 evil", "10.1.1.1"),
    ] {
        let answer = world
            .post(
                "/v1/auth/login",
                &json!({"email": ADA, "password": PASSWORD, "token_delivery": "body"}),
            )
            .peer(peer)
            .header("x-forwarded-for", forwarded)
            .expect(200)
            .await;
        let sessions = world
            .get("/v1/auth/sessions")
            .bearer(&answer.text("access_token"))
            .expect(200)
            .await;
        let current = sessions.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|item| item["current"] == true)
            .unwrap();
        assert_eq!(current["ip"], expected);
    }
}

#[tokio::test]
async fn keys_and_description_may_be_cached_and_nothing_else() {
    let world = World::new().await;
    let keys = world.get("/.well-known/jwks.json").expect(200).await;
    assert_eq!(keys.header("cache-control"), "public, max-age=300");
    let description = world.get("/openapi.json").expect(200).await;
    assert_eq!(description.header("cache-control"), "public, max-age=3600");
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(
            world.get(path).expect(200).await.header("cache-control"),
            "no-store"
        );
    }
}

#[tokio::test]
async fn health_tells_how_it_is() {
    let world = World::new().await;
    assert_eq!(
        world.get("/health/live").expect(200).await.body,
        json!({"status": "live"})
    );
    let ready = world.get("/health/ready").expect(200).await;
    assert_eq!(ready.body["status"], "ready");
    assert_eq!(ready.body["checks"]["memory"], "up");
}
