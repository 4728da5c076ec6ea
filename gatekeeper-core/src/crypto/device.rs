use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use uuid::Uuid;

use super::{
    BASE64URL,
    secret_key::{KeyUse, SecretKeys},
};
use crate::model::{DeviceId, SecretString, TenantId, UserId};

const PREFIX: &str = "gkd_";
const VERSION: u8 = 1;
/// Version and device.
const BODY_LEN: usize = 1 + 16;
const TAG_LEN: usize = 32;
const TOKEN_LEN: usize = BODY_LEN + TAG_LEN;
/// 49 bytes are 65 characters and a third; the bits behind the last byte must be zero, so that each token has one spelling.
const TEXT_LEN: usize = PREFIX.len() + (TOKEN_LEN * 4).div_ceil(3);

/// Makes and reads the tokens by which devices are recognised: `gkd_` and 66 characters of base64url.
///
/// A token holds the device's id and a MAC, HMAC-SHA256 under a key of the server's, over tenant, user and device. It says
/// nothing to whoever does not know the user, and is good for that user alone; whether the device is still known is for the
/// store to say, which is how one is revoked.
pub(crate) struct DeviceTokens {
    current: hmac::Key,
    previous: Vec<hmac::Key>,
}

impl DeviceTokens {
    /// Tokens under the current key; tokens under the previous ones are believed too.
    pub(crate) fn new(keys: &SecretKeys) -> Self {
        let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let mut all = keys
            .all()
            .map(|secret| key(secret.derive(KeyUse::Device).as_slice()));
        Self {
            current: all
                .next()
                .unwrap_or_else(|| key(keys.current().derive(KeyUse::Device).as_slice())),
            previous: all.collect(),
        }
    }

    /// The token of a user's device.
    pub(crate) fn issue(&self, tenant: TenantId, user: UserId, device: DeviceId) -> SecretString {
        let body = body(device);
        let tag = hmac::sign(&self.current, &message(tenant, user, &body));
        let mut token = Vec::with_capacity(TOKEN_LEN);
        token.extend_from_slice(&body);
        token.extend_from_slice(tag.as_ref());
        let mut text = String::with_capacity(TEXT_LEN);
        text.push_str(PREFIX);
        BASE64URL.encode_string(token, &mut text);
        text.into()
    }

    /// The device of a token; `None` for anything but, to the byte, what [`issue`](Self::issue) makes for this user.
    pub(crate) fn verify(&self, tenant: TenantId, user: UserId, token: &str) -> Option<DeviceId> {
        if token.len() != TEXT_LEN {
            return None;
        }
        // One byte to spare: the decoder wants room for what the length could hold.
        let mut bytes = [0; TOKEN_LEN + 2];
        let length = BASE64URL
            .decode_slice(token.strip_prefix(PREFIX)?, &mut bytes)
            .ok()?;
        let token = bytes.get(..length)?;
        let (body, tag) = token.split_first_chunk::<BODY_LEN>()?;
        let message = message(tenant, user, body);
        // `hmac::verify` compares in constant time; which of the keys it was is no secret.
        let sound = std::iter::once(&self.current)
            .chain(&self.previous)
            .any(|key| hmac::verify(key, &message, tag).is_ok());
        let (&version, device) = body.split_first()?;
        if !sound || version != VERSION {
            return None;
        }
        Some(DeviceId::from_uuid(Uuid::from_slice(device).ok()?))
    }
}

impl fmt::Debug for DeviceTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceTokens").finish_non_exhaustive()
    }
}

fn body(device: DeviceId) -> [u8; BODY_LEN] {
    let mut body = [0; BODY_LEN];
    let bytes = std::iter::once(VERSION).chain(device.as_uuid().into_bytes());
    for (to, from) in body.iter_mut().zip(bytes) {
        *to = from;
    }
    body
}

/// Every field has a fixed length, so that no two different ones give the same message.
fn message(tenant: TenantId, user: UserId, body: &[u8; BODY_LEN]) -> [u8; BODY_LEN + 32] {
    let mut message = [0; BODY_LEN + 32];
    let bytes = body
        .iter()
        .copied()
        .chain(tenant.as_uuid().into_bytes())
        .chain(user.as_uuid().into_bytes());
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

    fn user(seed: u64) -> UserId {
        UserId::new(Timestamp::default(), &SeededRandom::new(seed))
    }

    fn device(seed: u64) -> DeviceId {
        DeviceId::new(Timestamp::default(), &SeededRandom::new(seed))
    }

    #[test]
    fn a_token_names_its_device_to_its_user_alone() {
        let tokens = DeviceTokens::new(&SecretKeys::new(key(1)));
        let token = tokens.issue(TenantId::DEFAULT, user(1), device(1));
        assert_eq!(token.expose().len(), TEXT_LEN);
        let read = |tenant, user| tokens.verify(tenant, user, token.expose());
        assert_eq!(read(TenantId::DEFAULT, user(1)), Some(device(1)));
        assert_eq!(read(TenantId::DEFAULT, user(2)), None);
        let other = TenantId::new(Timestamp::default(), &SeededRandom::new(5));
        assert_eq!(read(other, user(1)), None);
    }

    #[test]
    fn row_27_every_changed_dropped_or_added_byte_of_a_device_token_is_refused() {
        let tokens = DeviceTokens::new(&SecretKeys::new(key(1)));
        let text = tokens.issue(TenantId::DEFAULT, user(1), device(1));
        let text = text.expose();
        let refused = |text: &str| {
            let read = tokens.verify(TenantId::DEFAULT, user(1), text);
            assert_eq!(read, None, "{text:?}");
        };
        for at in 0..text.len() {
            for with in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \0" {
                if text.as_bytes()[at] != *with {
                    let mut changed = text.as_bytes().to_vec();
                    changed[at] = *with;
                    refused(std::str::from_utf8(&changed).unwrap());
                }
            }
            let mut shorter = text.to_owned();
            shorter.remove(at);
            refused(&shorter);
            refused(&text[..at]);
        }
        for added in ["=", "A", "\n", " "] {
            refused(&format!("{text}{added}"));
        }
        refused("");
        refused(&"\u{e9}".repeat(TEXT_LEN / 2));
    }

    #[test]
    fn previous_keys_are_believed_and_strangers_are_not() {
        let old = DeviceTokens::new(&SecretKeys::new(key(1)));
        let old = old.issue(TenantId::DEFAULT, user(1), device(1));
        let rotated = DeviceTokens::new(&SecretKeys::new(key(2)).with_previous(key(1)).unwrap());
        let stranger = DeviceTokens::new(&SecretKeys::new(key(2)));
        let read = |tokens: &DeviceTokens| tokens.verify(TenantId::DEFAULT, user(1), old.expose());
        assert_eq!(read(&rotated), Some(device(1)));
        assert_eq!(read(&stranger), None);
    }
}
