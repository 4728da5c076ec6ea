//! Second factors, trusted devices, magic links and lockout, as a user meets them: on both frameworks, on SQLite alone and on
//! PostgreSQL with Redis.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::{
    client::Answer,
    postgres::Postgres,
    redis::Redis,
    server::{PASSWORD, SECRET, Server, run, token_in, within},
};

/// An authenticator app: makes codes from the secret of an enrolment, and never one twice.
struct Authenticator {
    key: Vec<u8>,
    last: u64,
}

impl Authenticator {
    fn new(secret: &str) -> Self {
        Self {
            key: base32(secret),
            last: 0,
        }
    }

    /// A code of a step that no code was made of yet. There are three at any time: the server takes one step each side.
    #[expect(
        clippy::disallowed_methods,
        reason = "the program goes by the machine's clock, and so does an app"
    )]
    fn code(&mut self) -> String {
        let step = within(Duration::from_secs(100), || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let current = now.as_secs() / 30;
            let step = (self.last + 1).max(current - 1);
            (step <= current + 1).then_some(step)
        })
        .unwrap();
        self.last = step;
        totp(&self.key, step)
    }
}

/// RFC 4226 section 5.3, with the time step of RFC 6238 as its counter.
fn totp(key: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[19] & 15);
    let word = u32::from_be_bytes(tag[offset..offset + 4].try_into().unwrap());
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

/// RFC 4648 section 6, without padding.
fn base32(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => panic!("{text:?} is not base32"),
        };
        bits = (bits << 5) | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 255).unwrap());
        }
    }
    bytes
}

fn code_of(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text("code"))
}

fn status_of(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text("status"))
}

/// The newest mail to this address that says this, waited for.
fn mail_with(server: &Server, email: &str, word: &str) -> String {
    let to = format!("To: {email}\r\n");
    within(Duration::from_secs(30), || {
        let mails = server.mails().into_iter().rev();
        mails
            .into_iter()
            .find(|mail| mail.contains(&to) && mail.contains(word))
    })
    .unwrap_or_else(|| panic!("no mail with {word} to {email}: {}", server.log()))
}

fn finish(server: &Server, pending: &Answer, method: &str, code: &str) -> Answer {
    assert_eq!(
        status_of(pending),
        (200, "mfa_required".to_owned()),
        "{pending:?}"
    );
    let body = json!({
        "mfa_token": pending.text("mfa_token"), "method": method, "code": code,
        "token_delivery": "body", "trust_device": true,
    });
    server.post("/v1/auth/login/mfa", None, &body)
}

fn claims(answer: &Answer) -> Value {
    let token = answer.text("access_token");
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url(payload)).unwrap()
}

fn base64url(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == letter).unwrap();
        bits = (bits << 6) | u32::try_from(value).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 255).unwrap());
        }
    }
    bytes
}

fn second_factors(server: &Server) {
    let email = "ann@example.org";
    let signed_in = server.member(email);
    let access = signed_in.text("access_token");
    let state = server.get("/v1/auth/mfa", Some(&access)).json();
    assert_eq!(state["totp"]["enabled"], false, "{state}");

    let begun = server.post("/v1/auth/mfa/totp", Some(&access), &json!({}));
    assert_eq!(begun.status, 200, "{begun:?}");
    assert!(begun.text("qr_svg").starts_with("<svg"), "{begun:?}");
    let mut app = Authenticator::new(&begun.text("secret"));
    let confirmed = server.post(
        "/v1/auth/mfa/totp/confirm",
        Some(&access),
        &json!({ "code": app.code() }),
    );
    assert_eq!(confirmed.status, 200, "{confirmed:?}");
    let backup: Vec<String> =
        serde_json::from_value(confirmed.json()["backup_codes"].clone()).unwrap();
    assert_eq!(backup.len(), 10);
    mail_with(server, email, "second factor");

    // The first factor alone opens nothing.
    let pending = server.sign_in(email, PASSWORD);
    assert_eq!(status_of(&pending), (200, "mfa_required".to_owned()));
    let token = pending.text("mfa_token");
    assert_eq!(server.get("/v1/auth/me", Some(&token)).status, 401);
    assert_eq!(
        code_of(&finish(server, &pending, "totp", "000000")),
        (401, "mfa.invalid_code".to_owned())
    );
    let code = app.code();
    let done = finish(server, &pending, "totp", &code);
    assert_eq!(
        status_of(&done),
        (200, "authenticated".to_owned()),
        "{done:?}"
    );
    let claimed = claims(&done);
    assert_eq!(claimed["mfa_verified"], true, "{claimed}");
    for method in ["pwd", "otp", "mfa"] {
        assert!(
            claimed["amr"].as_array().unwrap().contains(&json!(method)),
            "{claimed}"
        );
    }
    let me = server.get("/v1/auth/me", Some(&done.text("access_token")));
    assert_eq!(me.json()["mfa_enabled"], true);

    // A code counts once, and so does a pending sign-in.
    let again = server.sign_in(email, PASSWORD);
    assert_eq!(
        code_of(&finish(server, &again, "totp", &code)),
        (401, "mfa.invalid_code".to_owned())
    );
    assert_eq!(
        code_of(&finish(server, &pending, "backup_code", &backup[0])),
        (401, "mfa.invalid_token".to_owned())
    );
    let by_backup = finish(server, &again, "backup_code", &backup[0]);
    assert_eq!(by_backup.status, 200, "{by_backup:?}");

    // This device may now sign in without the second factor, and is not said to have shown one.
    let device = done.text("device_token");
    let body = json!({ "email": email, "password": PASSWORD, "token_delivery": "body", "device_token": device });
    let spared = server.post("/v1/auth/login", None, &body);
    assert_eq!(
        status_of(&spared),
        (200, "authenticated".to_owned()),
        "{spared:?}"
    );
    assert_eq!(claims(&spared)["mfa_verified"], false);

    // A magic link is a first factor like any other.
    let asked = server.post(
        "/v1/auth/magic-link",
        None,
        &json!({ "email": email, "token_delivery": "body" }),
    );
    assert_eq!(asked.status, 202, "{asked:?}");
    let mail = mail_with(server, email, "/magic-link#token=");
    let link = json!({ "token": token_in(&mail), "binding": asked.text("binding"), "token_delivery": "body" });
    let followed = server.post("/v1/auth/magic-link/verify", None, &link);
    assert_eq!(
        code_of(&finish(server, &followed, "backup_code", &backup[0])),
        (401, "mfa.invalid_code".to_owned())
    );
    let done = finish(server, &followed, "backup_code", &backup[1]);
    assert_eq!(done.status, 200, "{done:?}");
    let twice = server.post("/v1/auth/magic-link/verify", None, &link);
    assert_eq!(code_of(&twice), (400, "token.invalid".to_owned()));
    let state = server
        .get("/v1/auth/mfa", Some(&done.text("access_token")))
        .json();
    assert_eq!(state["backup_codes_left"], 8, "{state}");

    let log = server.log();
    for secret in [&begun.text("secret"), &code, &backup[0], &token, &device] {
        assert!(!log.contains(secret.as_str()), "{secret} in {log}");
    }
}

fn lockout(server: &Server, directory: &std::path::Path, command: &[&str]) {
    let email = "bob@example.org";
    let signed_in = server.member(email);
    let device = signed_in.text("device_token");
    for _ in 0..5 {
        assert_eq!(
            code_of(&server.sign_in(email, "not the password of bob")),
            (401, "password.invalid_credentials".to_owned())
        );
    }
    let wrong = server.sign_in(email, "not the password of bob either");
    let right = server.sign_in(email, PASSWORD);
    assert_eq!(
        code_of(&right),
        code_of(&wrong),
        "a locked account answers like a wrong password"
    );
    mail_with(server, email, "locked");

    // Whoever is signed in stays so, and a device that is known signs in.
    let access = signed_in.text("access_token");
    assert_eq!(server.get("/v1/auth/me", Some(&access)).status, 200);
    let body = json!({ "email": email, "password": PASSWORD, "device_token": device });
    let known = server.post("/v1/auth/login", None, &body);
    assert_eq!(
        status_of(&known),
        (200, "authenticated".to_owned()),
        "{known:?}"
    );

    let unlocked = run(
        directory,
        &[&["user", "unlock", "--email", email], command].concat(),
    );
    assert!(unlocked.status.success(), "{unlocked:?}");
    let right = server.sign_in(email, PASSWORD);
    assert_eq!(
        status_of(&right),
        (200, "authenticated".to_owned()),
        "{right:?}"
    );
}

fn on_sqlite(adapter: &str) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &["--adapter", adapter]);
    second_factors(&server);
    lockout(&server, directory.path(), &[]);
}

fn on_postgres_with_redis(adapter: &str) {
    let (postgres, redis) = (Postgres::start(), Redis::start());
    let directory = tempfile::tempdir().unwrap();
    let (database, redis) = (postgres.url(), redis.url());
    let settings = [
        "--database-url",
        &database,
        "--redis-url",
        &redis,
        "--secret",
        SECRET,
    ];
    let server = Server::start(
        directory.path(),
        &[&["--adapter", adapter], &settings[..]].concat(),
    );
    second_factors(&server);
    lockout(&server, directory.path(), &settings);
}

#[test]
fn an_account_is_kept_safe_on_sqlite_and_axum() {
    on_sqlite("axum");
}

#[test]
fn an_account_is_kept_safe_on_sqlite_and_actix() {
    on_sqlite("actix");
}

#[test]
fn an_account_is_kept_safe_on_postgres_redis_and_axum() {
    on_postgres_with_redis("axum");
}

#[test]
fn an_account_is_kept_safe_on_postgres_redis_and_actix() {
    on_postgres_with_redis("actix");
}

#[test]
fn the_codes_are_those_of_rfc_6238() {
    // Appendix B, SHA-1, cut to six digits.
    for (time, code) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (20_000_000_000, "353130"),
    ] {
        assert_eq!(totp(b"12345678901234567890", time / 30), code);
    }
    assert_eq!(
        base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
        b"12345678901234567890"
    );
}
