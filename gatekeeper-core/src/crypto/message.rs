use std::fmt;

use aws_lc_rs::hmac;

use super::secret_key::{KeyUse, SecretKeys};

/// Shows that a message comes from a node that has the installation's secret: 256 bits of HMAC-SHA256 beside it. For what
/// nodes tell each other through something that others may write to.
///
/// A seal is bound to a context, so that nothing said in one place is believed in another. It says nothing about when: a
/// message that is told again must do no harm.
pub struct MessageSeals {
    keys: Vec<hmac::Key>,
}

/// The message is from somebody without the secret, for another context, or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is not from a node with this secret")]
pub struct NotOurs;

/// The length of a seal in bytes.
const SEAL_LEN: usize = 32;

impl MessageSeals {
    /// Seals under the current key; those under the previous ones are believed too.
    pub fn new(keys: &SecretKeys) -> Self {
        Self {
            keys: keys
                .all()
                .map(|secret| {
                    let key = secret.derive(KeyUse::Message);
                    hmac::Key::new(hmac::HMAC_SHA256, key.as_slice())
                })
                .collect(),
        }
    }

    /// The seal of a message; the same for the same message.
    pub fn seal(&self, context: &str, message: &[u8]) -> [u8; SEAL_LEN] {
        let mut seal = [0; SEAL_LEN];
        // There is always a current key.
        if let Some(key) = self.keys.first() {
            seal.copy_from_slice(tag(key, context, message).as_ref());
        }
        seal
    }

    /// Whether the seal is one of this message.
    ///
    /// # Errors
    ///
    /// [`NotOurs`].
    pub fn verify(&self, context: &str, message: &[u8], seal: &[u8]) -> Result<(), NotOurs> {
        let ours = self.keys.iter().any(|key| {
            let expected = tag(key, context, message);
            aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_ref(), seal).is_ok()
        });
        if ours { Ok(()) } else { Err(NotOurs) }
    }
}

fn tag(key: &hmac::Key, context: &str, message: &[u8]) -> hmac::Tag {
    let mut signing = hmac::Context::with_key(key);
    // With its length before it, a context cannot run into the message.
    signing.update(
        &u64::try_from(context.len())
            .unwrap_or(u64::MAX)
            .to_be_bytes(),
    );
    signing.update(context.as_bytes());
    signing.update(message);
    signing.sign()
}

impl fmt::Debug for MessageSeals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageSeals([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{crypto::SecretKey, testing::SeededRandom};

    #[test]
    fn a_seal_is_of_its_key_context_and_message_alone() {
        let random = SeededRandom::new(1);
        let (old, new) = (SecretKey::generate(&random), SecretKey::generate(&random));
        let seals = MessageSeals::new(&SecretKeys::new(old.clone()));
        let seal = seals.seal("news", b"hello");
        assert_eq!(seals.verify("news", b"hello", &seal), Ok(()));
        assert_eq!(seals.seal("news", b"hello"), seal);
        let mut damaged = seal;
        damaged[31] ^= 1;
        for (context, message, seal) in [
            ("new", b"shello".as_slice(), seal.as_slice()),
            ("news", b"hellp", &seal),
            ("news", b"hello", &damaged),
            ("news", b"hello", &seal[..31]),
            ("news", b"hello", &[]),
        ] {
            assert_eq!(seals.verify(context, message, seal), Err(NotOurs));
        }
        let others = MessageSeals::new(&SecretKeys::new(new.clone()));
        assert_eq!(others.verify("news", b"hello", &seal), Err(NotOurs));
        let rotated = MessageSeals::new(&SecretKeys::new(new).with_previous(old).unwrap());
        assert_eq!(rotated.verify("news", b"hello", &seal), Ok(()));
        assert_ne!(rotated.seal("news", b"hello"), seal);
    }
}
