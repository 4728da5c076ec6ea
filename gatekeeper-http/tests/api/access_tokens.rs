//! Access tokens that are not ours, or not any more: each gets the same answer.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use gatekeeper_core::crypto::jwt::{Keyring, SigningKey};
use gatekeeper_http::HttpSettings;
use serde_json::{Value, json};

use crate::world::{ADA, HMAC_KEY, Tokens, World, key_id};

fn sign(header: &str, claims: &str, key: &[u8]) -> String {
    let input = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let signature = hmac::sign(&key, input.as_bytes());
    format!("{input}.{}", BASE64.encode(signature))
}

/// Header and claims of a token.
fn open(token: &str) -> (Value, Value) {
    let part = |n: usize| {
        let segment = token.split('.').nth(n).unwrap();
        serde_json::from_slice(&BASE64.decode(segment).unwrap()).unwrap()
    };
    (part(0), part(1))
}

async fn refused(world: &World, token: &str, why: &str) {
    let answer = world.get("/v1/auth/me").bearer(token).send().await;
    assert_eq!(answer.status, 401, "{why}: {}", answer.body);
    assert_eq!(answer.body["code"], "access.invalid_token", "{why}");
    let challenge = answer.header("www-authenticate");
    assert!(
        challenge.contains("error=\"invalid_token\""),
        "{why}: {challenge}"
    );
}

#[tokio::test]
async fn a_token_is_signed_again_as_it_was_issued() {
    let world = World::new().await;
    let Tokens { access, .. } = world.ada().await;
    let (header, claims) = open(&access);
    let again = sign(&header.to_string(), &claims.to_string(), &HMAC_KEY);
    world.get("/v1/auth/me").bearer(&again).expect(200).await;
}

#[tokio::test]
async fn a_token_changed_anywhere_is_refused() {
    let world = World::new().await;
    let Tokens {
        access, refresh, ..
    } = world.ada().await;
    for index in 0..access.len() {
        for replacement in [b'A', b'Q', b'.'] {
            let mut changed = access.clone().into_bytes();
            if changed[index] == replacement {
                continue;
            }
            changed[index] = replacement;
            refused(
                &world,
                &String::from_utf8(changed).unwrap(),
                &format!("byte {index}"),
            )
            .await;
        }
    }
    for cut in [0, 1, access.len() / 2, access.len() - 1] {
        refused(&world, &access[..cut], "cut").await;
    }
    for wrong in [
        format!("{access}A"),
        format!("{access}="),
        format!("{access}."),
        format!("{access} {access}"),
        refresh,
        "x".repeat(20_000),
        ".".repeat(5_000),
        "gk_live_abc_def".to_owned(),
        "null".to_owned(),
    ] {
        refused(&world, &wrong, "another text").await;
    }
    // RFC 6750 section 3: nobody sent a token, so there is nothing to call invalid.
    let answer = world
        .get("/v1/auth/me")
        .refused(401, "access.missing_token")
        .await;
    assert_eq!(
        answer.header("www-authenticate"),
        "Bearer realm=\"gatekeeper\""
    );
}

#[tokio::test]
async fn jwt_1_a_properly_signed_but_hostile_header_is_refused() {
    let world = World::new().await;
    let Tokens { access, .. } = world.ada().await;
    let (header, claims) = open(&access);
    let claims = claims.to_string();
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        header.to_string()
    };
    let without = |name: &str| {
        let mut header = header.clone();
        header.as_object_mut().unwrap().remove(name);
        header.to_string()
    };
    for header in [
        with("alg", json!("none")),
        with("alg", json!("None")),
        with("alg", json!("HS384")),
        with("alg", json!("EdDSA")),
        with("alg", json!("RS256")),
        with("alg", json!(["HS256"])),
        without("alg"),
        with("typ", json!("JWT")),
        with("typ", json!(1)),
        without("typ"),
        with("kid", json!("unknown")),
        with("kid", json!("../../dev/null")),
        without("kid"),
        with("crit", json!(["exp"])),
        with("crit", json!([])),
        with("jwk", json!({"kty": "oct", "k": BASE64.encode(HMAC_KEY)})),
        with("jku", json!("https://evil.example/keys")),
        with("x5u", json!("https://evil.example/cert")),
        with("zip", json!("DEF")),
        with("enc", json!("A128GCM")),
        with("b64", json!(false)),
        format!("\u{feff}{header}"),
        header.to_string().replacen('{', "{\"alg\":\"HS256\",", 1),
    ] {
        refused(&world, &sign(&header, &claims, &HMAC_KEY), &header).await;
    }
    let unsigned = format!(
        "{}.{}.",
        BASE64.encode(with("alg", json!("none"))),
        BASE64.encode(&claims)
    );
    refused(&world, &unsigned, "unsigned").await;
    refused(
        &world,
        &sign(&header.to_string(), &claims, b""),
        "the empty key",
    )
    .await;
    refused(
        &world,
        &sign(&header.to_string(), &claims, &[7; 32]),
        "another key",
    )
    .await;
}

#[tokio::test]
async fn jwt_2_properly_signed_but_hostile_claims_are_refused() {
    let world = World::new().await;
    let Tokens { access, .. } = world.ada().await;
    let (header, claims) = open(&access);
    let header = header.to_string();
    for required in [
        "iss",
        "aud",
        "sub",
        "exp",
        "iat",
        "jti",
        "sid",
        "tid",
        "client_id",
    ] {
        let mut claims = claims.clone();
        assert!(
            claims.as_object_mut().unwrap().remove(required).is_some(),
            "{required} is issued"
        );
        refused(
            &world,
            &sign(&header, &claims.to_string(), &HMAC_KEY),
            &format!("no {required}"),
        )
        .await;
    }
    let now = claims["iat"].as_i64().unwrap();
    for (name, value) in [
        ("exp", json!("9999999999")),
        ("exp", json!(1_767_226_100.5)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(-1)),
        ("exp", json!(null)),
        ("exp", json!([now + 900])),
        ("exp", json!(now - 1)),
        ("iat", json!("now")),
        ("iat", json!(now + 3_600)),
        ("nbf", json!(now + 3_600)),
        ("nbf", json!("now")),
        ("iss", json!("https://evil.example")),
        ("iss", json!("https://auth.example.com/")),
        ("aud", json!([])),
        ("aud", json!(["https://other.example"])),
        ("aud", json!("https://auth.example.co")),
        ("sub", json!("")),
        ("sub", json!(1)),
        ("sid", json!("not-an-id")),
    ] {
        let mut changed = claims.clone();
        changed[name] = value.clone();
        refused(
            &world,
            &sign(&header, &changed.to_string(), &HMAC_KEY),
            &format!("{name}: {value}"),
        )
        .await;
    }
    for (from, to) in [
        ("{", "{\"exp\":99999999999,"),
        ("{", "{\"sub\":\"018f0000-0000-7000-8000-000000000000\","),
    ] {
        let doubled = claims.to_string().replacen(from, to, 1);
        refused(&world, &sign(&header, &doubled, &HMAC_KEY), &doubled).await;
    }
    let exponent =
        claims
            .to_string()
            .replacen(&format!("\"exp\":{}", claims["exp"]), "\"exp\":1e400", 1);
    assert!(exponent.contains("1e400"));
    refused(&world, &sign(&header, &exponent, &HMAC_KEY), "1e400").await;
}

#[tokio::test]
async fn a_token_of_another_key_or_after_its_time_is_refused() {
    let world = World::new().await;
    let Tokens { access, .. } = world.ada().await;
    let other = [
        0x5a_u8, 0xc3, 0x17, 0x88, 0xee, 0x21, 0x94, 0x6b, 0xd0, 0x3f, 0xa6, 0x79, 0x02, 0xbe,
        0x4d, 0xf5, 0x60, 0x9a, 0x2c, 0xe7, 0x13, 0x8f, 0x54, 0xcb, 0x36, 0xa1, 0xf8, 0x0d, 0x72,
        0xb9, 0x45, 0xdc,
    ];
    let keyring = Keyring::new(SigningKey::from_hmac_secret(key_id(), &other).unwrap());
    let stranger = World::with(|builder| builder.keyring(keyring), HttpSettings::new()).await;
    let theirs = stranger.ada().await;
    refused(&world, &theirs.access, "another deployment's").await;

    world.get("/v1/auth/me").bearer(&access).expect(200).await;
    world.clock.advance(Duration::from_mins(16));
    refused(&world, &access, "expired").await;
}

/// CVE-2016-11074 and its kin from the other side: a one-time token opens nothing but its own door.
#[tokio::test]
async fn a_one_time_token_is_no_access_token() {
    let world = World::new().await;
    world.register(ADA).await;
    world
        .post("/v1/auth/password/forgot", &json!({"email": ADA}))
        .expect(202)
        .await;
    let token = world.mailed_token(ADA).await;
    refused(&world, &token, "a reset token").await;
}
