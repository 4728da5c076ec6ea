use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::KeyType,
};
use zeroize::Zeroizing;

use super::secret_key::{KeyUse, SecretKey, SecretKeys};
use crate::{env::Random, model::SecretBytes};

/// The first byte of everything sealed.
const VERSION: u8 = 1;
const KEY_ID_LEN: usize = 4;
/// Version, key id, nonce.
const PREFIX_LEN: usize = 1 + KEY_ID_LEN + NONCE_LEN;

/// Seals secrets that are stored: signing keys, seeds, tokens of providers.
///
/// AES-256-GCM-SIV (RFC 8452): nonces are drawn at random, with no counter that a restored backup or a second node could
/// repeat, and of all that `aws-lc-rs` offers this is the one that survives a repeated nonce (it then tells that two
/// plaintexts under the same context are equal, and nothing else; GCM and ChaCha20-Poly1305 would give the key stream and
/// the authentication key away).
///
/// Sealed bytes are `version (1) | key id (4) | nonce (12) | ciphertext | tag (16)`. The version, the key id and the
/// caller's associated data are authenticated.
pub struct Sealer {
    current: Key,
    previous: Vec<Key>,
}

struct Key {
    id: [u8; KEY_ID_LEN],
    aead: LessSafeKey,
}

/// What was sealed cannot be opened: altered, sealed for another place, or under a key that is not known any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value cannot be opened")]
pub struct Unsealable;

impl Sealer {
    /// A sealer under the current key that opens what the previous ones sealed too.
    pub fn new(keys: &SecretKeys) -> Self {
        let mut all = keys.all().map(Key::new);
        Self {
            current: all.next().unwrap_or_else(|| Key::new(keys.current())),
            previous: all.collect(),
        }
    }

    /// Seals `plaintext`. `aad` names the place where it will be stored (table, row, column), so that sealed values cannot
    /// be swapped; [`open`](Self::open) wants the same.
    ///
    /// # Panics
    ///
    /// Where `plaintext` has more than 2^36 bytes (RFC 8452 section 6).
    #[expect(
        clippy::expect_used,
        reason = "fails for plaintexts of more than 64 GiB alone, and there is no answer that would be safe"
    )]
    pub fn seal(&self, aad: &[u8], plaintext: &[u8], random: &dyn Random) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random.bytes();
        let mut body = Zeroizing::new(Vec::with_capacity(plaintext.len() + 16));
        body.extend_from_slice(plaintext);
        let tag = self
            .current
            .aead
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(self.current.bind(aad)),
                &mut body,
            )
            .expect("AES-256-GCM-SIV seals anything below 64 GiB");
        let mut sealed = Vec::with_capacity(PREFIX_LEN + body.len() + 16);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.current.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&body);
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Opens what [`seal`](Self::seal) made with the same `aad`.
    ///
    /// # Errors
    ///
    /// [`Unsealable`], always the same.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, Unsealable> {
        let (&version, rest) = sealed.split_first().ok_or(Unsealable)?;
        let (id, rest) = rest.split_first_chunk::<KEY_ID_LEN>().ok_or(Unsealable)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Unsealable)?;
        if version != VERSION {
            return Err(Unsealable);
        }
        // Two keys share an id once in 2^32; then both are tried.
        self.all()
            .filter(|key| key.id == *id)
            .find_map(|key| {
                let mut body = Zeroizing::new(body.to_vec());
                let plain = key
                    .aead
                    .open_in_place(
                        Nonce::assume_unique_for_key(*nonce),
                        Aad::from(key.bind(aad)),
                        &mut body,
                    )
                    .ok()?;
                Some(SecretBytes::new(&*plain))
            })
            .ok_or(Unsealable)
    }

    /// Whether a value was sealed under an earlier key and should be sealed anew.
    pub fn needs_resealing(&self, sealed: &[u8]) -> bool {
        let mut prefix = vec![VERSION];
        prefix.extend_from_slice(&self.current.id);
        !sealed.starts_with(&prefix)
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl Key {
    #[expect(
        clippy::expect_used,
        reason = "the length of the sub-key is the length of the algorithm's key"
    )]
    fn new(secret: &SecretKey) -> Self {
        let mut id = [0; KEY_ID_LEN];
        for (to, from) in id.iter_mut().zip(secret.derive(KeyUse::KeyId).iter()) {
            *to = *from;
        }
        debug_assert_eq!((&AES_256_GCM_SIV).len(), 32);
        let key = secret.derive(KeyUse::Seal);
        let aead = UnboundKey::new(&AES_256_GCM_SIV, key.as_slice()).expect("a key of 32 bytes");
        Self {
            id,
            aead: LessSafeKey::new(aead),
        }
    }

    fn bind(&self, aad: &[u8]) -> Vec<u8> {
        let mut bound = Vec::with_capacity(1 + KEY_ID_LEN + aad.len());
        bound.push(VERSION);
        bound.extend_from_slice(&self.id);
        bound.extend_from_slice(aad);
        bound
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededRandom;

    fn key(seed: u64) -> SecretKey {
        SecretKey::generate(&SeededRandom::new(seed))
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_alone() {
        let random = SeededRandom::new(9);
        let sealer = Sealer::new(&SecretKeys::new(key(1)));
        for plain in [&b""[..], b"x", b"a seed of twenty byte", &[7; 5000]] {
            let stored = sealer.seal(b"signing_keys/1", plain, &random);
            let opened = sealer.open(b"signing_keys/1", &stored).unwrap();
            assert_eq!(opened.expose(), plain);
            assert!(sealer.open(b"signing_keys/2", &stored).is_err());
            assert!(sealer.open(b"", &stored).is_err());
        }
    }

    #[test]
    fn every_changed_dropped_or_added_byte_is_refused() {
        let sealer = Sealer::new(&SecretKeys::new(key(1)));
        let stored = sealer.seal(b"row", b"secret", &SeededRandom::new(9));
        for at in 0..stored.len() {
            let mut changed = stored.clone();
            changed[at] ^= 1;
            assert!(sealer.open(b"row", &changed).is_err(), "byte {at}");
            assert!(sealer.open(b"row", &stored[..at]).is_err(), "cut at {at}");
        }
        let mut longer = stored;
        longer.push(0);
        assert!(sealer.open(b"row", &longer).is_err());
    }

    #[test]
    fn sealing_twice_gives_two_texts() {
        let random = SeededRandom::new(9);
        let sealer = Sealer::new(&SecretKeys::new(key(1)));
        assert_ne!(
            sealer.seal(b"row", b"secret", &random),
            sealer.seal(b"row", b"secret", &random)
        );
    }

    #[test]
    fn a_rotated_key_still_opens_and_asks_to_be_sealed_anew() {
        let random = SeededRandom::new(9);
        let old = Sealer::new(&SecretKeys::new(key(1)));
        let new = Sealer::new(&SecretKeys::new(key(2)).with_previous(key(1)).unwrap());
        let stranger = Sealer::new(&SecretKeys::new(key(2)));
        let sealed = old.seal(b"row", b"secret", &random);
        assert!(!old.needs_resealing(&sealed));
        assert!(new.needs_resealing(&sealed));
        assert_eq!(new.open(b"row", &sealed).unwrap().expose(), b"secret");
        assert_eq!(stranger.open(b"row", &sealed).unwrap_err(), Unsealable);
        assert!(!new.needs_resealing(&new.seal(b"row", b"secret", &random)));
    }
}
