//! What the hooks and the second provider do, seen through the REST API.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use axum::{Router, body::Body, http::Request};
use embedding::{CorporateDirectory, House, PaperDirectory, application, gatekeeper};
use gatekeeper_axum::{
    Config, Gatekeeper, RequestContext, core::crypto::password::danger::danger_weak_hashing,
    core::model::TenantId,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

const PASSWORD: &str = "a corridor of 12 elms";
const CORPORATE: &str = "the directory's own password";

struct Lab {
    app: Router,
    gatekeeper: Gatekeeper,
    house: House,
}

async fn lab_with(employees: PaperDirectory) -> Lab {
    let mut config = Config::default();
    config.hashing = danger_weak_hashing();
    let house = House::new("corp.example", &["barred@example.org"]);
    let directory = CorporateDirectory::new("corp.example", employees);
    let gatekeeper = gatekeeper(config, house.clone(), directory).await.unwrap();
    Lab {
        app: application(gatekeeper.clone()),
        gatekeeper,
        house,
    }
}

async fn lab() -> Lab {
    lab_with(PaperDirectory::default().with("grace@corp.example", CORPORATE, "E-0017", "Grace"))
        .await
}

impl Lab {
    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()));
        self.send(request.unwrap()).await
    }

    async fn register(&self, email: &str) -> (u16, Value) {
        let body = json!({ "email": email, "password": PASSWORD });
        self.post("/v1/auth/register", &body).await
    }

    async fn login(&self, email: &str, password: &str) -> (u16, Value) {
        let body = json!({ "email": email, "password": password });
        self.post("/v1/auth/login", &body).await
    }

    async fn get(&self, path: &str, token: &Value) -> (u16, Value) {
        let bearer = format!("Bearer {}", token.as_str().unwrap());
        let request = Request::get(path).header("authorization", bearer);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
        (
            status,
            serde_json::from_slice(&body).unwrap_or_else(|_| text()),
        )
    }
}

#[tokio::test]
async fn the_house_has_its_say_and_keeps_its_journal() {
    let lab = lab().await;
    let (status, ada) = lab.register("ada@example.org").await;
    assert_eq!(status, 201, "{ada}");
    let (status, table) = lab.get("/table", &ada["access_token"]).await;
    assert_eq!(
        (status, table),
        (
            200,
            json!({ "guest": "ada@example.org", "table": "window" })
        )
    );
    assert_eq!(lab.login("ada@example.org", PASSWORD).await.0, 200);
    assert_eq!(
        lab.house.journal(),
        [
            "welcomed ada@example.org",
            "seated ada@example.org",
            "seated ada@example.org"
        ]
    );
}

#[tokio::test]
async fn the_house_refuses_in_its_own_words() {
    let lab = lab().await;
    let (status, refusal) = lab.register("Mallory@Corp.Example").await;
    assert_eq!((status, &refusal["code"]), (403, &json!("hook.employee")));
    assert!(
        refusal["detail"]
            .as_str()
            .unwrap()
            .contains("corporate password")
    );

    lab.register("barred@example.org").await;
    let (status, refusal) = lab.login("barred@example.org", PASSWORD).await;
    assert_eq!((status, &refusal["code"]), (403, &json!("hook.barred")));
    // Whoever does not know the password is not told of it.
    let (status, refusal) = lab.login("barred@example.org", "not the password").await;
    assert_eq!(
        (status, &refusal["code"]),
        (401, &json!("password.invalid_credentials"))
    );
}

#[tokio::test]
async fn an_employee_signs_in_where_everybody_does() {
    let lab = lab().await;
    let (status, grace) = lab.login("Grace@corp.example", CORPORATE).await;
    assert_eq!(status, 200, "{grace}");
    assert_eq!(grace["user"]["name"], "Grace");
    assert_eq!(grace["user"]["email_verified"], true);
    let (_, table) = lab.get("/table", &grace["access_token"]).await;
    assert_eq!(table["table"], "staff");
    // The account is made once.
    let (_, again) = lab.login("grace@corp.example", CORPORATE).await;
    assert_eq!(again["user"]["id"], grace["user"]["id"]);
    assert_eq!(
        lab.house
            .journal()
            .iter()
            .filter(|entry| entry.starts_with("welcomed"))
            .count(),
        1
    );

    assert_eq!(lab.get("/counter", &grace["access_token"]).await.0, 403);
    let cx = RequestContext::internal(TenantId::DEFAULT, "test");
    let administration = lab.gatekeeper.administration();
    let found = administration
        .find_user_by_email(&cx, "grace@corp.example")
        .await;
    let user = found.unwrap();
    administration
        .grant_role(&cx, user.id, "admin")
        .await
        .unwrap();
    let (_, promoted) = lab.login("grace@corp.example", CORPORATE).await;
    assert_eq!(lab.get("/counter", &promoted["access_token"]).await.0, 200);
}

#[tokio::test]
async fn the_directory_decides_alone_about_its_domain() {
    let lab = lab().await;
    for (email, password) in [
        ("grace@corp.example", "not the password"),
        ("grace@corp.example", ""),
        ("nobody@corp.example", CORPORATE),
        ("grace@corp.example.evil.example", CORPORATE),
        ("grace@sub.corp.example", CORPORATE),
    ] {
        let (status, refusal) = lab.login(email, password).await;
        assert_eq!(
            (status, &refusal["code"]),
            (401, &json!("password.invalid_credentials")),
            "{email}"
        );
    }
    assert!(lab.house.journal().is_empty());
}

#[tokio::test]
async fn an_account_is_not_taken_over_by_its_address() {
    let lab = lab().await;
    let cx = RequestContext::internal(TenantId::DEFAULT, "test");
    let user = gatekeeper_axum::core::NewUser {
        email: "grace@corp.example".to_owned(),
        name: None,
        roles: vec!["admin".to_owned()],
        password: None,
    };
    lab.gatekeeper
        .administration()
        .create_user(&cx, user)
        .await
        .unwrap();
    assert_eq!(lab.login("grace@corp.example", CORPORATE).await.0, 401);
}

#[tokio::test]
async fn a_directory_that_is_away_signs_nobody_in() {
    let employees =
        PaperDirectory::default().with("grace@corp.example", CORPORATE, "E-0017", "Grace");
    let lab = lab_with(employees.lost()).await;
    let (status, problem) = lab.login("grace@corp.example", CORPORATE).await;
    assert_eq!(
        (status, &problem["code"]),
        (503, &json!("service.overloaded"))
    );
    // Everybody else is not concerned.
    assert_eq!(lab.register("ada@example.org").await.0, 201);
    assert_eq!(lab.login("ada@example.org", PASSWORD).await.0, 200);
}
