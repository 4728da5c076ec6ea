//! Second factors: set up, shown, taken away.

use std::time::Duration;

use gatekeeper_core::env::Clock;
use http::Method;
use serde_json::{Value, json};

use super::{
    client::{Ask, Client, Reply},
    journey::login,
};
use crate::totp;

fn code(client: &Client<'_>, setup: &Reply) -> String {
    client.fixture.clock().advance(Duration::from_secs(30));
    let now = client.fixture.clock().now();
    totp::code(&totp::seed(&setup.text("secret")), now)
}

pub(super) async fn second_factor(client: &mut Client<'_>) {
    let first = login(client, "sign in once more", Some("body")).await;
    let access = first.text("access_token");
    let post = |path: &str, body: &Value, access: &str| Ask::post(path, body).bearer(access);
    let status = Ask::get("/v1/auth/mfa");
    client
        .step("no second factor", 200, status.clone().bearer(&access))
        .await;
    client.step("nobody's second factor", 401, status).await;
    let begin = Ask::new(Method::POST, "/v1/auth/mfa/totp").bearer(&access);
    let setup = client.step("set an app up", 200, begin.clone()).await;
    let wrong = json!({"code": "000000"});
    let confirm = "/v1/auth/mfa/totp/confirm";
    client
        .step("a wrong code", 403, post(confirm, &wrong, &access))
        .await;
    let right = json!({"code": code(client, &setup)});
    let codes = client
        .step("confirm it", 200, post(confirm, &right, &access))
        .await;
    assert_eq!(
        codes.body["backup_codes"].as_array().map(Vec::len),
        Some(10)
    );
    let me = Ask::get("/v1/auth/me").bearer(&access);
    client.step("me, with a second factor", 200, me).await;
    client
        .step("a second one asks for the first", 401, begin.clone())
        .await;

    let waiting = login(client, "the first step", Some("body")).await;
    let finish = |method: &str, code: &str| {
        let token = waiting.text("mfa_token");
        let body =
            json!({"mfa_token": token, "method": method, "code": code, "token_delivery": "body"});
        Ask::post("/v1/auth/login/mfa", &body)
    };
    let challenge = json!({"mfa_token": waiting.text("mfa_token"), "method": "totp"});
    let challenge = Ask::post("/v1/auth/login/mfa/challenge", &challenge);
    client.step("an app is sent no code", 422, challenge).await;
    client
        .step(
            "a used code",
            401,
            finish("totp", right["code"].as_str().unwrap_or_default()),
        )
        .await;
    let strong = client
        .step(
            "the second step",
            200,
            finish("totp", &code(client, &setup)),
        )
        .await;
    let access = strong.text("access_token");
    client
        .step("once is enough", 409, begin_with(&access))
        .await;
    let path = "/v1/auth/mfa/backup-codes";
    client
        .step(
            "new codes for a wrong one",
            403,
            post(path, &wrong, &access),
        )
        .await;
    let right = json!({"code": code(client, &setup)});
    client
        .step("new backup codes", 200, post(path, &right, &access))
        .await;
    not_offered_and_taken_away(client, &setup, &access).await;
}

async fn not_offered_and_taken_away(client: &mut Client<'_>, setup: &Reply, access: &str) {
    let post = |path: &str, body: &Value, access: &str| Ask::post(path, body).bearer(access);
    let wrong = json!({"code": "000000"});
    let phone = json!({"phone": "+4915112345678"});
    client
        .step(
            "no telephones here",
            404,
            post("/v1/auth/mfa/sms", &phone, access),
        )
        .await;
    let email = Ask::new(Method::POST, "/v1/auth/mfa/email").bearer(access);
    client.step("no codes by mail here", 404, email).await;
    let step_up = json!({"method": "totp", "code": code(client, setup), "token_delivery": "body"});
    let stepped = client
        .step(
            "step up",
            200,
            post("/v1/auth/mfa/step-up", &step_up, access),
        )
        .await;
    let access = stepped.text("access_token");
    let disable = "/v1/auth/mfa/totp/disable";
    client
        .step("kept for a wrong code", 403, post(disable, &wrong, &access))
        .await;
    let right = json!({"code": code(client, setup)});
    client
        .step("take it away", 204, post(disable, &right, &access))
        .await;
    client
        .step("it is gone", 404, post(disable, &right, &access))
        .await;
    let enroll = json!({"enrollment_token": "x"});
    let enroll = Ask::post("/v1/auth/login/mfa/enroll", &enroll);
    client
        .step("a wrong token enrols nobody", 401, enroll)
        .await;
}

fn begin_with(access: &str) -> Ask {
    Ask::new(Method::POST, "/v1/auth/mfa/totp").bearer(access)
}
