//! Second factors, devices, unlocking: over HTTP.

use gatekeeper_core::{
    Error, MfaAttempt, MfaMethod, MfaProof, RequestContext, async_trait,
    model::{AuthMethod, TenantId},
    store::Transaction,
};
use gatekeeper_http::{Api, HttpSettings};
use http::Method;
use serde_json::{Value, json};

use crate::world::{ADA, Answer, PASSWORD, World};

/// The operations that are shown here, each with every answer that the table promises.
pub(crate) const OPERATIONS: &[&str] = &[
    "finishMfa",
    "stepUp",
    "listDevices",
    "revokeDevice",
    "unlockUser",
];

/// A factor whose code is `right`, however often.
#[derive(Debug)]
struct Token;

#[async_trait]
impl MfaMethod for Token {
    fn name(&self) -> &'static str {
        "token"
    }

    fn amr(&self) -> AuthMethod {
        AuthMethod::OneTimeCode
    }

    async fn verify(
        &self,
        _: &mut dyn Transaction,
        attempt: MfaAttempt<'_>,
    ) -> Result<MfaProof, Error> {
        Ok(if attempt.code.code.expose() == "right" {
            MfaProof::Accepted
        } else {
            MfaProof::Refused("wrong_code")
        })
    }
}

async fn with_token() -> World {
    let world = World::with(|builder| builder.mfa_method(Token), HttpSettings::new()).await;
    let tokens = world.ada().await;
    let gk = world.api.gatekeeper();
    let who = gk.authenticate(&tokens.access).await.unwrap();
    let cx = RequestContext::internal(TenantId::DEFAULT, "test");
    let secret = gatekeeper_core::model::SecretBytes::new(b"seed");
    gk.mfa().bind(&cx, &who, "token", &secret).await.unwrap();
    world
}

async fn first_step(world: &World, cookies: &str) -> Answer {
    let credentials = json!({"email": ADA, "password": PASSWORD, "token_delivery": "cookie"});
    let answer = world
        .post("/v1/auth/login", &credentials)
        .cookies(cookies)
        .same_site()
        .expect(200)
        .await;
    assert_eq!(answer.header("cache-control"), "no-store");
    answer
}

fn second_step(first: &Answer, code: &str) -> Value {
    json!({"mfa_token": first.text("mfa_token"), "method": "token", "code": code, "token_delivery": "cookie"})
}

#[tokio::test]
async fn a_sign_in_of_two_steps_from_its_beginning_to_its_end() {
    let world = with_token().await;
    let first = first_step(&world, "").await;
    assert_eq!(first.body["status"], "mfa_required");
    assert_eq!(first.body["methods"], json!(["token"]));
    // Not signed in, by nothing.
    assert!(first.set_cookies().is_empty());
    assert!(first.body.get("access_token").is_none());
    world
        .get("/v1/auth/me")
        .bearer(&first.text("mfa_token"))
        .refused(401, "access.invalid_token")
        .await;
    let post = |body: &Value| world.post("/v1/auth/login/mfa", body);
    post(&second_step(&first, "wrong"))
        .refused(401, "mfa.invalid_code")
        .await;
    let mut nonsense = second_step(&first, "right");
    nonsense["mfa_token"] = json!("nonsense");
    post(&nonsense).refused(401, "mfa.invalid_token").await;
    // From another site, it is not looked at.
    post(&second_step(&first, "right"))
        .header("origin", "https://evil.example")
        .refused(403, "request.csrf")
        .await;
    let mut trusting = second_step(&first, "right");
    trusting["trust_device"] = json!("yes");
    post(&trusting).refused(422, "request.invalid").await;
    trusting["trust_device"] = json!(true);
    let done = post(&trusting).expect(200).await;
    assert_eq!(done.body["status"], "authenticated");
    assert_eq!(done.header("cache-control"), "no-store");
    assert_eq!(done.body["user"]["mfa_enabled"], true);
    post(&trusting).refused(401, "mfa.invalid_token").await;

    // The trusted device needs the first step alone, and keeps its cookie.
    let device = done.cookie("__Secure-gatekeeper_device").unwrap();
    let device = format!("__Secure-gatekeeper_device={device}");
    let spared = first_step(&world, &device).await;
    assert_eq!(spared.body["status"], "authenticated");
    let kept = spared.cookie("__Secure-gatekeeper_device").unwrap();
    assert_eq!(format!("__Secure-gatekeeper_device={kept}"), device);
    // Planted beside another one, it counts for nothing, and keeps nobody out.
    let doubled = first_step(&world, &format!("{device}; {device}")).await;
    assert_eq!(doubled.body["status"], "mfa_required");

    let cookies = spared.cookie_header();
    let step_up = |code: &str| {
        world
            .post(
                "/v1/auth/mfa/step-up",
                &json!({"method": "token", "code": code}),
            )
            .cookies(&cookies)
            .same_site()
    };
    step_up("wrong").refused(403, "mfa.code_incorrect").await;
    let stepped = step_up("right").expect(200).await;
    // Back the way it came.
    assert!(stepped.body.get("access_token").is_none());
    assert_ne!(stepped.text("session_id"), spared.text("session_id"));
    world
        .get("/v1/auth/me")
        .cookies(&cookies)
        .refused(401, "access.invalid_token")
        .await;
    let cookies = stepped.cookie_header();
    world.get("/v1/auth/me").cookies(&cookies).expect(200).await;

    let listed = world
        .get("/v1/auth/devices")
        .cookies(&cookies)
        .expect(200)
        .await;
    let items = listed.body["items"].as_array().unwrap();
    let trusted = items.iter().find(|item| item["trusted_until"].is_string());
    let trusted = trusted.unwrap();
    assert_eq!(trusted["current"], true);
    let path = format!("/v1/auth/devices/{}", trusted["id"].as_str().unwrap());
    let revoke = || world.delete(&path).cookies(&cookies).same_site();
    revoke().expect(204).await;
    revoke().refused(404, "device.not_found").await;
    world
        .delete("/v1/auth/devices/nonsense")
        .cookies(&cookies)
        .same_site()
        .refused(404, "device.not_found")
        .await;
    let again = first_step(&world, &device).await;
    assert_eq!(again.body["status"], "mfa_required");

    unlocking(&world, &done.text_at("/user/id")).await;
    let seen = world.seen.lock().unwrap();
    for route in Api::routes() {
        if OPERATIONS.contains(&route.operation_id) {
            for answer in route.answers {
                assert!(
                    seen.contains(&(route.operation_id, answer.status)),
                    "{route:?}"
                );
            }
        }
    }
}

/// An administrator lifts a lock; nobody else does.
async fn unlocking(world: &World, ada: &str) {
    world.register("admin@example.com").await;
    let gk = world.api.gatekeeper();
    let cx = RequestContext::internal(TenantId::DEFAULT, "test");
    let admin = gk
        .administration()
        .find_user_by_email(&cx, "admin@example.com")
        .await
        .unwrap();
    let unlock = |access: String, user: &str| {
        world
            .call(Method::POST, &format!("/v1/admin/users/{user}/unlock"))
            .bearer(&access)
    };
    let access = world.sign_in("admin@example.com").await.access;
    unlock(access, ada).refused(403, "access.forbidden").await;
    gk.administration()
        .grant_role(&cx, admin.id, "admin")
        .await
        .unwrap();
    let access = world.sign_in("admin@example.com").await.access;
    for _ in 0..6 {
        let wrong = json!({"email": ADA, "password": "wrong"});
        world
            .post("/v1/auth/login", &wrong)
            .refused(401, "password.invalid_credentials")
            .await;
    }
    let right = json!({"email": ADA, "password": PASSWORD});
    world
        .post("/v1/auth/login", &right)
        .refused(401, "password.invalid_credentials")
        .await;
    unlock(access.clone(), ada).expect(204).await;
    world.post("/v1/auth/login", &right).expect(200).await;
    for nobody in ["nonsense", "019b76da-a805-7469-890e-d7332f9c5f90"] {
        unlock(access.clone(), nobody)
            .refused(404, "account.not_found")
            .await;
    }
}

/// Row 1: the answer to a locked account is that to a wrong password and to nobody, to the byte.
#[tokio::test]
async fn row_1_a_locked_account_answers_like_any_other() {
    let world = World::new().await;
    world.register(ADA).await;
    let mut answers = std::collections::BTreeSet::new();
    let mut attempt = async |email: &str, password: &str| {
        let credentials = json!({"email": email, "password": password});
        let answer = world
            .post("/v1/auth/login", &credentials)
            .header("x-correlation-id", "same")
            .refused(401, "password.invalid_credentials")
            .await;
        // What counts down per address and per second is no news of the account.
        let mut headers: Vec<String> = answer
            .headers
            .iter()
            .filter(|(name, _)| !name.as_str().starts_with("ratelimit"))
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        headers.sort();
        answers.insert((headers, answer.raw));
    };
    for _ in 0..7 {
        attempt(ADA, "wrong").await;
        attempt("nobody@example.com", "wrong").await;
    }
    attempt(ADA, PASSWORD).await;
    attempt("nobody@example.com", PASSWORD).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
}
