//! Wycheproof's vectors for the primitives below the tokens, through the same key type.

#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use gatekeeper_core::crypto::jwt::{Jwk, JwkError, KeyError};
use serde_json::{Value, json};
use wycheproof::{TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify};

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Big-endian without leading zeros, as JWK has integers.
fn integer(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    b64(&bytes[zeros..])
}

fn key(jwk: &Value) -> Jwk {
    Jwk::parse(jwk).unwrap_or_else(|error| panic!("{jwk}: {error}"))
}

fn check(result: TestResult, id: usize, sound: bool, seen: &mut [usize; 2]) {
    match result {
        TestResult::Valid => assert!(sound, "{id} is valid"),
        TestResult::Invalid => assert!(!sound, "{id} is invalid"),
        TestResult::Acceptable => {}
    }
    seen[usize::from(sound)] += 1;
}

#[test]
fn ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut seen = [0; 2];
    for group in set.test_groups {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&group.key.pk)});
        let key = key(&jwk);
        for test in group.tests {
            let sound = key.verify(&test.msg, &test.sig).is_ok();
            check(test.result, test.tc_id, sound, &mut seen);
        }
    }
    assert!(seen[0] > 50 && seen[1] > 50, "{seen:?}");
}

#[test]
fn ecdsa_p256_sha256_p1363() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let mut seen = [0; 2];
    for group in set.test_groups {
        let point = &group.key.key;
        assert_eq!((point.len(), point[0]), (65, 4));
        let jwk =
            json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])});
        let key = key(&jwk);
        for test in group.tests {
            let sound = key.verify(&test.msg, &test.sig).is_ok();
            check(test.result, test.tc_id, sound, &mut seen);
        }
    }
    assert!(seen[0] > 50 && seen[1] > 100, "{seen:?}");
}

#[test]
fn rsa_3072_sha256() {
    let name = rsa_pkcs1_verify::TestName::Rsa3072Sha256;
    let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
    let mut seen = [0; 2];
    for group in set.test_groups {
        let jwk = json!({"kty": "RSA", "n": integer(&group.key.n), "e": integer(&group.key.e)});
        let key = match Jwk::parse(&jwk) {
            Ok(key) => key,
            // Exponents below 65537: sound arithmetic, and not for us.
            Err(error) => {
                assert_eq!(error, JwkError::Key(KeyError::Weak));
                continue;
            }
        };
        for test in group.tests {
            let sound = key.verify(&test.msg, &test.sig).is_ok();
            check(test.result, test.tc_id, sound, &mut seen);
        }
    }
    assert!(seen[0] > 100 && seen[1] > 5, "{seen:?}");
}

#[test]
fn hmac_sha256() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let (mut seen, mut short) = ([0; 2], 0);
    for group in set.test_groups {
        for test in group.tests {
            let jwk = json!({"kty": "oct", "alg": "HS256", "k": b64(&test.key)});
            if test.key.len() < 32 {
                let error = Jwk::parse(&jwk).unwrap_err();
                assert_eq!(error, JwkError::Key(KeyError::TooShort));
                short += 1;
                continue;
            }
            let sound = key(&jwk).verify(&test.msg, &test.tag).is_ok();
            if group.tag_size == 256 {
                check(test.result, test.tc_id, sound, &mut seen);
            } else {
                // A tag that was cut is none (RFC 7518 section 3.2), whatever it would be elsewhere.
                assert!(!sound, "{}", test.tc_id);
            }
        }
    }
    assert!(
        seen[0] > 20 && seen[1] > 20 && short > 5,
        "{seen:?} {short}"
    );
}
