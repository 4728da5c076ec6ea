use base64::Engine;
use serde_json::{Value, json};

use super::{SigningKey, VerifyingKey, jwk, verifier::Verifier};
use crate::crypto::BASE64URL;

/// The keys of access tokens: one that signs, and any number that verify, so that keys can be changed while tokens of the
/// old one are about, and a new one be published before it is used.
#[derive(Debug)]
pub struct Keyring {
    signing: SigningKey,
    entries: Vec<Entry>,
}

/// A key with what a token's header looks like that was made with it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kid: String,
    pub(super) verifier: Verifier,
    /// The header segment of the tokens that we issue under this key. A token that begins so needs its header not read.
    pub(super) header: String,
}

impl Keyring {
    /// A keyring with the key that signs.
    pub fn new(signing: SigningKey) -> Self {
        let entry = Entry::new(signing.verifying_key());
        Self {
            signing,
            entries: vec![entry],
        }
    }

    /// With a key that verifies. Of two keys with the same id the first stands: an id names one key, of one algorithm.
    #[must_use]
    pub fn with_verifying(mut self, key: impl Into<VerifyingKey>) -> Self {
        let entry = Entry::new(key.into());
        if self.find(&entry.kid).is_none() {
            self.entries.push(entry);
        }
        self
    }

    /// The key that signs.
    pub const fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// The public keys as a JWK Set (RFC 7517 section 5), to be published. Holds no private member, and no HMAC key at all.
    pub fn jwks(&self) -> Value {
        let keys: Vec<Value> = self
            .entries
            .iter()
            .filter_map(|entry| jwk::public(&entry.verifier, &entry.kid))
            .collect();
        json!({ "keys": keys })
    }

    pub(super) fn find(&self, kid: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.kid == kid)
    }

    pub(super) fn find_by_header(&self, segment: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.header == segment)
    }

    /// The entry of the key that signs: the first.
    pub(super) fn signing_header(&self) -> Option<&str> {
        self.entries.first().map(|entry| entry.header.as_str())
    }
}

impl Entry {
    fn new(key: VerifyingKey) -> Self {
        let kid = key.id.to_string();
        // RFC 9068 section 2.1; `kid` always.
        let header = json!({
            "alg": key.algorithm().as_str(),
            "kid": kid,
            "typ": "at+jwt",
        });
        Self {
            header: BASE64URL.encode(header.to_string()),
            kid,
            verifier: key.verifier,
        }
    }
}
