//! Addresses and passwords that want something else.

use http::Method;
use serde_json::json;

use crate::world::{ADA, PASSWORD, World};

/// CVE-2022-35924, CVE-2023-7028, CVE-2026-40574, GHSA-5jpx-9hw9-2fx4, CVE-2026-73420.
fn addresses() -> Vec<String> {
    let mut addresses: Vec<String> = [
        "",
        " ",
        "ada",
        "@example.com",
        "ada@",
        "ada@example",
        "ada@@example.com",
        "ada@evil.example@example.com",
        "\"ada@evil.example\"@example.com",
        "\"ada\"@example.com",
        "ada@example.com,eve@evil.example",
        "ada@example.com;eve@evil.example",
        "ada@example.com eve@evil.example",
        "ada@example.com\r\nBcc: eve@evil.example",
        "ada\r\n@example.com",
        "ada@example.com\n",
        "ada@example.com\t",
        "<ada@example.com>",
        "Ada <ada@example.com>",
        "ada@[127.0.0.1]",
        "ada@127.0.0.1",
        "ada(comment)@example.com",
        "ada..lovelace@example.com",
        ".ada@example.com",
        "ada@exam ple.com",
        "ada@-example.com",
        "ada@example..com",
        "ada\u{ff20}example.com",
        "ada@evil.example\u{ff20}example.com",
        "ada@example.com\u{ff0c}eve@evil.example",
        "ada@ex\u{202e}ample.com",
        "%@example.com",
    ]
    .map(str::to_owned)
    .to_vec();
    addresses.push(format!("{}@example.com", "a".repeat(1_000)));
    addresses.push(format!("a@{}.com", "b".repeat(1_000)));
    addresses
}

#[tokio::test]
async fn a_hostile_address_gets_no_account_and_no_mail() {
    let world = World::new().await;
    let tokens = world.ada().await;
    world.mailer.take();
    for address in addresses() {
        for (path, body, field) in [
            (
                "/v1/auth/register",
                json!({"email": address, "password": PASSWORD}),
                "/email",
            ),
            (
                "/v1/auth/password/forgot",
                json!({"email": address}),
                "/email",
            ),
            (
                "/v1/auth/email/verification",
                json!({"email": address}),
                "/email",
            ),
            (
                "/v1/auth/email/change",
                json!({"new_email": address, "password": PASSWORD}),
                "/new_email",
            ),
        ] {
            let found = world
                .post(path, &body)
                .bearer(&tokens.access)
                .invalid()
                .await;
            assert_eq!(found.len(), 1, "{address:?}: {found:?}");
            assert_eq!(found[0].0, field, "{address:?}");
            assert!(found[0].1.starts_with("email."), "{address:?}: {found:?}");
        }
        let login = world
            .post(
                "/v1/auth/login",
                &json!({"email": address, "password": PASSWORD}),
            )
            .send()
            .await;
        assert!(
            [401, 422].contains(&login.status.as_u16()),
            "{address:?}: {}",
            login.body
        );
    }
    world.api.gatekeeper().outbox().deliver_due().await.unwrap();
    assert!(world.mailer.sent().is_empty());
    assert_eq!(world.users().await, 1);
}

/// CVE-2019-19844: whoever looks like Ada is not Ada, and mail goes to the stored address.
#[tokio::test]
async fn a_look_alike_gets_nothing_of_the_account() {
    let world = World::new().await;
    world.register(ADA).await;
    world.mailer.take();
    for address in [
        "\u{430}da@example.com",
        "ad\u{251}@example.com",
        "ada@ex\u{430}mple.com",
        "ada@example.c\u{43e}m",
    ] {
        world
            .post("/v1/auth/password/forgot", &json!({"email": address}))
            .expect(202)
            .await;
        world
            .post(
                "/v1/auth/login",
                &json!({"email": address, "password": PASSWORD}),
            )
            .refused(401, "password.invalid_credentials")
            .await;
    }
    // Another spelling of the same address is the account's, and its mail goes where it always goes.
    world
        .post(
            "/v1/auth/password/forgot",
            &json!({"email": "\u{ff21}DA@EXAMPLE.com"}),
        )
        .expect(202)
        .await;
    world.api.gatekeeper().outbox().deliver_due().await.unwrap();
    let recipients: Vec<String> = world
        .mailer
        .sent()
        .iter()
        .map(|mail| mail.to.as_str().to_owned())
        .collect();
    assert_eq!(recipients, [ADA]);
}

#[tokio::test]
async fn passwords_of_every_size_get_an_answer() {
    let world = World::new().await;
    let register = |password: String| {
        world.post(
            "/v1/auth/register",
            &json!({"email": ADA, "password": password}),
        )
    };
    for (password, code) in [
        (String::new(), "password.too_short"),
        ("x".to_owned(), "password.too_short"),
        ("x y z ".repeat(8_000), "password.too_long"),
        ("my gatekeeper password".to_owned(), "password.contextual"),
    ] {
        let found = register(password).invalid().await;
        assert!(
            found.contains(&("/password".to_owned(), code.to_owned())),
            "{found:?}"
        );
    }
    // CVE-2013-1443: a megabyte is not read, let alone hashed.
    let hashes = world.api.gatekeeper().password_hashes();
    register("x".repeat(1_048_576))
        .refused(413, "request.too_large")
        .await;
    world
        .post(
            "/v1/auth/login",
            &json!({"email": ADA, "password": "x".repeat(1_048_576)}),
        )
        .refused(413, "request.too_large")
        .await;
    assert_eq!(world.api.gatekeeper().password_hashes(), hashes);
    assert_eq!(world.users().await, 0);
}

/// CS-1, CVE-2025-22228: every character of a password counts, NUL included.
#[tokio::test]
async fn a_nul_in_a_password_counts() {
    let world = World::new().await;
    let password = "before the nul \u{0} and after it";
    world
        .post(
            "/v1/auth/register",
            &json!({"email": ADA, "password": password}),
        )
        .expect(202)
        .await;
    let token = world.mailed_token(ADA).await;
    world
        .post("/v1/auth/email/verify", &json!({"token": token}))
        .expect(200)
        .await;
    let login = |password: &str| {
        world.post(
            "/v1/auth/login",
            &json!({"email": ADA, "password": password}),
        )
    };
    login("before the nul \u{0}")
        .refused(401, "password.invalid_credentials")
        .await;
    login("before the nul ")
        .refused(401, "password.invalid_credentials")
        .await;
    login(password).expect(200).await;
}

#[tokio::test]
async fn nul_is_kept_out_of_everything_that_is_stored() {
    let world = World::new().await;
    let tokens = world.ada().await;
    let patch = |body| {
        world
            .call(Method::PATCH, "/v1/auth/me")
            .bearer(&tokens.access)
            .json(&body)
    };
    for (body, field) in [
        (json!({"name": "a\u{0}"}), "/name"),
        (json!({"metadata": {"a": ["\u{0}"]}}), "/metadata"),
        (json!({"metadata": {"a\u{0}": 1}}), "/metadata"),
        (json!({"metadata": [1]}), "/metadata"),
        (json!({"metadata": null}), "/metadata"),
    ] {
        let found = patch(body).invalid().await;
        assert_eq!(found[0].0, field);
    }
    assert_eq!(
        patch(json!({})).expect(200).await.body["metadata"],
        json!({})
    );
}
