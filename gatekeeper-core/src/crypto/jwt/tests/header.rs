use super::*;
use crate::crypto::{Cursors, RefreshTokens, SecretKey, SecretKeys, one_time};

fn header() -> Value {
    sound_header(&signing_key(Algorithm::EdDsa, 1))
}

#[test]
fn rfc9068_4_typ_is_that_of_an_access_token() {
    for typ in [
        "at+jwt",
        "application/at+jwt",
        "AT+JWT",
        "Application/At+Jwt",
    ] {
        let header = with(&header(), "typ", typ.into()).to_string();
        assert_eq!(verdict_of_header(&header), Ok(()), "{typ}");
    }
    for typ in [
        "",
        "JWT",
        "jwt",
        "at",
        "at+jwt ",
        " at+jwt",
        "at+jwt\u{0}",
        "application/jwt",
        "application/application/at+jwt",
        "text/at+jwt",
        "id+jwt",
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "reset+jwt",
        "mfa-pending+jwt",
        "invite+jwt",
        "webhook+jwt",
    ] {
        let header = with(&header(), "typ", typ.into()).to_string();
        assert_eq!(
            verdict_of_header(&header),
            Err(TokenRejection::Type),
            "{typ}"
        );
    }
    let absent = without(&header(), "typ").to_string();
    assert_eq!(verdict_of_header(&absent), Err(TokenRejection::Type));
    for typ in [json!(1), json!(null), json!(["at+jwt"]), json!({})] {
        let header = with(&header(), "typ", typ).to_string();
        assert_eq!(
            verdict_of_header(&header),
            Err(TokenRejection::Header),
            "{header}"
        );
    }
}

#[test]
fn jwt_2_tokens_of_every_other_kind_are_refused() {
    let keys = SecretKeys::new(SecretKey::generate(&SeededRandom::new(1)));
    let claims = access_claims();
    let refresh = RefreshTokens::new(&keys).issue(claims.tenant_id, claims.session_id, 0);
    let (one_time, _) = one_time::generate(&SeededRandom::new(1));
    let cursor = Cursors::new(&keys).seal(
        "users",
        crate::model::Cursor {
            at: NOW,
            id: claims.user_id.as_uuid(),
        },
    );
    let tokens = tokens(Algorithm::EdDsa);
    for other in [refresh.expose(), one_time.expose(), &cursor] {
        assert_eq!(
            tokens.verify(other, NOW).unwrap_err(),
            TokenRejection::Malformed
        );
    }
    // And an access token is none of them.
    let access = tokens.issue(&claims).unwrap();
    assert!(one_time::hash_of(access.expose()).is_none());
    assert!(Cursors::new(&keys).open("users", access.expose()).is_none());
    assert!(
        RefreshTokens::new(&keys)
            .verify(claims.tenant_id, access.expose())
            .is_err()
    );
    assert!(one_time::hash_of(refresh.expose()).is_none());
    assert!(one_time::hash_of(&cursor).is_none());
    assert!(
        RefreshTokens::new(&keys)
            .verify(claims.tenant_id, &format!("gkr_{cursor}"))
            .is_err()
    );
    assert!(
        Cursors::new(&keys)
            .open("users", refresh.expose().strip_prefix("gkr_").unwrap())
            .is_none()
    );
}

#[test]
fn row_44_a_key_that_is_not_in_the_ring_is_unknown() {
    let tokens = tokens(Algorithm::EdDsa);
    let stranger = signing_key(Algorithm::EdDsa, 2);
    let token = sign(
        &stranger,
        sound_header(&stranger).to_string(),
        sound_claims().to_string(),
    );
    assert_eq!(
        tokens.verify(&token, NOW).unwrap_err(),
        TokenRejection::UnknownKey
    );
    // Under our key's name.
    let token = sign(&stranger, header().to_string(), sound_claims().to_string());
    assert_eq!(
        tokens.verify(&token, NOW).unwrap_err(),
        TokenRejection::Signature
    );
    let id = key_id(1).to_string();
    for kid in [
        "",
        "1",
        "../../../../dev/null",
        "/dev/null",
        "' UNION SELECT 'key' --",
        "http://evil.example/jwks.json",
        &id[..35],
        &format!("{id} "),
        &id.to_uppercase(),
        &id.replace('-', ""),
    ] {
        let header = with(&header(), "kid", kid.into()).to_string();
        assert_eq!(
            verdict_of_header(&header),
            Err(TokenRejection::UnknownKey),
            "{kid}"
        );
    }
    let absent = without(&header(), "kid").to_string();
    assert_eq!(verdict_of_header(&absent), Err(TokenRejection::UnknownKey));
    for kid in [json!(1), json!(null), json!([id])] {
        let header = with(&header(), "kid", kid).to_string();
        assert_eq!(verdict_of_header(&header), Err(TokenRejection::Header));
    }
}

#[test]
fn row_44_the_keys_of_one_issuer_are_not_those_of_another() {
    // Two issuers with a key of the same id each: a token of the one is nothing to the other, not even under its name.
    let ours = tokens(Algorithm::EdDsa);
    let mut their_settings = settings();
    their_settings.issuer = "https://other.example".to_owned();
    let theirs = {
        let bytes = signing_key(Algorithm::EdDsa, 2).to_private_bytes();
        let key = SigningKey::from_private_bytes(Algorithm::EdDsa, key_id(1), &bytes).unwrap();
        tokens_with(their_settings, key)
    };
    let token = theirs.issue(&access_claims()).unwrap();
    assert!(theirs.verify(token.expose(), NOW).is_ok());
    assert_eq!(
        ours.verify(token.expose(), NOW).unwrap_err(),
        TokenRejection::Signature
    );
    // The same key for two issuers: the issuer is looked at.
    let mut their_settings = settings();
    their_settings.issuer = "https://other.example".to_owned();
    let theirs = tokens_with(their_settings, signing_key(Algorithm::EdDsa, 1));
    let token = theirs.issue(&access_claims()).unwrap();
    assert_eq!(
        ours.verify(token.expose(), NOW).unwrap_err(),
        TokenRejection::Issuer
    );
}

#[test]
fn row_41_cve_2026_28802_none_is_no_algorithm() {
    for alg in ["none", "None", "NONE", "nOnE", "", "NULL"] {
        let header = with(&header(), "alg", alg.into()).to_string();
        assert_eq!(
            verdict_of_header(&header),
            Err(TokenRejection::Algorithm),
            "{alg}"
        );
        let signed = format!(
            "{}.{}",
            BASE64URL.encode(&header),
            BASE64URL.encode(sound_claims().to_string())
        );
        let tokens = tokens(Algorithm::EdDsa);
        assert!(tokens.verify(&format!("{signed}."), NOW).is_err());
        assert!(tokens.verify(&signed, NOW).is_err());
    }
}

#[test]
fn jwt_1_rfc8725_3_1_the_algorithm_is_the_keys() {
    for &algorithm in Algorithm::ALL {
        let key = signing_key(algorithm, 1);
        let tokens = tokens(algorithm);
        for alg in [
            "EdDSA", "Ed25519", "ES256", "HS256", "RS256", "HS384", "HS512", "RS384", "RS512",
            "ES384", "ES512", "PS256", "ES256K", "Ed448", "eddsa", "hs256",
        ] {
            let header = with(&sound_header(&key), "alg", alg.into()).to_string();
            let token = sign(&key, header, sound_claims().to_string());
            let accepted = Algorithm::parse(alg) == Some(algorithm);
            match tokens.verify(&token, NOW) {
                Ok(_) => assert!(accepted, "{alg} under {algorithm:?}"),
                Err(rejection) => {
                    assert!(!accepted, "{alg} under {algorithm:?}");
                    assert_eq!(rejection, TokenRejection::Algorithm);
                }
            }
        }
    }
    for alg in [json!(1), json!(null), json!(["EdDSA"]), json!({})] {
        let header = with(&header(), "alg", alg).to_string();
        assert_eq!(verdict_of_header(&header), Err(TokenRejection::Header));
    }
    let absent = without(&header(), "alg").to_string();
    assert_eq!(verdict_of_header(&absent), Err(TokenRejection::Header));
}

#[test]
fn row_41_cve_2026_27962_a_header_brings_no_key_and_no_extension() {
    let jwk = signing_key(Algorithm::EdDsa, 2);
    let jwk = Keyring::new(jwk).jwks()["keys"][0].clone();
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("abc")),
        ("x5t#S256", json!("abc")),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("crit", json!([])),
        ("crit", json!(["exp"])),
        ("crit", json!(["alg"])),
        ("crit", json!(["b64"])),
        ("crit", json!(["unknown"])),
        ("crit", json!(null)),
        ("crit", json!("exp")),
    ] {
        let header = with(&header(), name, value).to_string();
        assert_eq!(
            verdict_of_header(&header),
            Err(TokenRejection::ForbiddenHeader),
            "{header}"
        );
    }
    // RFC 7515 section 4: what is not understood and not critical is ignored.
    for name in ["cty", "x"] {
        let header = with(&header(), name, "x".into()).to_string();
        assert_eq!(verdict_of_header(&header), Ok(()));
    }
    let header = with(&header(), "cty", 0.into()).to_string();
    assert_eq!(verdict_of_header(&header), Err(TokenRejection::Header));
}

#[test]
fn doubled_members_of_the_header_are_refused() {
    for (name, value) in [
        ("alg", "\"EdDSA\""),
        ("alg", "\"none\""),
        ("kid", "\"x\""),
        ("typ", "\"at+jwt\""),
        ("a\\u006cg", "\"EdDSA\""),
        ("x", "1,\"x\":1"),
        ("x", "{\"y\":1,\"y\":2}"),
    ] {
        assert_eq!(
            verdict_of_header(&doubled(&header(), name, value)),
            Err(TokenRejection::Header),
            "{name}: {value}"
        );
    }
}

#[test]
fn a_header_that_is_no_json_object_is_refused() {
    let sound = header().to_string();
    for text in [
        "null",
        "[]",
        "{}",
        "\"x\"",
        &format!("\u{feff}{sound}"),
        &format!("{sound}x"),
        &sound[1..],
        &sound[..sound.len() - 1],
    ] {
        assert_eq!(
            verdict_of_header(text),
            Err(TokenRejection::Header),
            "{text}"
        );
    }
}

#[test]
fn row_41_cve_2026_96760_the_json_serialisations_are_refused() {
    let tokens = tokens(Algorithm::EdDsa);
    let token = tokens.issue(&access_claims()).unwrap();
    let parts: Vec<&str> = token.expose().split('.').collect();
    for json in [
        json!({"payload": parts[1], "protected": parts[0], "signature": parts[2]}),
        json!({"payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]}),
        json!({"payload": parts[1]}),
        json!({"payload": parts[1], "signatures": []}),
    ] {
        assert!(tokens.verify(&json.to_string(), NOW).is_err());
    }
}
