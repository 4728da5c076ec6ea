//! What the verifier refuses, by row of the project's list of bug classes and by clause of the specifications.

mod audit;
mod cache;
mod claims;
mod differential;
mod header;
mod keys;

use std::sync::OnceLock;

use base64::Engine;
use serde_json::{Map, Value, json};

use super::*;
use crate::{
    crypto::BASE64URL,
    model::{Algorithm, KeyId, SecretBytes, SessionId, TenantId, Timestamp, TokenId, UserId},
    testing::SeededRandom,
};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);
const ISSUER: &str = "https://auth.example.org";
const AUDIENCE: &str = "https://api.example.org";

fn key_id(seed: u64) -> KeyId {
    KeyId::new(NOW, &SeededRandom::new(seed))
}

/// A key of this algorithm, the same for the same seed but for ECDSA and RSA, which have one for all seeds.
fn signing_key(algorithm: Algorithm, seed: u64) -> SigningKey {
    static ES256: OnceLock<SecretBytes> = OnceLock::new();
    static RS256: OnceLock<SecretBytes> = OnceLock::new();
    let kept = match algorithm {
        Algorithm::Es256 => &ES256,
        Algorithm::Rs256 => &RS256,
        Algorithm::EdDsa | Algorithm::Hs256 => {
            let random = SeededRandom::new(seed);
            return SigningKey::generate(algorithm, key_id(seed), &random).unwrap();
        }
    };
    let bytes = kept.get_or_init(|| {
        let random = SeededRandom::new(seed);
        SigningKey::generate(algorithm, key_id(seed), &random)
            .unwrap()
            .to_private_bytes()
    });
    SigningKey::from_private_bytes(algorithm, key_id(seed), bytes).unwrap()
}

fn settings() -> AccessTokenSettings {
    AccessTokenSettings::new(ISSUER, AUDIENCE)
}

fn tokens_with(settings: AccessTokenSettings, key: SigningKey) -> AccessTokens {
    AccessTokens::new(settings, Keyring::new(key), &SeededRandom::new(99)).unwrap()
}

fn tokens(algorithm: Algorithm) -> AccessTokens {
    tokens_with(settings(), signing_key(algorithm, 1))
}

fn access_claims() -> AccessClaims {
    let random = SeededRandom::new(5);
    AccessClaims {
        user_id: UserId::new(NOW, &random),
        tenant_id: TenantId::DEFAULT,
        session_id: SessionId::new(NOW, &random),
        token_id: TokenId::new(NOW, &random),
        email: "ada@example.org".to_owned(),
        roles: vec!["editor".to_owned(), "user".to_owned()],
        permissions: vec!["reports:read".to_owned()],
        organization: None,
        authority_omitted: false,
        mfa_verified: true,
        authenticated_at: NOW,
        methods: vec!["pwd".to_owned(), "otp".to_owned()],
        issued_at: NOW,
        actor: None,
        ends_at: None,
        custom: Map::new(),
    }
}

/// The claims of a sound token.
fn sound_claims() -> Value {
    let claims = access_claims();
    json!({
        "iss": ISSUER,
        "sub": claims.user_id,
        "aud": AUDIENCE,
        "client_id": "gatekeeper",
        "iat": NOW.as_unix_seconds(),
        "nbf": NOW.as_unix_seconds(),
        "exp": NOW.as_unix_seconds() + 900,
        "jti": claims.token_id,
        "sid": claims.session_id,
        "tid": claims.tenant_id,
        "uid": claims.user_id,
        "email": claims.email,
        "roles": claims.roles,
        "permissions": claims.permissions,
        "mfa_verified": true,
        "auth_time": NOW.as_unix_seconds(),
        "amr": claims.methods,
    })
}

fn sound_header(key: &SigningKey) -> Value {
    json!({ "alg": key.algorithm().as_str(), "kid": key.id(), "typ": "at+jwt" })
}

/// A token with this header and these claims, to the byte, properly signed.
fn sign(key: &SigningKey, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    let signed = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(claims));
    sign_segments(key, &signed)
}

fn sign_segments(key: &SigningKey, signed: &str) -> String {
    let mut signature = Vec::new();
    key.sign(signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", BASE64URL.encode(signature))
}

/// What becomes of a token with a sound header and these claims.
fn verdict(claims: &Value) -> Result<(), TokenRejection> {
    verdict_of_text(&claims.to_string())
}

fn verdict_of_text(claims: &str) -> Result<(), TokenRejection> {
    let key = signing_key(Algorithm::EdDsa, 1);
    let token = sign(&key, sound_header(&key).to_string(), claims);
    tokens(Algorithm::EdDsa).verify(&token, NOW).map(drop)
}

/// What becomes of a token with this header and sound claims, signed by the one key.
fn verdict_of_header(header: &str) -> Result<(), TokenRejection> {
    let key = signing_key(Algorithm::EdDsa, 1);
    let token = sign(&key, header, sound_claims().to_string());
    tokens(Algorithm::EdDsa).verify(&token, NOW).map(drop)
}

fn with(base: &Value, name: &str, value: Value) -> Value {
    let mut changed = base.clone();
    changed[name] = value;
    changed
}

fn without(base: &Value, name: &str) -> Value {
    let mut changed = base.clone();
    changed.as_object_mut().unwrap().remove(name).unwrap();
    changed
}

/// The text of an object with one more member, whatever is there already.
fn doubled(base: &Value, name: &str, value: &str) -> String {
    let text = base.to_string();
    format!("{},\"{name}\":{value}}}", text.strip_suffix('}').unwrap())
}
