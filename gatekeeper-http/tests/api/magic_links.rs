//! Links to sign in with: where the binding goes, and what a page is told in another browser.

use gatekeeper_core::{Config, crypto::password::danger::danger_weak_hashing};
use gatekeeper_http::HttpSettings;
use serde_json::json;

use crate::world::{ADA, PUBLIC_URL, World};

const REQUEST: &str = "/v1/auth/magic-link";
const VERIFY: &str = "/v1/auth/magic-link/verify";

#[tokio::test]
async fn a_browser_is_bound_by_a_cookie() {
    let world = World::new().await;
    world.register(ADA).await;
    let asked = world
        .post(REQUEST, &json!({"email": ADA}))
        .expect(202)
        .await;
    assert_eq!(asked.body, json!({"status": "accepted"}));
    let line = asked.set_cookies()[0].to_owned();
    assert!(line.starts_with("__Secure-gatekeeper_magic="), "{line}");
    assert!(
        line.ends_with(
            "; Max-Age=1200; Path=/v1/auth/magic-link; HttpOnly; Secure; SameSite=Strict"
        ),
        "{line}"
    );
    let cookie = asked.cookie_header();
    let token = world.mailed_token(ADA).await;
    // The cookie alone is no proof that the page is ours, and its refusal uses nothing up.
    world
        .post(VERIFY, &json!({"token": token}))
        .cookies(&cookie)
        .refused(403, "request.csrf")
        .await;
    world
        .post(VERIFY, &json!({"token": token}))
        .cookies(&format!("{cookie}; {cookie}"))
        .same_site()
        .refused(400, "request.ambiguous_credentials")
        .await;
    // Looking does nothing: neither route knows GET.
    for path in [REQUEST, VERIFY] {
        let look = world.get(&format!("{path}?token={token}")).cookies(&cookie);
        look.refused(405, "route.method_not_allowed").await;
    }
    let answer = world
        .post(VERIFY, &json!({"token": token}))
        .cookies(&cookie)
        .same_site()
        .expect(200)
        .await;
    assert_eq!(answer.body["status"], "authenticated");
    assert!(answer.cookie("__Secure-gatekeeper_refresh").is_some());
    let cleared = "__Secure-gatekeeper_magic=; Max-Age=0; Path=/v1/auth/magic-link; HttpOnly; Secure; SameSite=Strict";
    assert!(
        answer.set_cookies().contains(&cleared),
        "{:?}",
        answer.set_cookies()
    );
    assert!(answer.header("cache-control").contains("no-store"));
}

#[tokio::test]
async fn a_client_without_cookies_keeps_the_binding_itself() {
    let world = World::new().await;
    world.register(ADA).await;
    let body = json!({"email": ADA, "token_delivery": "body"});
    let asked = world.post(REQUEST, &body).expect(202).await;
    assert!(asked.set_cookies().is_empty());
    let binding = asked.text("binding");
    let token = world.mailed_token(ADA).await;
    let body = json!({"token": token, "binding": binding, "token_delivery": "body"});
    let answer = world.post(VERIFY, &body).expect(200).await;
    let me = world
        .get("/v1/auth/me")
        .bearer(&answer.text("access_token"));
    assert_eq!(me.expect(200).await.body["email"], ADA);
    world
        .post(VERIFY, &body)
        .refused(400, "token.invalid")
        .await;
}

/// Row 2: status, headers and body are those of a known address.
#[tokio::test]
async fn row_2_a_request_answers_alike_for_nobody() {
    let world = World::new().await;
    world.register(ADA).await;
    let mut answers = Vec::new();
    for email in [ADA, "nobody@example.com"] {
        for delivery in [None, Some("body")] {
            let mut body = json!({"email": email});
            if let Some(delivery) = delivery {
                body["token_delivery"] = json!(delivery);
            }
            let call = world
                .post(REQUEST, &body)
                .header("x-correlation-id", "same");
            let answer = call.expect(202).await;
            let binding = answer.body["binding"].as_str().map(str::to_owned);
            let binding = binding
                .or_else(|| answer.cookie("__Secure-gatekeeper_magic"))
                .unwrap();
            assert_eq!(binding.len(), 43);
            let told = format!("{:?} {}", answer.headers, answer.body);
            answers.push(told.replace(&binding, "BINDING"));
        }
    }
    assert_eq!(answers[0], answers[2]);
    assert_eq!(answers[1], answers[3]);
}

#[tokio::test]
async fn another_browser_is_shown_a_code() {
    let world = World::new().await;
    world.register(ADA).await;
    let asked = world
        .post(REQUEST, &json!({"email": ADA}))
        .expect(202)
        .await;
    let token = world.mailed_token(ADA).await;
    let other = world
        .post(VERIFY, &json!({"token": token}))
        .header("origin", PUBLIC_URL)
        .refused(403, "magic_link.other_browser")
        .await;
    let code = other.text("sign_in_code");
    assert_eq!(code.len(), 8);
    assert!(other.set_cookies().is_empty());
    // Of no use where it was shown.
    world
        .post(VERIFY, &json!({"code": code}))
        .refused(400, "token.invalid")
        .await;
    let answer = world
        .post(VERIFY, &json!({"code": code}))
        .cookies(&asked.cookie_header())
        .same_site()
        .expect(200)
        .await;
    assert_eq!(answer.body["status"], "authenticated");
}

#[tokio::test]
async fn a_token_or_a_code_and_not_both() {
    let world = World::new().await;
    world
        .post(VERIFY, &json!({}))
        .refused(400, "request.missing_token")
        .await;
    let both = world.post(VERIFY, &json!({"token": "a", "code": "b"}));
    assert_eq!(
        both.invalid().await,
        [("/code".to_owned(), "magic_link.ambiguous".to_owned())]
    );
    for body in [
        json!({"token": null}),
        json!({"code": ["A"]}),
        json!({"token": "a", "binding": 1}),
        json!({"token": "a", "email": ADA}),
    ] {
        world.post(VERIFY, &body).expect(422).await;
    }
    for body in [
        json!({"token": ""}),
        json!({"token": "x".repeat(43), "binding": ""}),
        json!({"code": "", "binding": "x".repeat(43)}),
    ] {
        world
            .post(VERIFY, &body)
            .refused(400, "token.invalid")
            .await;
    }
}

/// ASVS 6.3.6: nothing is left of it where it is switched off.
#[tokio::test]
async fn links_that_are_switched_off_are_not_there() {
    let mut config = Config::default();
    config.hashing = danger_weak_hashing();
    config.magic_links.enabled = false;
    let world = World::with(|builder| builder.config(config), HttpSettings::new()).await;
    world.register(ADA).await;
    let asked = world.post(REQUEST, &json!({"email": ADA}));
    let asked = asked.refused(404, "magic_link.disabled").await;
    assert!(asked.set_cookies().is_empty());
    world
        .post(VERIFY, &json!({"token": "x"}))
        .refused(404, "magic_link.disabled")
        .await;
}
