//! The ways of an account, and that every route was seen to do what the description promises.

use std::{collections::BTreeSet, time::Duration};

use gatekeeper_core::{
    Config, config::EmailVerification, crypto::password::danger::danger_weak_hashing,
};
use gatekeeper_http::{Api, HttpSettings};
use http::Method;
use serde_json::json;

use crate::world::{ADA, PASSWORD, World};

const OTHER_PASSWORD: &str = "another long walk inland";

pub(crate) async fn with_optional_verification() -> World {
    let mut config = Config::default();
    config.hashing = danger_weak_hashing();
    config.email.verification = EmailVerification::Optional;
    World::with(|builder| builder.config(config), HttpSettings::new()).await
}

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
#[tokio::test]
async fn an_account_from_its_beginning_to_its_end() {
    let world = World::new().await;

    let registration =
        json!({"email": ADA, "password": PASSWORD, "name": "Ada", "locale": "en-GB"});
    let registered = world
        .post("/v1/auth/register", &registration)
        .expect(202)
        .await;
    assert_eq!(registered.body, json!({"status": "verification_required"}));
    let credentials = json!({"email": ADA, "password": PASSWORD, "token_delivery": "body"});
    world
        .post("/v1/auth/login", &credentials)
        .refused(403, "account.email_unverified")
        .await;

    world.mailed_token(ADA).await;
    let again = world
        .post("/v1/auth/email/verification", &json!({"email": ADA}))
        .expect(202)
        .await;
    assert_eq!(again.body, json!({"status": "accepted"}));
    let token = world.mailed_token(ADA).await;
    let verified = world
        .post("/v1/auth/email/verify", &json!({"token": token}))
        .expect(200)
        .await;
    assert_eq!(verified.body, json!({"status": "verified"}));
    world
        .post("/v1/auth/email/verify", &json!({"token": token}))
        .refused(400, "token.invalid")
        .await;

    let tokens = world.sign_in(ADA).await;
    let me = world
        .get("/v1/auth/me")
        .bearer(&tokens.access)
        .expect(200)
        .await;
    assert_eq!(me.body["email"], ADA);
    assert_eq!(me.body["email_verified"], true);
    assert_eq!(me.body["name"], "Ada");
    assert_eq!(me.body["roles"], json!(["user"]));
    assert_eq!(me.body["mfa_enabled"], false);
    assert_eq!(me.body["is_active"], true);

    let changed = world
        .call(Method::PATCH, "/v1/auth/me")
        .bearer(&tokens.access)
        .json(&json!({"name": null, "metadata": {"theme": "dark", "deep": [1, {"a": null}]}}))
        .expect(200)
        .await;
    assert_eq!(changed.body["name"], json!(null));
    assert_eq!(changed.body["locale"], "en-GB");
    assert_eq!(
        changed.body["metadata"],
        json!({"theme": "dark", "deep": [1, {"a": null}]})
    );

    let second = world.sign_in(ADA).await;
    let third = world.sign_in(ADA).await;
    let sessions = world
        .get("/v1/auth/sessions")
        .bearer(&second.access)
        .expect(200)
        .await;
    let items = sessions.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    let current: Vec<_> = items
        .iter()
        .filter(|item| item["current"] == true)
        .collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["id"], second.session.as_str());
    let of_third = format!("/v1/auth/sessions/{}", third.session);
    world
        .delete(&of_third)
        .bearer(&second.access)
        .expect(204)
        .await;
    world
        .get("/v1/auth/me")
        .bearer(&third.access)
        .refused(401, "access.invalid_token")
        .await;
    world
        .delete(&of_third)
        .bearer(&second.access)
        .refused(404, "session.not_found")
        .await;
    world
        .delete("/v1/auth/sessions/none")
        .bearer(&second.access)
        .refused(404, "session.not_found")
        .await;
    world
        .delete("/v1/auth/sessions")
        .bearer(&second.access)
        .expect(204)
        .await;
    world
        .get("/v1/auth/me")
        .bearer(&tokens.access)
        .refused(401, "access.invalid_token")
        .await;

    let change =
        |current: &str| json!({"current_password": current, "new_password": OTHER_PASSWORD});
    let post = |path: &str, body| world.post(path, &body).bearer(&second.access);
    post("/v1/auth/password/change", change("wrong"))
        .refused(403, "password.current_incorrect")
        .await;
    post("/v1/auth/password/change", change(PASSWORD))
        .expect(204)
        .await;
    world
        .post("/v1/auth/login", &credentials)
        .refused(401, "password.invalid_credentials")
        .await;

    world
        .post("/v1/auth/password/forgot", &json!({"email": ADA}))
        .expect(202)
        .await;
    let token = world.mailed_token(ADA).await;
    world
        .post(
            "/v1/auth/password/reset",
            &json!({"token": token, "new_password": "x"}),
        )
        .expect(422)
        .await;
    let reused = world
        .post(
            "/v1/auth/password/reset",
            &json!({"token": token, "new_password": OTHER_PASSWORD}),
        )
        .expect(422)
        .await;
    assert_eq!(reused.body["errors"][0]["code"], "password.reused");
    let reset = world
        .post(
            "/v1/auth/password/reset",
            &json!({"token": token, "new_password": PASSWORD}),
        )
        .expect(204)
        .await;
    assert!(reset.set_cookies().is_empty(), "a reset signs nobody in");
    world
        .get("/v1/auth/me")
        .bearer(&second.access)
        .refused(401, "access.invalid_token")
        .await;

    let tokens = world.sign_in(ADA).await;
    let post = |path: &str, body| world.post(path, &body).bearer(&tokens.access);
    let new_address = "ada@new.example.com";
    let wanted = |password: &str| json!({"new_email": new_address, "password": password});
    post("/v1/auth/email/change", wanted("wrong"))
        .refused(403, "password.current_incorrect")
        .await;
    post("/v1/auth/email/change", wanted(PASSWORD))
        .expect(202)
        .await;
    let token = world.mailed_token(new_address).await;
    world
        .post("/v1/auth/email/verify", &json!({"token": token}))
        .expect(200)
        .await;

    world.clock.advance(Duration::from_secs(1));
    let tokens = world.sign_in(new_address).await;
    let history = world
        .get("/v1/auth/history?limit=100")
        .bearer(&tokens.access)
        .expect(200)
        .await;
    let events: BTreeSet<&str> = history.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["event"].as_str().unwrap())
        .collect();
    for expected in [
        "account.registered",
        "email.verified",
        "session.created",
        "password.changed",
        "password.reset",
        "email.changed",
    ] {
        assert!(events.contains(expected), "{expected} in {events:?}");
    }
    let newest = &history.body["items"][0];
    assert_eq!(newest["event"], "session.created");
    assert_eq!(newest["session_id"], tokens.session.as_str());

    let refreshed = world
        .post(
            "/v1/auth/refresh",
            &json!({"refresh_token": tokens.refresh}),
        )
        .expect(200)
        .await;
    world
        .call(Method::POST, "/v1/auth/logout")
        .bearer(&refreshed.text("access_token"))
        .expect(204)
        .await;
    world
        .get("/v1/auth/me")
        .bearer(&refreshed.text("access_token"))
        .refused(401, "access.invalid_token")
        .await;
    world
        .post(
            "/v1/auth/refresh",
            &json!({"refresh_token": refreshed.text("refresh_token")}),
        )
        .refused(401, "session.invalid_refresh_token")
        .await;

    let asked = json!({"email": new_address, "token_delivery": "body"});
    let asked = world.post("/v1/auth/magic-link", &asked).expect(202).await;
    let token = world.mailed_token(new_address).await;
    let link = json!({"token": token, "binding": asked.text("binding")});
    let by_link = world
        .post("/v1/auth/magic-link/verify", &link)
        .expect(200)
        .await;
    assert_eq!(by_link.body["user"]["email"], new_address);

    let tokens = world.sign_in(new_address).await;
    let delete = |password: &str| {
        world
            .delete("/v1/auth/me")
            .bearer(&tokens.access)
            .json(&json!({"password": password}))
    };
    delete("wrong")
        .refused(403, "password.current_incorrect")
        .await;
    let gone = delete(PASSWORD).expect(204).await;
    assert_eq!(
        gone.set_cookies().len(),
        3,
        "the cookies go with the account"
    );
    world
        .get("/v1/auth/me")
        .bearer(&tokens.access)
        .refused(401, "access.invalid_token")
        .await;
    assert_eq!(world.users().await, 0);

    for path in [
        "/.well-known/jwks.json",
        "/health/live",
        "/health/ready",
        "/openapi.json",
    ] {
        world.get(path).expect(200).await;
    }

    // Every answer that the table promises has been given, but for sign-up with optional verification and what `second_step`
    // and `second_factors` show.
    let seen = world.seen.lock().unwrap();
    let elsewhere = crate::second_step::OPERATIONS;
    for route in Api::routes()
        .filter(|route| !elsewhere.contains(&route.operation_id))
        .filter(|route| !crate::second_factors::OPERATIONS.contains(&route.operation_id))
        .filter(|route| !crate::invitations::OPERATIONS.contains(&route.operation_id))
        .filter(|route| !crate::organizations::OPERATIONS.contains(&route.operation_id))
        .filter(|route| !crate::audit::OPERATIONS.contains(&route.operation_id))
        .filter(|route| !crate::privacy::OPERATIONS.contains(&route.operation_id))
        .filter(|route| !crate::users::OPERATIONS.contains(&route.operation_id))
        .filter(|route| !crate::impersonation::OPERATIONS.contains(&route.operation_id))
        .filter(|route| !crate::api_keys::OPERATIONS.contains(&route.operation_id))
        .filter(|route| !crate::tenants::OPERATIONS.contains(&route.operation_id))
        .filter(|route| !crate::roles::OPERATIONS.contains(&route.operation_id))
        .filter(|route| !crate::groups::OPERATIONS.contains(&route.operation_id))
    {
        for answer in route.answers {
            let unseen = !seen.contains(&(route.operation_id, answer.status));
            assert_eq!(
                unseen,
                answer.status == 201,
                "{route:?} never answered {}",
                answer.status
            );
        }
    }
}

#[tokio::test]
async fn where_verification_is_optional_sign_up_signs_in() {
    let world = with_optional_verification().await;
    let registration = json!({"email": ADA, "password": PASSWORD, "token_delivery": "body"});
    let answer = world
        .post("/v1/auth/register", &registration)
        .expect(201)
        .await;
    assert_eq!(answer.body["status"], "authenticated");
    assert_eq!(answer.body["user"]["email_verified"], false);
    world
        .get("/v1/auth/me")
        .bearer(&answer.text("access_token"))
        .expect(200)
        .await;
    world
        .post("/v1/auth/register", &registration)
        .refused(409, "account.email_taken")
        .await;
}

/// CVE-2022-39307, CVE-2026-23511: nobody learns from an answer whether there is an account.
#[tokio::test]
async fn answers_are_alike_whether_or_not_there_is_an_account() {
    let world = World::new().await;
    world.register(ADA).await;
    let other = "bob@example.com";
    let cases = [
        (
            "/v1/auth/register",
            json!({"email": "@", "password": PASSWORD}),
        ),
        ("/v1/auth/email/verification", json!({"email": "@"})),
        ("/v1/auth/password/forgot", json!({"email": "@"})),
        (
            "/v1/auth/login",
            json!({"email": "@", "password": "a wrong password here"}),
        ),
    ];
    for (path, body) in cases {
        let mut answers = Vec::new();
        for email in [ADA, other] {
            let mut body = body.clone();
            body["email"] = json!(email);
            let answer = world
                .post(path, &body)
                .header("x-correlation-id", "same")
                .send()
                .await;
            answers.push((answer.status, answer.headers, answer.raw));
        }
        assert_eq!(answers[0], answers[1], "{path}");
    }
}
