//! Second factors: set up, sent, taken away, and asked for by guards; over HTTP.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use gatekeeper_core::{
    Config, async_trait,
    crypto::password::danger::danger_weak_hashing,
    env::{Clock, Sms, SmsError, SmsSender},
    model::MfaRequirement,
};
use gatekeeper_http::{Api, HttpSettings, RequestHead, Requirement};
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::world::{ADA, Answer, PASSWORD, World};

/// The operations that are shown here, each with every answer that the table promises.
pub(crate) const OPERATIONS: &[&str] = &[
    "sendMfaCode",
    "beginMfaEnrollment",
    "finishMfaEnrollment",
    "getMfa",
    "beginTotp",
    "confirmTotp",
    "disableTotp",
    "makeBackupCodes",
    "beginSms",
    "confirmSms",
    "disableSms",
    "beginEmailCodes",
    "confirmEmailCodes",
    "disableEmailCodes",
    "sendStepUpCode",
];

#[derive(Clone, Debug, Default)]
struct Telephone(Arc<Mutex<Vec<Sms>>>);

#[async_trait]
impl SmsSender for Telephone {
    async fn send(&self, sms: &Sms) -> Result<(), SmsError> {
        self.0.lock().unwrap().push(sms.clone());
        Ok(())
    }
}

async fn world(telephone: &Telephone, change: impl FnOnce(&mut Config)) -> World {
    let mut config = Config::default();
    config.hashing = danger_weak_hashing();
    config.rate_limits.enabled = false;
    config.mfa.email_codes = true;
    change(&mut config);
    let telephone = telephone.clone();
    let adjust =
        |builder: gatekeeper_core::GatekeeperBuilder| builder.config(config).sms_sender(telephone);
    World::with(adjust, HttpSettings::new()).await
}

/// What an app shows, half a minute later.
fn app_code(world: &World, setup: &Answer) -> Value {
    world.clock.advance(Duration::from_secs(30));
    let seed = Secret::try_from_base32(setup.text("secret")).unwrap();
    let app = Builder::new().with_secret(seed).build().unwrap();
    let now = world.clock.now().as_unix_seconds();
    json!({"code": app.generate(u64::try_from(now).unwrap()).to_string()})
}

fn digits(text: &str) -> Value {
    let code = text
        .split(|c: char| !c.is_ascii_digit())
        .find(|word| word.len() == 8);
    json!({"code": code.unwrap()})
}

async fn texted(world: &World, telephone: &Telephone) -> Value {
    world.api.gatekeeper().outbox().deliver_due().await.unwrap();
    let sms = telephone.0.lock().unwrap().pop().unwrap();
    digits(sms.text.expose())
}

async fn mailed(world: &World) -> Value {
    world.api.gatekeeper().outbox().deliver_due().await.unwrap();
    let mails = world.mailer.sent();
    let mail = mails
        .iter()
        .rev()
        .find(|mail| mail.subject.contains("code"));
    digits(&mail.unwrap().text)
}

impl World {
    fn ask(&self, path: &str, body: &Value, access: &str) -> crate::world::Call<'_> {
        self.post(&format!("/v1/auth/mfa/{path}"), body)
            .bearer(access)
    }

    fn all_seen(&self, operations: &[&str]) {
        let seen = self.seen.lock().unwrap();
        for route in Api::routes() {
            if operations.contains(&route.operation_id) {
                for answer in route.answers {
                    assert!(
                        seen.contains(&(route.operation_id, answer.status)),
                        "{route:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn factors_from_their_beginning_to_their_end() {
    let telephone = Telephone::default();
    let world = world(&telephone, |_| {}).await;
    let access = world.ada().await.access;
    let none = json!({});

    let empty = world.get("/v1/auth/mfa").bearer(&access).expect(200).await;
    assert_eq!(
        empty.body["totp"],
        json!({"enabled": false, "confirmed_at": null})
    );
    assert_eq!(empty.body["backup_codes_left"], 0);

    world.ask("email", &none, &access).expect(202).await;
    let code = mailed(&world).await;
    let made = world.ask("email/confirm", &code, &access).expect(200).await;
    assert_eq!(made.body, json!({"backup_codes": []}));
    // From now on who binds a factor shows the one there is.
    let refused = world
        .ask("totp", &none, &access)
        .refused(401, "access.step_up_required")
        .await;
    assert_eq!(
        refused.header("www-authenticate"),
        "Bearer realm=\"gatekeeper\", error=\"insufficient_user_authentication\", max_age=\"900\""
    );
    let method = json!({"method": "email"});
    world.ask("challenge", &method, &access).expect(202).await;
    let code = mailed(&world).await;
    world.ask("email/disable", &code, &access).expect(204).await;

    let malformed = json!({"phone": "0151 12345678"});
    let invalid = world.ask("sms", &malformed, &access).invalid().await;
    assert_eq!(
        invalid,
        [("/phone".to_owned(), "phone.malformed".to_owned())]
    );
    let phone = json!({"phone": "+49 151 12345678"});
    world.ask("sms", &phone, &access).expect(202).await;
    let code = texted(&world, &telephone).await;
    let made = world.ask("sms/confirm", &code, &access).expect(200).await;
    assert_eq!(made.body["backup_codes"].as_array().unwrap().len(), 10);
    let none_of_these = json!({"method": "totp"});
    world
        .ask("challenge", &none_of_these, &access)
        .refused(422, "request.invalid")
        .await;
    let method = json!({"method": "sms"});
    world.ask("challenge", &method, &access).expect(202).await;
    let code = texted(&world, &telephone).await;
    world.ask("sms/disable", &code, &access).expect(204).await;

    let setup = world.ask("totp", &none, &access).expect(200).await;
    let wrong = json!({"code": "000000"});
    world
        .ask("totp/confirm", &wrong, &access)
        .refused(403, "mfa.code_incorrect")
        .await;
    let code = app_code(&world, &setup);
    world.ask("totp/confirm", &code, &access).expect(200).await;
    let me = world.get("/v1/auth/me").bearer(&access).expect(200).await;
    assert_eq!(me.body["mfa_enabled"], true);
    let status = world.get("/v1/auth/mfa").bearer(&access).expect(200).await;
    assert_eq!(status.body["totp"]["enabled"], true);
    assert_eq!(status.body["backup_codes_left"], 10);
    let code = app_code(&world, &setup);
    world.ask("backup-codes", &code, &access).expect(200).await;
    world
        .ask("totp/disable", &code, &access)
        .refused(403, "mfa.code_incorrect")
        .await;
    let code = app_code(&world, &setup);
    world.ask("totp/disable", &code, &access).expect(204).await;
    world
        .ask("totp/disable", &code, &access)
        .refused(404, "mfa.not_enabled")
        .await;
    let shown: Vec<&str> = OPERATIONS
        .iter()
        .copied()
        .filter(|name| !["sendMfaCode", "beginMfaEnrollment", "finishMfaEnrollment"].contains(name))
        .collect();
    world.all_seen(&shown);
}

#[tokio::test]
async fn a_factor_that_is_required_is_set_up_or_sent_at_sign_in() {
    let telephone = Telephone::default();
    let credentials = json!({"email": ADA, "password": PASSWORD});
    let required = |config: &mut Config| config.mfa.requirement = MfaRequirement::Required;
    let by_mail = world(&telephone, required).await;
    by_mail.register(ADA).await;
    let first = by_mail
        .post("/v1/auth/login", &credentials)
        .expect(200)
        .await;
    assert_eq!(first.body["methods"], json!(["email"]));
    let mut finish = json!({"mfa_token": first.text("mfa_token"), "method": "email"});
    by_mail
        .post("/v1/auth/login/mfa/challenge", &finish)
        .expect(202)
        .await;
    finish["code"] = mailed(&by_mail).await["code"].clone();
    by_mail
        .post("/v1/auth/login/mfa", &finish)
        .expect(200)
        .await;
    by_mail.all_seen(&["sendMfaCode"]);

    let by_app = world(&telephone, |config| {
        required(config);
        config.mfa.email_codes = false;
    })
    .await;
    by_app.register(ADA).await;
    let first = by_app
        .post("/v1/auth/login", &credentials)
        .expect(200)
        .await;
    assert_eq!(first.body["status"], "mfa_enrollment_required");
    let token = first.text("enrollment_token");
    let enroll = "/v1/auth/login/mfa/enroll";
    let setup = by_app
        .post(enroll, &json!({"enrollment_token": token}))
        .expect(200)
        .await;
    let mut confirm = json!({"enrollment_token": token, "code": "000000"});
    let path = format!("{enroll}/confirm");
    by_app
        .post(&path, &confirm)
        .refused(401, "mfa.invalid_code")
        .await;
    confirm["code"] = app_code(&by_app, &setup)["code"].clone();
    let done = by_app.post(&path, &confirm).expect(200).await;
    assert_eq!(done.body["backup_codes"].as_array().unwrap().len(), 10);
    assert_eq!(done.body["user"]["mfa_enabled"], true);
    assert!(done.cookie("__Secure-gatekeeper_refresh").is_some());
    by_app
        .post(&path, &confirm)
        .refused(401, "mfa.invalid_token")
        .await;
    by_app.all_seen(&["beginMfaEnrollment", "finishMfaEnrollment"]);
}

/// RFC 9470 section 3: what a client needs to know to ask for more.
#[tokio::test]
async fn row_23_a_guard_asks_for_a_step_up_and_says_so() {
    let world = World::new().await;
    let access = world.ada().await.access;
    let identity = world.api.gatekeeper().authenticate(&access).await.unwrap();
    let headers = HeaderMap::new();
    let head = RequestHead {
        path: "/",
        method: Method::GET.as_str(),
        authority: None,
        headers: &headers,
        peer: None,
    };
    let hour = Duration::from_hours(1);
    let error = "Bearer realm=\"gatekeeper\", error=\"insufficient_user_authentication\"";
    for (requirement, code, challenge) in [
        (
            Requirement::mfa(),
            "access.step_up_required",
            error.to_owned(),
        ),
        (
            Requirement::recent_mfa(hour),
            "access.step_up_required",
            format!("{error}, max_age=\"3600\""),
        ),
        (
            Requirement::role("admin") & Requirement::recent_mfa(hour),
            "access.forbidden",
            String::new(),
        ),
    ] {
        let problem = world
            .api
            .require(&head, Some(&identity), &requirement)
            .unwrap_err();
        assert_eq!(problem.code(), code);
        let response = problem.into_response();
        let header = response.headers().get("www-authenticate");
        let header = header.map_or("", |value| value.to_str().unwrap());
        assert_eq!(header, challenge);
    }
}
