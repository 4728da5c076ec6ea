use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;

use super::{
    BASE64URL,
    secret_key::{KeyUse, SecretKeys},
};

/// Names a text without saying it: 128 bits of HMAC-SHA256. Who has the log but not the secret can neither read the text
/// nor try candidates.
pub(crate) struct Digester(hmac::Key);

impl Digester {
    pub(crate) fn new(keys: &SecretKeys) -> Self {
        let key = keys.current().derive(KeyUse::Digest);
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()))
    }

    /// The same as 32 bytes, for keys of counters. `kind` parts the uses: no text of one is ever one of another.
    pub(crate) fn key(&self, kind: &str, text: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.0, format!("{kind}\0{text}").as_bytes());
        let mut key = [0; 32];
        for (to, from) in key.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        key
    }

    pub(crate) fn digest(&self, text: &str) -> String {
        let tag = hmac::sign(&self.0, text.as_bytes());
        BASE64URL.encode(tag.as_ref().get(..16).unwrap_or_default())
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester([redacted])")
    }
}
