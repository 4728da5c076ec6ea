use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use uuid::Uuid;

use super::{
    BASE64URL,
    secret_key::{KeyUse, SecretKeys},
};
use crate::model::{SecretString, SessionId, TenantId};

const PREFIX: &str = "gkr_";
const VERSION: u8 = 1;
const TAG_LEN: usize = 32;
/// Version, session, generation.
const BODY_LEN: usize = 1 + 16 + 8;
const TOKEN_LEN: usize = BODY_LEN + TAG_LEN;
/// 57 bytes are 76 characters without a bit to spare, so that each token has one spelling.
const TEXT_LEN: usize = PREFIX.len() + TOKEN_LEN / 3 * 4;

/// Makes and reads refresh tokens: (session, generation, MAC), `gkr_` and 76 characters of base64url.
///
/// There is no table of them: the session's row counts generations, and the MAC, HMAC-SHA256 under a key of the server's,
/// binds a token to its tenant, session and generation. The same three give the same token, which is what lets a lost
/// answer be answered again.
pub struct RefreshTokens {
    current: hmac::Key,
    previous: Vec<hmac::Key>,
}

/// What a refresh token says, after its MAC was found right. Whether the session lives and stands at this generation is
/// for the store to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session.
    pub session_id: SessionId,
    /// The generation the token is of; never negative.
    pub generation: i64,
}

/// Not a refresh token of this tenant and this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the refresh token is invalid")]
pub struct InvalidRefreshToken;

impl RefreshTokens {
    /// Tokens under the current key; tokens under the previous ones are believed too.
    pub fn new(keys: &SecretKeys) -> Self {
        let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let mut all = keys
            .all()
            .map(|secret| key(secret.derive(KeyUse::RefreshToken).as_slice()));
        Self {
            current: all
                .next()
                .unwrap_or_else(|| key(keys.current().derive(KeyUse::RefreshToken).as_slice())),
            previous: all.collect(),
        }
    }

    /// The token of a session's generation. The token of a negative generation is never believed.
    pub fn issue(&self, tenant: TenantId, session: SessionId, generation: i64) -> SecretString {
        let mut token = [0; TOKEN_LEN];
        let body = body(session, generation);
        let tag = hmac::sign(&self.current, &message(tenant, &body));
        for (to, from) in token.iter_mut().zip(body.iter().chain(tag.as_ref())) {
            *to = *from;
        }
        let mut text = String::with_capacity(TEXT_LEN);
        text.push_str(PREFIX);
        BASE64URL.encode_string(token, &mut text);
        text.into()
    }

    /// Reads a token.
    ///
    /// # Errors
    ///
    /// [`InvalidRefreshToken`] for anything but, to the byte, what [`issue`](Self::issue) makes for this tenant.
    pub fn verify(
        &self,
        tenant: TenantId,
        token: &str,
    ) -> Result<RefreshToken, InvalidRefreshToken> {
        if token.len() != TEXT_LEN {
            return Err(InvalidRefreshToken);
        }
        let encoded = token.strip_prefix(PREFIX).ok_or(InvalidRefreshToken)?;
        let mut bytes = [0; TOKEN_LEN];
        let length = BASE64URL
            .decode_slice(encoded, &mut bytes)
            .map_err(|_| InvalidRefreshToken)?;
        if length != TOKEN_LEN {
            return Err(InvalidRefreshToken);
        }
        let (body, tag) = bytes
            .split_first_chunk::<BODY_LEN>()
            .ok_or(InvalidRefreshToken)?;
        let message = message(tenant, body);
        // `hmac::verify` compares in constant time; which of the keys it was is no secret.
        let sound = std::iter::once(&self.current)
            .chain(&self.previous)
            .any(|key| hmac::verify(key, &message, tag).is_ok());
        if !sound {
            return Err(InvalidRefreshToken);
        }
        let (&version, rest) = body.split_first().ok_or(InvalidRefreshToken)?;
        let (session, rest) = rest.split_first_chunk::<16>().ok_or(InvalidRefreshToken)?;
        let generation = rest
            .first_chunk::<8>()
            .and_then(|bytes| i64::try_from(u64::from_be_bytes(*bytes)).ok())
            .ok_or(InvalidRefreshToken)?;
        if version != VERSION {
            return Err(InvalidRefreshToken);
        }
        Ok(RefreshToken {
            session_id: SessionId::from_uuid(Uuid::from_bytes(*session)),
            generation,
        })
    }
}

impl fmt::Debug for RefreshTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshTokens").finish_non_exhaustive()
    }
}

fn body(session: SessionId, generation: i64) -> [u8; BODY_LEN] {
    let mut body = [0; BODY_LEN];
    let bytes = std::iter::once(VERSION)
        .chain(session.as_uuid().into_bytes())
        .chain(generation.to_be_bytes());
    for (to, from) in body.iter_mut().zip(bytes) {
        *to = from;
    }
    body
}

/// Every field has a fixed length, so that no two different ones give the same message.
fn message(tenant: TenantId, body: &[u8; BODY_LEN]) -> [u8; BODY_LEN + 16] {
    let mut message = [0; BODY_LEN + 16];
    let bytes = body.iter().copied().chain(tenant.as_uuid().into_bytes());
    for (to, from) in message.iter_mut().zip(bytes) {
        *to = from;
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{crypto::SecretKey, model::Timestamp, testing::SeededRandom};

    fn key(seed: u64) -> SecretKey {
        SecretKey::generate(&SeededRandom::new(seed))
    }

    fn tokens(seed: u64) -> RefreshTokens {
        RefreshTokens::new(&SecretKeys::new(key(seed)))
    }

    fn session(seed: u64) -> SessionId {
        SessionId::new(
            Timestamp::from_unix_seconds(1_795_000_000),
            &SeededRandom::new(seed),
        )
    }

    #[test]
    fn a_token_says_what_was_put_in_and_is_the_same_each_time() {
        let tokens = tokens(1);
        for generation in [0, 1, 255, 256, i64::MAX] {
            let token = tokens.issue(TenantId::DEFAULT, session(1), generation);
            assert_eq!(token.expose().len(), TEXT_LEN);
            let again = tokens.issue(TenantId::DEFAULT, session(1), generation);
            assert_eq!(token.expose(), again.expose());
            let read = tokens.verify(TenantId::DEFAULT, token.expose()).unwrap();
            assert_eq!(read.session_id, session(1));
            assert_eq!(read.generation, generation);
        }
        assert_ne!(
            tokens.issue(TenantId::DEFAULT, session(1), 1).expose(),
            tokens.issue(TenantId::DEFAULT, session(1), 2).expose()
        );
    }

    #[test]
    fn row_27_cve_2026_27840_every_changed_dropped_or_added_byte_is_refused() {
        let tokens = tokens(1);
        let text = tokens.issue(TenantId::DEFAULT, session(1), 4);
        let text = text.expose();
        let refused = |text: &str| {
            assert!(tokens.verify(TenantId::DEFAULT, text).is_err(), "{text:?}");
        };
        for at in 0..text.len() {
            for with in b"Aa0-_=+/. \0".iter().copied().chain([b'Z', b'z', b'9']) {
                if text.as_bytes()[at] != with {
                    let mut changed = text.as_bytes().to_vec();
                    changed[at] = with;
                    refused(std::str::from_utf8(&changed).unwrap());
                }
                let mut longer = text.to_owned();
                longer.insert(at, char::from(with));
                refused(&longer);
            }
            let mut shorter = text.to_owned();
            shorter.remove(at);
            refused(&shorter);
            refused(&text[..at]);
            refused(&text[at + 1..]);
        }
        for added in ["=", "==", "A", "\n", " ", "\0"] {
            refused(&format!("{text}{added}"));
            refused(&format!("{added}{text}"));
        }
        refused("");
        refused("null");
        refused(&text.to_uppercase());
    }

    #[test]
    fn a_token_of_another_tenant_is_refused() {
        let tokens = tokens(1);
        let other = TenantId::new(Timestamp::default(), &SeededRandom::new(5));
        let token = tokens.issue(TenantId::DEFAULT, session(1), 0);
        assert_eq!(
            tokens.verify(other, token.expose()).unwrap_err(),
            InvalidRefreshToken
        );
    }

    #[test]
    fn a_negative_generation_is_never_believed() {
        let tokens = tokens(1);
        let token = tokens.issue(TenantId::DEFAULT, session(1), -1);
        assert!(tokens.verify(TenantId::DEFAULT, token.expose()).is_err());
    }

    #[test]
    fn previous_keys_verify_and_strangers_do_not() {
        let old = tokens(1).issue(TenantId::DEFAULT, session(1), 0);
        let rotated = RefreshTokens::new(&SecretKeys::new(key(2)).with_previous(key(1)).unwrap());
        assert!(rotated.verify(TenantId::DEFAULT, old.expose()).is_ok());
        assert!(tokens(2).verify(TenantId::DEFAULT, old.expose()).is_err());
        let new = rotated.issue(TenantId::DEFAULT, session(1), 0);
        assert!(tokens(1).verify(TenantId::DEFAULT, new.expose()).is_err());
        assert!(tokens(2).verify(TenantId::DEFAULT, new.expose()).is_ok());
    }
}
