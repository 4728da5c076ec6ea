//! An access token. A text is never accepted, since the key never leaves this process. Headers and claims of any text,
//! properly signed all the same, are read without a panic, and what is then believed has the times that it must have.
#![no_main]

use std::{sync::OnceLock, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use gatekeeper_core::{
    crypto::jwt::{AccessTokenSettings, AccessTokens, JwkSet, Keyring, SigningKey},
    model::{Algorithm, KeyId, Timestamp},
    testing::SeededRandom,
};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);

struct Keys {
    tokens: AccessTokens,
    hmac: hmac::Key,
    header: String,
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let random = SeededRandom::new(1);
        let id = KeyId::new(NOW, &random);
        let key = SigningKey::generate(Algorithm::Hs256, id, &random).unwrap();
        let hmac = hmac::Key::new(hmac::HMAC_SHA256, key.to_private_bytes().expose());
        let settings = AccessTokenSettings::new("https://a.example", "https://b.example");
        Keys {
            tokens: AccessTokens::new(settings, Keyring::new(key), &random).unwrap(),
            hmac,
            header: format!(r#"{{"alg":"HS256","kid":"{id}","typ":"at+jwt"}}"#),
        }
    })
}

fn check(header: &[u8], claims: &[u8]) {
    let keys = keys();
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let tag = hmac::sign(&keys.hmac, signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
    let first = keys.tokens.verify(&token, NOW);
    let again = keys.tokens.verify(&token, NOW);
    assert_eq!(first.is_ok(), again.is_ok());
    if let Ok(identity) = first {
        assert!(identity.expires_at > NOW);
        assert!(identity.expires_at > identity.issued_at);
        assert!(identity.expires_at.since(identity.issued_at) <= Duration::from_secs(900));
        assert!(identity.issued_at <= NOW.after(Duration::from_secs(5)));
    }
}

fuzz_target!(|data: &[u8]| {
    check(keys().header.as_bytes(), data);
    if let Some(at) = data.iter().position(|byte| *byte == 0) {
        check(&data[..at], &data[at + 1..]);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(keys().tokens.verify(text, NOW).is_err());
    }
    if let Ok(jwk) = serde_json::from_slice(data)
        && let Ok(keys) = JwkSet::parse(&jwk)
    {
        assert!(keys.verify("e30.e30.AAAA").is_err());
    }
});
