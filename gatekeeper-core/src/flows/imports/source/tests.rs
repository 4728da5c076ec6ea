use serde_json::json;

use super::*;
use crate::crypto::password::{HashFormat, recognise};

fn read(source: &ImportSource, row: Value) -> ImportedUser {
    let Value::Object(row) = row else { panic!() };
    source.read(&row).unwrap()
}

fn refused(source: &ImportSource, row: Value) -> Vec<String> {
    let Value::Object(row) = row else { panic!() };
    let violations = source.read(&row).unwrap_err();
    let violations = violations.as_slice().iter();
    violations.map(|one| one.pointer.clone()).collect()
}

fn kind(user: &ImportedUser) -> HashFormat {
    recognise(user.password_hash.as_ref().unwrap().expose()).unwrap()
}

const BCRYPT: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

#[test]
fn a_row_of_auth0_is_read() {
    let user = read(
        &ImportSource::Auth0,
        json!({
            "user_id": "auth0|1", "email": "ada@example.org", "email_verified": true, "name": "Ada", "blocked": false,
            "created_at": "2020-01-02T03:04:05.678Z", "passwordHash": BCRYPT, "user_metadata": {"plan": "gold"},
            "identities": [
                {"provider": "auth0", "user_id": "1", "isSocial": false},
                {"provider": "github", "user_id": "77", "isSocial": true},
            ],
        }),
    );
    assert_eq!(
        (user.email.as_str(), user.email_verified),
        ("ada@example.org", true)
    );
    assert_eq!(kind(&user), HashFormat::Bcrypt);
    assert_eq!(user.metadata["plan"], "gold");
    assert_eq!(user.identities, [("github".to_owned(), "77".to_owned())]);
    let at = user.created_at.unwrap();
    assert_eq!(at.as_unix_micros(), 1_577_934_245_678_000);
    let custom = read(
        &ImportSource::Auth0,
        json!({"email": "a@b.org", "custom_password_hash": {"algorithm": "bcrypt", "hash": {"value": BCRYPT}}}),
    );
    assert_eq!(kind(&custom), HashFormat::Bcrypt);
}

#[test]
fn rows_of_tables_are_read_as_texts() {
    let devise = read(
        &ImportSource::Devise,
        json!({"email": "a@b.org", "encrypted_password": BCRYPT, "confirmed_at": "2020-01-02 03:04:05.5", "created_at": "2020-01-02 03:04:05 UTC"}),
    );
    assert!(devise.email_verified);
    assert_eq!(devise.created_at.unwrap().as_unix_seconds(), 1_577_934_245);
    let django = read(
        &ImportSource::Django,
        json!({
            "email": "a@b.org", "password": "pbkdf2_sha256$1000$seasalt23$le3oHNBHcyb556hxatSjnbPKG9aLlceahhj2I1+EUCU=",
            "first_name": "Ada", "last_name": "Lovelace", "is_active": "f", "date_joined": "2020-01-02 03:04:05.5+00",
        }),
    );
    assert_eq!(django.name.as_deref(), Some("Ada Lovelace"));
    assert!(django.disabled && !django.email_verified);
    assert_eq!(kind(&django), HashFormat::Pbkdf2);
    let unusable = json!({"email": "a@b.org", "password": "!x"});
    assert!(
        read(&ImportSource::Django, unusable)
            .password_hash
            .is_none()
    );
    let supabase = read(
        &ImportSource::Supabase,
        json!({
            "email": "a@b.org", "encrypted_password": BCRYPT, "email_confirmed_at": "2020-01-02 03:04:05.123456+00",
            "raw_user_meta_data": "{\"full_name\": \"Ada\"}", "created_at": "2020-01-02 05:04:05+02",
        }),
    );
    assert_eq!(supabase.name.as_deref(), Some("Ada"));
    assert_eq!(
        supabase.created_at.unwrap().as_unix_seconds(),
        1_577_934_245
    );
    let wordpress = read(
        &ImportSource::WordPress,
        json!({"user_email": "a@b.org", "user_pass": "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "display_name": "Ada", "user_registered": "2020-01-02 03:04:05"}),
    );
    assert_eq!(kind(&wordpress), HashFormat::Phpass);
    assert_eq!(
        wordpress.created_at.unwrap().as_unix_seconds(),
        1_577_934_245
    );
}

#[test]
fn a_row_of_firebase_is_read_with_the_projects_parameters() {
    let project = FirebaseProject {
        signer_key: SecretString::new(
            "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
        ),
        salt_separator: "Bw==".to_owned(),
        rounds: 8,
        mem_cost: 14,
    };
    // As the tool of Firebase writes it: base64url.
    let user = read(
        &ImportSource::Firebase(project),
        json!({
            "localId": "x", "email": "a@b.org", "emailVerified": true, "displayName": "Ada", "createdAt": "1577934245678",
            "passwordHash": "lSrfV15cpx95_sZS2W9c9Kp6i_LVgQNDNC_qzrCnh1SAyZvqmZqAjTdn3aoItz-VHjoZilo78198JAdRuid5lQ==",
            "salt": "42xEC-ixf3L2lw==",
            "providerUserInfo": [{"providerId": "google.com", "rawId": "108"}, {"providerId": "password", "rawId": "a@b.org"}],
        }),
    );
    assert_eq!(kind(&user), HashFormat::Firebase);
    assert_eq!(
        user.identities,
        [("google.com".to_owned(), "108".to_owned())]
    );
    assert_eq!(user.created_at.unwrap().as_unix_millis(), 1_577_934_245_678);
}

#[test]
fn a_row_of_keycloak_is_read() {
    let with = |data: &str| {
        json!({
            "email": "a@b.org", "emailVerified": false, "firstName": "Ada", "enabled": true, "createdTimestamp": 1_577_934_245_678_i64,
            "credentials": [
                {"type": "otp", "credentialData": "{}", "secretData": "{}"},
                {"type": "password", "credentialData": data,
                 "secretData": "{\"value\": \"2NCvg/90MAbIC1+5gVgWkHBFluNR6RYY3Pj/DMbeCF8=\", \"salt\": \"MDEyMzQ1Njc4OWFiY2RlZg==\"}"},
            ],
            "federatedIdentities": [{"identityProvider": "github", "userId": "7", "userName": "ada"}],
        })
    };
    let pbkdf2 = "{\"hashIterations\": 27500, \"algorithm\": \"pbkdf2-sha256\"}";
    let user = read(&ImportSource::Keycloak, with(pbkdf2));
    assert_eq!(kind(&user), HashFormat::Pbkdf2);
    assert_eq!(user.identities, [("github".to_owned(), "7".to_owned())]);
    let argon2 = "{\"hashIterations\": 5, \"algorithm\": \"argon2\", \"additionalParameters\": {\"hashLength\": [\"32\"], \"memory\": [\"7168\"], \"type\": [\"id\"], \"version\": [\"1.3\"], \"parallelism\": [\"1\"]}}";
    assert_eq!(
        kind(&read(&ImportSource::Keycloak, with(argon2))),
        HashFormat::Argon2
    );
    let unknown = "{\"hashIterations\": 5, \"algorithm\": \"own\"}";
    assert_eq!(
        refused(&ImportSource::Keycloak, with(unknown)),
        ["/credentials"]
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let row = json!({"email_verified": "maybe", "name": 7, "metadata": "[", "roles": {}, "created_at": "yesterday"});
    let wrong = refused(&ImportSource::Gatekeeper, row);
    assert_eq!(
        wrong,
        [
            "/email",
            "/email_verified",
            "/name",
            "/metadata",
            "/roles",
            "/created_at"
        ]
    );
    let row = json!({"email": "a@b.org", "roles": "editor, viewer", "is_active": 0, "name": "", "created_at": -1});
    assert_eq!(refused(&ImportSource::Gatekeeper, row), ["/created_at"]);
    let row = json!({"email": "a@b.org", "roles": "editor, viewer", "is_active": 0, "name": ""});
    let user = read(&ImportSource::Gatekeeper, row);
    assert_eq!(user.roles, ["editor", "viewer"]);
    assert!(user.disabled && user.name.is_none());
}
