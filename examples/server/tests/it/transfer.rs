//! Accounts in and out by command.

use std::fs;

use serde_json::{Value, json};

use crate::server::{Server, json_of, run, run_with_input};

/// bcrypt of `correct horse bättery`, and phpass of `test12345`.
const BCRYPT: &str = "$2b$04$GIDwuatHttOwjQzJH0J0gebervkrTIPecsI95q7Uf22Tf6CFl/RZy";
const PHPASS: &str = "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0";

#[test]
fn accounts_come_in_with_their_passwords_and_go_out_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let server = Server::start(path, &[]);
    let rows = [
        json!({"email": "ada@example.org", "email_verified": true, "passwordHash": BCRYPT, "name": "Ada"}).to_string(),
        "no JSON at all".to_owned(),
        json!({"email": "not an address"}).to_string(),
        json!({"email": "bob@example.org", "email_verified": true, "passwordHash": "5f4dcc3b5aa765d61d8327deb882cf99"}).to_string(),
    ];
    fs::write(path.join("users.jsonl"), rows.join("\n")).unwrap();
    let import = [
        "user",
        "import",
        "users.jsonl",
        "--from",
        "auth0",
        "--report",
        "refused.jsonl",
        "--role",
        "admin",
    ];
    let done = json_of(path, &import);
    assert_eq!(done, json!({"imported": 1, "refused": 3}));
    let report = fs::read_to_string(path.join("refused.jsonl")).unwrap();
    let report: Vec<Value> = report
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut refused: Vec<(u64, &str)> = report
        .iter()
        .map(|row| {
            (
                row["row"].as_u64().unwrap(),
                row["errors"][0]["code"].as_str().unwrap(),
            )
        })
        .collect();
    refused.sort_unstable();
    assert_eq!(
        refused,
        [
            (2, "row.unreadable"),
            (3, "email.malformed"),
            (4, "password_hash.unknown")
        ]
    );

    // Again: what is there already is refused, and nothing is doubled.
    assert_eq!(json_of(path, &import), json!({"imported": 0, "refused": 4}));
    let csv =
        format!("user_email,user_pass,display_name\ncle@example.org,{PHPASS},\"Cleo, of Paris\"\n");
    let args = [
        "user",
        "import",
        "-",
        "--from",
        "wordpress",
        "--format",
        "csv",
        "--assume-verified",
    ];
    let read = run_with_input(path, &args, &csv);
    assert!(read.status.success(), "{read:?}");
    for (email, password) in [
        ("ada@example.org", "correct horse bättery"),
        ("cle@example.org", "test12345"),
    ] {
        assert_eq!(server.sign_in(email, "wrong").status, 401);
        let signed_in = server.sign_in(email, password);
        assert_eq!(signed_in.status, 200, "{signed_in:?}");
    }

    let exported = run(path, &["user", "export", "--password-hashes"]);
    let lines = String::from_utf8(exported.stdout).unwrap();
    let users: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(users.len(), 2);
    for user in &users {
        // Made anew at the sign-in.
        assert!(
            user["password_hash"]
                .as_str()
                .unwrap()
                .starts_with("$argon2id$")
        );
    }
    let plain = run(path, &["user", "export", "--format", "csv"]);
    let text = String::from_utf8(plain.stdout).unwrap();
    assert!(
        text.contains("\"Cleo, of Paris\"") && !text.contains("$argon2id$"),
        "{text}"
    );

    // What was written is read by another installation.
    let other = tempfile::tempdir().unwrap();
    let read = run_with_input(other.path(), &["user", "import", "-", "--json"], &lines);
    assert!(read.status.success(), "{read:?}");
    let there = Server::start(other.path(), &[]);
    let signed_in = there.sign_in("cle@example.org", "test12345");
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
}

#[test]
fn a_persons_data_is_given_out_and_erased() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let server = Server::start(path, &[]);
    server.member("ada@example.org");
    let data = json_of(path, &["user", "data", "--email", "ada@example.org"]);
    let text = data.to_string();
    assert!(
        text.contains("ada@example.org") && text.contains("session.created"),
        "{text}"
    );
    assert!(!text.contains("$argon2id$"), "{text}");
    let erased = json_of(path, &["user", "erase", "--email", "ada@example.org"]);
    assert_eq!(erased["erased"], true);
    let gone = run(
        path,
        &["user", "data", "--email", "ada@example.org", "--json"],
    );
    assert_eq!(gone.status.code(), Some(1));
    let verified = json_of(path, &["audit", "verify"]);
    assert_eq!(verified["verdict"], "sound");
    let trail = run(path, &["audit", "tail", "--lines", "100"]);
    let trail = String::from_utf8(trail.stdout).unwrap();
    assert!(trail.contains("account.erased"), "{trail}");
}
