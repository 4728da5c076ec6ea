use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    hmac,
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        RSA_PKCS1_SHA256,
    },
};
use zeroize::Zeroizing;

use super::verifier::{RsaFloor, Verifier};
use crate::{
    crypto::secret_key::looks_random,
    env::Random,
    model::{Algorithm, KeyId, SecretBytes},
};

/// Why something is not a key. Says nothing of the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The generator of keys failed.
    #[error("the key could not be generated")]
    Generation,
    /// Not a key of this algorithm.
    #[error("the key is malformed, or of another algorithm")]
    Malformed,
    /// A password, a text or a pattern as an HMAC key.
    #[error("the key is not random; make one with a random generator")]
    NotRandom,
    /// RSA below 3072 bits, HMAC below 32 bytes.
    #[error("the key is too short")]
    TooShort,
    /// An RSA key with a known weakness.
    #[error("the key is weak")]
    Weak,
}

/// A key that signs access tokens, with its one algorithm and its id. It lives in a
/// [`Keyring`](super::Keyring).
pub struct SigningKey {
    private: Private,
    public: VerifyingKey,
}

enum Private {
    Ed25519(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Hs256 {
        key: Box<hmac::Key>,
        raw: SecretBytes,
    },
    Rs256(rsa::KeyPair),
}

/// A key that verifies access tokens, with its one algorithm and its id.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    pub(super) id: KeyId,
    pub(super) verifier: Verifier,
}

impl SigningKey {
    /// A new key. RSA keys have 3072 bits; making one takes a good part of a second.
    ///
    /// # Errors
    ///
    /// [`KeyError::Generation`].
    ///
    /// # Security
    ///
    /// Ed25519 and HMAC keys are drawn from `random`. ECDSA and RSA keys are made by the cryptographic library with the
    /// operating system's generator: it offers no other way.
    pub fn generate(
        algorithm: Algorithm,
        id: KeyId,
        random: &dyn Random,
    ) -> Result<Self, KeyError> {
        let private = match algorithm {
            Algorithm::EdDsa => {
                let seed = Zeroizing::new(random.bytes::<32>());
                Private::Ed25519(
                    Ed25519KeyPair::from_seed_unchecked(seed.as_slice())
                        .map_err(|_| KeyError::Generation)?,
                )
            }
            Algorithm::Es256 => Private::Es256(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                    .map_err(|_| KeyError::Generation)?,
            ),
            Algorithm::Hs256 => {
                return Self::hmac(id, Zeroizing::new(random.bytes::<32>()).as_slice());
            }
            Algorithm::Rs256 => Private::Rs256(
                rsa::KeyPair::generate(rsa::KeySize::Rsa3072).map_err(|_| KeyError::Generation)?,
            ),
        };
        Self::new(id, private)
    }

    /// The key in a PKCS#8 document (RFC 5958), in DER.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; always for HS256, which has no such form.
    pub fn from_pkcs8(algorithm: Algorithm, id: KeyId, der: &[u8]) -> Result<Self, KeyError> {
        let private = match algorithm {
            Algorithm::EdDsa => {
                Private::Ed25519(Ed25519KeyPair::from_pkcs8(der).map_err(|_| KeyError::Malformed)?)
            }
            Algorithm::Es256 => Private::Es256(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
                    .map_err(|_| KeyError::Malformed)?,
            ),
            Algorithm::Hs256 => return Err(KeyError::Malformed),
            Algorithm::Rs256 => {
                Private::Rs256(rsa::KeyPair::from_pkcs8(der).map_err(|_| KeyError::Malformed)?)
            }
        };
        Self::new(id, private)
    }

    /// The HS256 key of these bytes, 32 or more.
    ///
    /// # Errors
    ///
    /// [`KeyError::TooShort`]; [`KeyError::NotRandom`] for passwords, texts and patterns (RFC 8725 section 3.5), which is
    /// also what every PEM and JWK rendering of another key is.
    pub fn from_hmac_secret(id: KeyId, secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() >= 32 && !looks_random(secret) {
            return Err(KeyError::NotRandom);
        }
        Self::hmac(id, secret)
    }

    /// What a store keeps, sealed: PKCS#8, or the raw bytes for HS256.
    pub fn to_private_bytes(&self) -> SecretBytes {
        // The four encodings cannot fail for a key that was made or read before; an empty answer would be refused by
        // `from_private_bytes`.
        let der: Option<Vec<u8>> = match &self.private {
            Private::Ed25519(key) => key.to_pkcs8v1().ok().map(|der| der.as_ref().to_vec()),
            Private::Es256(key) => key.to_pkcs8v1().ok().map(|der| der.as_ref().to_vec()),
            Private::Hs256 { raw, .. } => return raw.clone(),
            Private::Rs256(key) => {
                let der: Result<Pkcs8V1Der<'_>, _> = key.as_der();
                der.ok().map(|der| der.as_ref().to_vec())
            }
        };
        SecretBytes::new(der.unwrap_or_default())
    }

    /// Reads what [`to_private_bytes`](Self::to_private_bytes) gave.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn from_private_bytes(
        algorithm: Algorithm,
        id: KeyId,
        bytes: &SecretBytes,
    ) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::Hs256 => Self::from_hmac_secret(id, bytes.expose()),
            Algorithm::EdDsa | Algorithm::Es256 | Algorithm::Rs256 => {
                Self::from_pkcs8(algorithm, id, bytes.expose())
            }
        }
    }

    /// The id: `kid` in tokens.
    pub const fn id(&self) -> KeyId {
        self.public.id
    }

    /// The one algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.public.verifier.algorithm()
    }

    /// The part that verifies.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.public.clone()
    }

    /// Appends the signature of `message` to `out`.
    pub(super) fn sign(&self, message: &[u8], out: &mut Vec<u8>) -> Result<(), KeyError> {
        match &self.private {
            Private::Ed25519(key) => {
                let signature = key.try_sign(message).map_err(|_| KeyError::Generation)?;
                out.extend_from_slice(signature.as_ref());
            }
            Private::Es256(key) => {
                let signature = key
                    .sign(&SystemRandom::new(), message)
                    .map_err(|_| KeyError::Generation)?;
                out.extend_from_slice(signature.as_ref());
            }
            Private::Hs256 { key, .. } => {
                out.extend_from_slice(hmac::sign(key, message).as_ref());
            }
            Private::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
                .map_err(|_| KeyError::Generation)?;
                out.extend_from_slice(&signature);
            }
        }
        Ok(())
    }

    fn hmac(id: KeyId, secret: &[u8]) -> Result<Self, KeyError> {
        let verifier = Verifier::hs256(secret)?;
        Ok(Self {
            private: Private::Hs256 {
                key: Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret)),
                raw: SecretBytes::new(secret),
            },
            public: VerifyingKey { id, verifier },
        })
    }

    fn new(id: KeyId, private: Private) -> Result<Self, KeyError> {
        let verifier = match &private {
            Private::Ed25519(key) => Verifier::ed25519(key.public_key().as_ref())?,
            Private::Es256(key) => {
                // SEC 1 section 2.3.3: 04, x, y.
                let point = key.public_key().as_ref();
                match (point.split_first(), point.len()) {
                    (Some((4, point)), 65) => {
                        let (x, y) = point.split_at(32);
                        Verifier::es256(x, y)?
                    }
                    _ => return Err(KeyError::Malformed),
                }
            }
            Private::Hs256 { raw, .. } => Verifier::hs256(raw.expose())?,
            Private::Rs256(key) => {
                let (n, e) =
                    rsa_components(key.public_key().as_ref()).ok_or(KeyError::Malformed)?;
                Verifier::rs256(n, e, RsaFloor::Bits3072)?
            }
        };
        Ok(Self {
            private,
            public: VerifyingKey { id, verifier },
        })
    }
}

/// Modulus and exponent of an `RSAPublicKey` (RFC 8017 appendix A.1.1) in DER.
fn rsa_components(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, rest) = der_value(der, 0x30)?;
    let (n, sequence) = der_value(sequence, 0x02)?;
    let (e, end) = der_value(sequence, 0x02)?;
    let unsigned = |integer| <[u8]>::strip_prefix(integer, &[0]).unwrap_or(integer);
    (rest.is_empty() && end.is_empty()).then(|| (unsigned(n), unsigned(e)))
}

/// The contents of the DER value with this tag at the start of `der`, and what follows it.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        if bytes.len() > 2 {
            return None;
        }
        let length = bytes
            .iter()
            .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        (length, rest)
    };
    (first == tag).then(|| rest.split_at_checked(length))?
}

impl VerifyingKey {
    /// The id: `kid` in tokens.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The one algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.verifier.algorithm()
    }
}

impl From<SigningKey> for VerifyingKey {
    fn from(key: SigningKey) -> Self {
        key.public
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id())
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}
