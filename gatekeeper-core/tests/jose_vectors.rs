//! JWS and JWK vectors written by others: Wycheproof's, and the cookbook's (RFC 7520, RFC 8037).
//!
//! They are read from the folder that `GATEKEEPER_TEST_VECTORS` names. Where it is not there, these tests fail: a suite
//! that is not run must not look like one that passed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use gatekeeper_core::crypto::jwt::JwkSet;
use serde_json::{Value, json};

fn vectors(name: &str) -> Value {
    let folder = env::var_os("GATEKEEPER_TEST_VECTORS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors")),
        PathBuf::from,
    );
    let path = folder.join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "the test vectors are not there: {}: {error}. Set GATEKEEPER_TEST_VECTORS to the folder that holds {name} \
             (C2SP/wycheproof testvectors_v1 and, in jose-cookbook/, ietf-jose/cookbook)",
            path.display()
        )
    });
    serde_json::from_str(&text).unwrap()
}

/// Vectors that Wycheproof calls valid and we refuse.
fn refused_although_valid(file: &str, id: u64) -> Option<&'static str> {
    match (file, id) {
        ("json_web_signature_test.json", 264..=271) => {
            Some("RS384 and RS512: not offered; one hash for one key type")
        }
        (
            "json_web_signature_test.json",
            272..=275 | 287 | 288 | 320..=323 | 325..=328 | 346 | 350,
        ) => {
            // 346 and 350 are, moreover, PS384 tokens under a PS256 key.
            Some("RSASSA-PSS: not offered")
        }
        ("json_web_signature_test.json", 347 | 351) => {
            Some("P-521: not offered; moreover the key's alg \"ES521\" does not exist")
        }
        ("json_web_signature_test.json", 372 | 373) => Some("a ? inside base64url"),
        ("json_web_key_test.json", 14 | 15) => Some("HS384 and HS512: not offered"),
        ("json_web_crypto_test.json", 50 | 67) => Some("JWE: not offered"),
        _ => None,
    }
}

/// Vectors that are called invalid and are, to the byte, one that is called valid: the padding that they are named after
/// was lost where the file was made. Padding is tried in the verifier's own tests.
fn accepted_although_invalid(file: &str, id: u64) -> bool {
    file == "json_web_signature_test.json" && matches!(id, 367 | 370)
}

/// Runs a file, and answers how many valid vectors were accepted and invalid ones refused.
fn run(file: &str) -> (usize, usize) {
    let vectors = vectors(file);
    let (mut accepted, mut refused, mut wrong) = (0, 0, Vec::new());
    for group in vectors["testGroups"].as_array().unwrap() {
        // The public key where there is one; symmetric keys stand under "private".
        let key = group.get("public").unwrap_or(&group["private"]);
        let keys = JwkSet::parse(key);
        for test in group["tests"].as_array().unwrap() {
            let id = test["tcId"].as_u64().unwrap();
            let token = test.get("jws").unwrap_or(&test["jwe"]);
            let token = token
                .as_str()
                .map_or_else(|| token.to_string(), str::to_owned);
            let sound = keys.as_ref().is_ok_and(|keys| keys.verify(&token).is_ok());
            let expected = match test["result"].as_str().unwrap() {
                "valid" => refused_although_valid(file, id).is_none(),
                "invalid" => accepted_although_invalid(file, id),
                other => panic!("an unknown result {other}"),
            };
            match (sound, expected) {
                (true, true) => accepted += 1,
                (false, false) => refused += 1,
                _ => wrong.push((
                    id,
                    sound,
                    test["comment"].clone(),
                    keys.as_ref().err().copied(),
                )),
            }
        }
    }
    assert!(wrong.is_empty(), "{file}: {wrong:#?}");
    assert_eq!(
        accepted + refused,
        usize::try_from(vectors["numberOfTests"].as_u64().unwrap()).unwrap()
    );
    (accepted, refused)
}

#[test]
fn wycheproof_json_web_signature() {
    assert_eq!(run("json_web_signature_test.json"), (20, 381));
}

#[test]
fn wycheproof_json_web_key() {
    assert_eq!(run("json_web_key_test.json"), (3, 23));
}

#[test]
fn wycheproof_json_web_crypto() {
    assert_eq!(run("json_web_crypto_test.json"), (4, 79));
}

#[test]
fn every_exception_is_a_vector_that_exists_and_is_called_valid() {
    for file in [
        "json_web_signature_test.json",
        "json_web_key_test.json",
        "json_web_crypto_test.json",
    ] {
        let results: BTreeMap<u64, String> = vectors(file)["testGroups"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|group| group["tests"].as_array().unwrap().clone())
            .map(|test| {
                let result = test["result"].as_str().unwrap().to_owned();
                (test["tcId"].as_u64().unwrap(), result)
            })
            .collect();
        let exceptions = results
            .iter()
            .filter(|(id, _)| refused_although_valid(file, **id).is_some());
        for (id, result) in exceptions {
            assert_eq!(result, "valid", "{file} {id}");
        }
    }
}

#[test]
fn vectors_367_and_370_are_vector_357() {
    let vectors = vectors("json_web_signature_test.json");
    let token = |wanted: u64| {
        vectors["testGroups"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|group| group["tests"].as_array().unwrap())
            .find(|test| test["tcId"] == wanted)
            .unwrap()["jws"]
            .clone()
    };
    assert_eq!(token(367), token(357));
    assert_eq!(token(370), token(357));
}

/// The cookbook's compact JWS under its key, and whether the algorithm is one of ours.
#[test]
fn rfc7520_4_and_rfc8037_the_cookbooks_signatures() {
    let mut seen = Vec::new();
    for (file, ours) in [
        ("jws/4_1.rsa_v15_signature.json", true),
        // PS384 and ES512.
        ("jws/4_2.rsa-pss_signature.json", false),
        ("jws/4_3.ecdsa_signature.json", false),
        ("jws/4_4.hmac-sha2_integrity_protection.json", true),
        ("curve25519/jws.json", true),
    ] {
        let vector = vectors(&format!("jose-cookbook/{file}"));
        let token = vector["output"]["compact"].as_str().unwrap();
        let payload = vector["input"]["payload"].as_str().unwrap();
        let mut key = vector["input"]["key"].clone();
        // The cookbook's RSA key names no algorithm; RS256 is what an RSA key means to us.
        let verdict = JwkSet::parse(&key)
            .ok()
            .and_then(|keys| keys.verify(token).ok());
        assert_eq!(
            verdict.as_deref(),
            ours.then_some(payload.as_bytes()),
            "{file}"
        );
        if ours {
            seen.push(key["kty"].as_str().unwrap().to_owned());
            // Broken once, to see that it was the signature that counted.
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
            bytes[0] ^= 1;
            let broken = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes));
            assert!(JwkSet::parse(&key).unwrap().verify(&broken).is_err());
            key["use"] = json!("enc");
            assert!(JwkSet::parse(&key).is_err(), "{file}");
        }
    }
    assert_eq!(seen, ["RSA", "oct", "OKP"]);
}

#[test]
fn rfc7520_4_5_to_4_8_what_is_no_compact_jws_is_refused() {
    for file in [
        "4_5.signature_with_detached_content.json",
        "4_6.protecting_specific_header_fields.json",
        "4_7.protecting_content_only.json",
        "4_8.multiple_signatures.json",
    ] {
        let vector = vectors(&format!("jose-cookbook/jws/{file}"));
        let output = &vector["output"];
        let forms: Vec<&Value> = ["compact", "json", "json_flat"]
            .iter()
            .filter_map(|form| output.get(form))
            .collect();
        assert!(!forms.is_empty());
        let key = &vector["input"]["key"];
        let keys: Vec<Value> = key.as_array().cloned().unwrap_or_else(|| vec![key.clone()]);
        for key in keys {
            let Ok(keys) = JwkSet::parse(&key) else {
                continue;
            };
            for form in &forms {
                let text = form
                    .as_str()
                    .map_or_else(|| form.to_string(), str::to_owned);
                assert!(keys.verify(&text).is_err(), "{file}");
            }
        }
    }
}
