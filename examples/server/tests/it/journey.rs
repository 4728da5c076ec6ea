use std::time::Duration;

use serde_json::json;

use crate::server::{PASSWORD, Server, within};

fn journey(adapter: &str) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &["--adapter", adapter]);
    assert_eq!(server.announced["adapter"], adapter);
    let email = "ann@example.org";

    assert_eq!(server.register(email).status, 202);
    let early = server.sign_in(email, PASSWORD);
    assert_eq!(
        (early.status, early.text("code")),
        (403, "account.email_unverified".to_owned())
    );
    let token = server.mailed_token(email);
    let verified = server.post("/v1/auth/email/verify", None, &json!({ "token": token }));
    assert_eq!(verified.status, 200, "{verified:?}");
    let again = server.post("/v1/auth/email/verify", None, &json!({ "token": token }));
    assert_eq!(
        (again.status, again.text("code")),
        (400, "token.invalid".to_owned())
    );

    let signed_in = server.sign_in(email, PASSWORD);
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    let me = server.get("/v1/auth/me", Some(&signed_in.text("access_token")));
    assert_eq!((me.status, me.text("email")), (200, email.to_owned()));

    let refresh =
        json!({ "refresh_token": signed_in.text("refresh_token"), "token_delivery": "body" });
    let refreshed = server.post("/v1/auth/refresh", None, &refresh);
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    let access = refreshed.text("access_token");
    let out = server.post("/v1/auth/logout", Some(&access), &json!({}));
    assert_eq!(out.status, 204, "{out:?}");
    for token in [access, signed_in.text("access_token")] {
        assert_eq!(server.get("/v1/auth/me", Some(&token)).status, 401);
    }
    let refresh =
        json!({ "refresh_token": refreshed.text("refresh_token"), "token_delivery": "body" });
    assert_eq!(server.post("/v1/auth/refresh", None, &refresh).status, 401);

    // What the framework itself would answer is answered by the API.
    for (method, path, status) in [
        ("GET", "/nothing?password=hunter2", 404),
        ("PUT", "/v1/auth/login", 405),
    ] {
        let answer = crate::client::call(&server.address, method, path, None, None).unwrap();
        assert_eq!(answer.status, status);
        assert!(
            answer.head.contains("application/problem+json"),
            "{answer:?}"
        );
    }
    assert_eq!(server.get("/health/ready", None).status, 200);

    for line in [
        "path=\"/v1/auth/login\" status=200",
        "path=\"/nothing\" status=404",
    ] {
        let told = within(Duration::from_secs(30), || {
            server.log().contains(line).then_some(())
        });
        assert!(told.is_some(), "no {line} in {}", server.log());
    }
    let log = server.log();
    for secret in [
        PASSWORD,
        "hunter2",
        &token,
        &signed_in.text("access_token"),
        &signed_in.text("refresh_token"),
        &refreshed.text("refresh_token"),
    ] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn a_user_comes_and_goes_on_axum() {
    journey("axum");
}

#[test]
fn a_user_comes_and_goes_on_actix() {
    journey("actix");
}

#[test]
fn without_verification_sign_up_signs_in() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(
        directory.path(),
        &[
            "--email-verification",
            "optional",
            "--access-token-lifetime",
            "5m",
            "--log-format",
            "json",
        ],
    );
    let answer = server.register("ann@example.org");
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["expires_in"], 300);
    let taken = server.register("ANN@example.org");
    assert_eq!(
        (taken.status, taken.text("code")),
        (409, "account.email_taken".to_owned())
    );
    // The line is written when the answer is on its way.
    let told = within(Duration::from_secs(30), || {
        let log = server.log();
        let whole = log.rfind('\n').map_or("", |end| &log[..end]);
        let mut lines = whole
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines
            .any(|line| line["fields"]["status"] == 409)
            .then_some(())
    });
    assert!(told.is_some(), "{}", server.log());
}
