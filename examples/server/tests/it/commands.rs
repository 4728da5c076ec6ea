use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{PASSWORD, Server, json_of, run, run_with_input, token_in, within};

fn error_of(output: &std::process::Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    error["error"].clone()
}

#[test]
fn an_account_is_made_with_a_link_and_its_owner_sets_the_password() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let args = [
        "user",
        "create",
        "--email",
        "Ann@Example.org",
        "--name",
        "Ann",
        "--role",
        "admin",
    ];
    let made = json_of(path, &args);
    assert_eq!(made["email"], "Ann@Example.org");
    assert_eq!(made["email_verified"], true);
    let token = token_in(made["setup_link"].as_str().unwrap());

    let server = Server::start(path, &[]);
    let body = json!({ "token": token, "new_password": PASSWORD });
    assert_eq!(
        server.post("/v1/auth/password/reset", None, &body).status,
        204
    );
    let signed_in = server.sign_in("ann@example.org", PASSWORD);
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert_eq!(signed_in.json()["user"]["roles"], json!(["admin", "user"]));

    let again = error_of(&run(path, &[&args[..], &["--json"]].concat()), 1);
    assert_eq!(again["code"], "account.email_taken");
}

#[test]
fn a_password_comes_from_standard_input_and_is_held_to_the_policy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let args = [
        "user",
        "create",
        "--email",
        "bob@example.org",
        "--password-stdin",
        "--json",
    ];
    let weak = error_of(&run_with_input(path, &args, "short\n"), 1);
    assert_eq!(weak["code"], "request.invalid");
    assert_eq!(weak["errors"][0]["pointer"], "/password");
    let none = error_of(&run_with_input(path, &args, "\n"), 2);
    assert!(
        none["detail"]
            .as_str()
            .unwrap()
            .contains("--password-stdin")
    );
    let made = run_with_input(path, &args, &format!("{PASSWORD}\nsecond line\n"));
    assert!(made.status.success(), "{made:?}");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert!(made.get("setup_link").is_none());
    let server = Server::start(path, &[]);
    assert_eq!(server.sign_in("bob@example.org", PASSWORD).status, 200);
}

#[test]
fn a_disabled_account_is_out_at_once_and_may_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let server = Server::start(path, &[]);
    let email = "ann@example.org";
    let access = server.member(email).text("access_token");
    let disabled = json_of(path, &["user", "disable", "--email", email]);
    assert_eq!(disabled["is_active"], false);
    let refused = server.sign_in(email, PASSWORD);
    assert_eq!(
        (refused.status, refused.text("code")),
        (401, "password.invalid_credentials".to_owned())
    );
    assert_eq!(server.get("/v1/auth/me", Some(&access)).status, 401);
    json_of(path, &["user", "enable", "--email", email]);
    assert_eq!(server.sign_in(email, PASSWORD).status, 200);
    // What ended stays ended. The server is another process: on SQLite it hears of revocations by asking each second.
    let out = within(Duration::from_secs(5), || {
        (server.get("/v1/auth/me", Some(&access)).status == 401).then_some(())
    });
    assert!(out.is_some(), "a token of before is good again");

    let missing = error_of(
        &run(
            path,
            &["user", "disable", "--email", "x@example.org", "--json"],
        ),
        1,
    );
    assert_eq!(missing["code"], "account.not_found");
    let tenant = [
        "user", "disable", "--email", email, "--tenant", "nowhere", "--json",
    ];
    assert_eq!(error_of(&run(path, &tenant), 1)["code"], "tenant.not_found");
}

#[test]
fn a_password_that_others_know_can_only_be_reset() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let server = Server::start(path, &[]);
    let email = "ann@example.org";
    let access = server.member(email).text("access_token");
    let marked = ["user", "require-password-change", "--email", email];
    assert_eq!(json_of(path, &marked)["email"], email);
    let refused = server.sign_in(email, PASSWORD);
    assert_eq!(
        (refused.status, refused.text("code")),
        (403, "password.change_required".to_owned())
    );
    let out = within(Duration::from_secs(20), || {
        (server.get("/v1/auth/me", Some(&access)).status == 401).then_some(())
    });
    assert!(out.is_some(), "a token of before is still good");
    let missing = [
        "user",
        "require-password-change",
        "--email",
        "x@example.org",
        "--json",
    ];
    assert_eq!(
        error_of(&run(path, &missing), 1)["code"],
        "account.not_found"
    );
}

#[test]
fn accounts_are_listed_page_by_page() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    for name in ["a", "b", "c"] {
        json_of(
            path,
            &["user", "create", "--email", &format!("{name}@example.org")],
        );
    }
    json_of(path, &["user", "disable", "--email", "b@example.org"]);
    json_of(
        path,
        &[
            "role",
            "grant",
            "--email",
            "c@example.org",
            "--role",
            "admin",
        ],
    );
    let emails = |args: &[&str]| {
        let page = json_of(path, &[&["user", "list"], args].concat());
        let emails: Vec<_> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["email"].as_str().unwrap()[..1].to_owned())
            .collect();
        (
            emails.concat(),
            page["next_cursor"].as_str().map(str::to_owned),
        )
    };
    assert_eq!(emails(&[]), ("cba".to_owned(), None));
    let (first, cursor) = emails(&["--limit", "2"]);
    assert_eq!(first, "cb");
    assert_eq!(
        emails(&["--cursor", &cursor.unwrap()]),
        ("a".to_owned(), None)
    );
    assert_eq!(emails(&["--status", "disabled"]).0, "b");
    assert_eq!(emails(&["--status", "active"]).0, "ca");
    assert_eq!(emails(&["--role", "admin"]).0, "c");
    let forged = error_of(&run(path, &["user", "list", "--cursor", "x", "--json"]), 2);
    assert!(forged["detail"].as_str().unwrap().starts_with("--cursor"));
    let text = String::from_utf8(run(path, &["user", "list"]).stdout).unwrap();
    assert!(text.contains("disabled    b@example.org"), "{text}");
}

#[test]
fn a_role_that_is_granted_stands_in_the_next_access_token() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let server = Server::start(path, &[]);
    let signed_in = server.member("ann@example.org");
    assert_eq!(signed_in.json()["user"]["roles"], json!(["user"]));
    json_of(
        path,
        &[
            "role",
            "grant",
            "--email",
            "ann@example.org",
            "--role",
            "admin",
        ],
    );
    let refresh =
        json!({ "refresh_token": signed_in.text("refresh_token"), "token_delivery": "body" });
    let refreshed = server.post("/v1/auth/refresh", None, &refresh);
    assert_eq!(refreshed.json()["user"]["roles"], json!(["admin", "user"]));
    let none = [
        "role",
        "grant",
        "--email",
        "ann@example.org",
        "--role",
        "nothing",
        "--json",
    ];
    assert_eq!(error_of(&run(path, &none), 1)["code"], "role.not_found");
}

#[test]
fn keys_are_rotated_in_good_order_or_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    // Access tokens name the public URL, and here each server has a port of its own.
    let url = ["--public-url", "http://localhost:8080"];
    let access = {
        let server = Server::start(path, &url);
        server.member("ann@example.org").text("access_token")
    };
    let planned = json_of(path, &["keys", "rotate"]);
    {
        let server = Server::start(path, &url);
        let keys = server.get("/.well-known/jwks.json", None).json();
        let kids: Vec<_> = keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| &key["kid"])
            .collect();
        assert_eq!(kids.len(), 2, "{keys}");
        assert!(kids.contains(&&planned["kid"]));
        assert_eq!(server.get("/v1/auth/me", Some(&access)).status, 200);
    }
    let at_once = json_of(path, &["keys", "rotate", "--compromised"]);
    assert_eq!(at_once["compromised"], true);
    let server = Server::start(path, &url);
    assert_eq!(server.get("/v1/auth/me", Some(&access)).status, 401);
    assert_eq!(server.sign_in("ann@example.org", PASSWORD).status, 200);
}

#[test]
fn migrating_twice_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let answer = json_of(directory.path(), &["migrate"]);
        assert_eq!(
            answer,
            json!({ "database": "sqlite://gatekeeper.db", "status": "up_to_date" })
        );
    }
}
