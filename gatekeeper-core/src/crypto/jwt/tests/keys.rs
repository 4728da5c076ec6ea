use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    hmac, rsa,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::engine::general_purpose::STANDARD;

use super::*;

/// Every way in which a public key is written down.
fn renderings(key: &SigningKey) -> Vec<Vec<u8>> {
    let jwk = Keyring::new(
        SigningKey::from_private_bytes(key.algorithm(), key.id(), &key.to_private_bytes()).unwrap(),
    )
    .jwks()["keys"][0]
        .clone();
    let part = |name: &str| {
        jwk.get(name)
            .and_then(Value::as_str)
            .map(|text| BASE64URL.decode(text).unwrap())
    };
    let mut ders = Vec::new();
    match key.algorithm() {
        Algorithm::Rs256 => {
            let pair = rsa::KeyPair::from_pkcs8(key.to_private_bytes().expose()).unwrap();
            ders.push(pair.public_key().as_ref().to_vec());
            let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            ders.push(spki.as_ref().to_vec());
        }
        Algorithm::EdDsa => {
            let pair = Ed25519KeyPair::from_pkcs8(key.to_private_bytes().expose()).unwrap();
            let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            ders.push(spki.as_ref().to_vec());
        }
        Algorithm::Es256 | Algorithm::Hs256 => {}
    }
    let mut all = vec![
        jwk.to_string().into_bytes(),
        serde_json::to_vec_pretty(&jwk).unwrap(),
    ];
    all.extend(["x", "y", "n", "e"].iter().filter_map(|name| part(name)));
    if let (Some(x), Some(y)) = (part("x"), part("y")) {
        all.push([&[4], &x[..], &y[..]].concat());
    }
    for der in ders {
        let lines = STANDARD.encode(&der);
        for label in ["PUBLIC KEY", "RSA PUBLIC KEY"] {
            let mut pem = format!("-----BEGIN {label}-----\n");
            for line in lines.as_bytes().chunks(64) {
                pem.push_str(std::str::from_utf8(line).unwrap());
                pem.push('\n');
            }
            pem.push_str("-----END ");
            pem.push_str(label);
            pem.push_str("-----");
            all.push(pem.clone().into_bytes());
            all.push(format!("{pem}\n").into_bytes());
        }
        all.push(lines.into_bytes());
        all.push(der);
    }
    all
}

#[test]
fn row_40_cve_2024_37568_a_public_key_is_no_hmac_secret() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let key = signing_key(algorithm, 1);
        let tokens = tokens(algorithm);
        let renderings = renderings(&key);
        assert!(renderings.len() >= 4);
        for secret in renderings {
            for alg in ["HS256", algorithm.as_str()] {
                let header = with(&sound_header(&key), "alg", alg.into()).to_string();
                let signed = format!(
                    "{}.{}",
                    BASE64URL.encode(header),
                    BASE64URL.encode(sound_claims().to_string())
                );
                let tag = hmac::sign(
                    &hmac::Key::new(hmac::HMAC_SHA256, &secret),
                    signed.as_bytes(),
                );
                let token = format!("{signed}.{}", BASE64URL.encode(tag));
                let expected = if alg == "HS256" {
                    TokenRejection::Algorithm
                } else {
                    TokenRejection::Signature
                };
                assert_eq!(tokens.verify(&token, NOW).unwrap_err(), expected);
            }
            // Nor can one be made a key by mistake where it is a text.
            if secret.is_ascii() {
                assert!(SigningKey::from_hmac_secret(key_id(1), &secret).is_err());
            }
        }
    }
}

#[test]
fn row_41_cve_2026_45363_empty_and_short_hmac_keys_are_refused() {
    let random = SeededRandom::new(3);
    for length in [0, 1, 16, 31] {
        let mut secret = vec![0; length];
        crate::env::Random::fill(&random, &mut secret);
        assert_eq!(
            SigningKey::from_hmac_secret(key_id(1), &secret).unwrap_err(),
            KeyError::TooShort
        );
        // A token under an empty key is none of ours.
        let key = signing_key(Algorithm::Hs256, 1);
        let signed = format!(
            "{}.{}",
            BASE64URL.encode(sound_header(&key).to_string()),
            BASE64URL.encode(sound_claims().to_string())
        );
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, &secret),
            signed.as_bytes(),
        );
        let token = format!("{signed}.{}", BASE64URL.encode(tag));
        assert_eq!(
            tokens(Algorithm::Hs256).verify(&token, NOW).unwrap_err(),
            TokenRejection::Signature
        );
    }
}

#[test]
fn jwt_1_rfc8725_3_5_human_passwords_are_refused_as_hmac_keys() {
    for secret in [
        "correct horse battery staple and then some",
        "your-256-bit-secret-your-256-bit-secret",
        "00000000000000000000000000000000",
        "ChangeMeChangeMeChangeMeChangeMe",
        "zażółć gęślą jaźń, zażółć gęślą jaźń",
    ] {
        assert_eq!(
            SigningKey::from_hmac_secret(key_id(1), secret.as_bytes()).unwrap_err(),
            KeyError::NotRandom,
            "{secret}"
        );
    }
    assert_eq!(
        SigningKey::from_hmac_secret(key_id(1), &[0; 32]).unwrap_err(),
        KeyError::NotRandom
    );
}

#[test]
fn rsa_keys_below_3072_bits_are_refused() {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    assert_eq!(
        SigningKey::from_pkcs8(Algorithm::Rs256, key_id(1), der.as_ref()).unwrap_err(),
        KeyError::TooShort
    );
    let ours = Keyring::new(signing_key(Algorithm::Rs256, 1)).jwks();
    let n = BASE64URL
        .decode(ours["keys"][0]["n"].as_str().unwrap())
        .unwrap();
    assert_eq!(n.len() * 8, 3072);
    assert!(n[0] >= 0x80);
}

#[test]
fn a_key_is_of_its_own_algorithm_alone() {
    for &made in Algorithm::ALL {
        let bytes = signing_key(made, 1).to_private_bytes();
        for &read in Algorithm::ALL {
            let key = SigningKey::from_private_bytes(read, key_id(1), &bytes);
            // Raw bytes cannot say what they are of; PKCS#8 is random enough to be an HMAC key, which `HS256` in the store
            // beside a PKCS#8 document would mean.
            if made == read {
                assert_eq!(key.unwrap().algorithm(), made);
            } else if read != Algorithm::Hs256 {
                assert_eq!(key.unwrap_err(), KeyError::Malformed, "{made:?} {read:?}");
            }
        }
        for bytes in [&b""[..], b"\x30\x00", &[0x30; 64]] {
            assert!(
                SigningKey::from_private_bytes(made, key_id(1), &SecretBytes::new(bytes)).is_err()
            );
        }
    }
}

#[test]
fn a_stored_key_makes_and_verifies_the_same_tokens() {
    for &algorithm in Algorithm::ALL {
        let token = tokens(algorithm).issue(&access_claims()).unwrap();
        let again = tokens(algorithm);
        assert!(again.verify(token.expose(), NOW).is_ok(), "{algorithm:?}");
    }
}

#[test]
fn disc_1_rfc7517_the_key_set_holds_public_members_alone() {
    let mut ring = Keyring::new(signing_key(Algorithm::Hs256, 1));
    for (seed, algorithm) in [
        (2, Algorithm::EdDsa),
        (3, Algorithm::Es256),
        (4, Algorithm::Rs256),
    ] {
        ring = ring.with_verifying(signing_key(algorithm, seed));
    }
    let jwks = ring.jwks();
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 3);
    let expected = [
        ("EdDSA", "OKP", vec!["alg", "crv", "kid", "kty", "use", "x"]),
        (
            "ES256",
            "EC",
            vec!["alg", "crv", "kid", "kty", "use", "x", "y"],
        ),
        ("RS256", "RSA", vec!["alg", "e", "kid", "kty", "n", "use"]),
    ];
    for (key, (alg, kty, members)) in keys.iter().zip(expected) {
        let mut names: Vec<&String> = key.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, members);
        assert_eq!(key["alg"], alg);
        assert_eq!(key["kty"], kty);
        assert_eq!(key["use"], "sig");
    }
    assert_eq!(keys[0]["kid"], key_id(2).to_string());
}

#[test]
fn the_published_keys_verify_what_is_issued() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let tokens = tokens(algorithm);
        let token = tokens.issue(&access_claims()).unwrap();
        let keys = JwkSet::parse(&tokens.jwks()).unwrap();
        let payload = keys.verify(token.expose()).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&payload).unwrap(),
            sound_claims()
        );
        assert!(keys.verify(&token.expose()[1..]).is_err());
    }
    assert_eq!(tokens(Algorithm::Hs256).jwks(), json!({ "keys": [] }));
}

#[test]
fn of_two_keys_with_one_id_the_first_stands() {
    let intruder = {
        let bytes = signing_key(Algorithm::EdDsa, 2).to_private_bytes();
        SigningKey::from_private_bytes(Algorithm::EdDsa, key_id(1), &bytes).unwrap()
    };
    let token = sign(
        &intruder,
        sound_header(&intruder).to_string(),
        sound_claims().to_string(),
    );
    let ring = Keyring::new(signing_key(Algorithm::EdDsa, 1)).with_verifying(intruder);
    let tokens = AccessTokens::new(settings(), ring, &SeededRandom::new(1)).unwrap();
    assert_eq!(
        tokens.verify(&token, NOW).unwrap_err(),
        TokenRejection::Signature
    );
    assert_eq!(tokens.jwks()["keys"].as_array().unwrap().len(), 1);
}
