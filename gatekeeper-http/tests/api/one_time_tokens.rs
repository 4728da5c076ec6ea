//! One-time tokens: wrong, used, expired and of another purpose are one answer.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::world::{ADA, PASSWORD, World};

const VERIFY: &str = "/v1/auth/email/verify";
const RESET: &str = "/v1/auth/password/reset";

fn body(path: &str, token: impl Into<Value>) -> Value {
    let mut body = json!({"token": token.into()});
    if path == RESET {
        body["new_password"] = json!(PASSWORD);
    }
    body
}

async fn refused(world: &World, path: &str, token: &str) -> String {
    let answer = world
        .post(path, &body(path, json!(token)))
        .header("x-correlation-id", "same")
        .refused(400, "token.invalid")
        .await;
    answer.body.to_string()
}

#[tokio::test]
async fn cve_2026_27840_a_token_changed_anywhere_is_refused_and_spends_nothing() {
    let world = World::new().await;
    world
        .post(
            "/v1/auth/register",
            &json!({"email": ADA, "password": PASSWORD}),
        )
        .expect(202)
        .await;
    let token = world.mailed_token(ADA).await;
    let mut answers = std::collections::BTreeSet::new();
    for index in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
        answers.insert(refused(&world, VERIFY, std::str::from_utf8(&changed).unwrap()).await);
        answers.insert(refused(&world, VERIFY, &token[..index]).await);
    }
    for wrong in [
        "",
        " ",
        "null",
        &format!("{token}A"),
        &format!("{token}="),
        &format!(" {token}"),
        &token.repeat(900),
    ] {
        answers.insert(refused(&world, VERIFY, wrong).await);
    }
    // CVE-2026-110862: of another purpose.
    answers.insert(refused(&world, RESET, &token).await);
    assert_eq!(answers.len(), 1, "always the same");
    world
        .post(VERIFY, &body(VERIFY, json!(token)))
        .expect(200)
        .await;
    answers.insert(refused(&world, VERIFY, &token).await);

    world
        .post("/v1/auth/password/forgot", &json!({"email": ADA}))
        .expect(202)
        .await;
    let reset = world.mailed_token(ADA).await;
    answers.insert(refused(&world, VERIFY, &reset).await);
    world.clock.advance(Duration::from_mins(31));
    answers.insert(refused(&world, RESET, &reset).await);
    assert_eq!(answers.len(), 1, "always the same");
}

/// CVE-2019-16109: what is no text is no token, and above all not one that matches an empty column.
#[tokio::test]
async fn a_missing_token_is_a_bad_request_and_a_mistyped_one_a_wrong_field() {
    let world = World::new().await;
    for path in [VERIFY, RESET] {
        let mut without = body(path, json!(null));
        without.as_object_mut().unwrap().remove("token");
        world
            .post(path, &without)
            .refused(400, "request.missing_token")
            .await;
        for shape in [
            json!(null),
            json!([]),
            json!(["x"]),
            json!({}),
            json!(0),
            json!(true),
        ] {
            let found = world.post(path, &body(path, shape)).invalid().await;
            assert_eq!(found, [("/token".to_owned(), "field.type".to_owned())]);
        }
    }
}

#[tokio::test]
async fn looking_at_a_link_spends_nothing() {
    let world = World::new().await;
    world
        .post(
            "/v1/auth/register",
            &json!({"email": ADA, "password": PASSWORD}),
        )
        .expect(202)
        .await;
    let token = world.mailed_token(ADA).await;
    for method in [Method::GET, Method::HEAD] {
        world
            .call(method, &format!("{VERIFY}?token={token}"))
            .expect(405)
            .await;
    }
    world
        .post(&format!("{VERIFY}?token={token}"), &json!({}))
        .refused(400, "request.missing_token")
        .await;
    world
        .post(VERIFY, &body(VERIFY, json!(token)))
        .expect(200)
        .await;
}
