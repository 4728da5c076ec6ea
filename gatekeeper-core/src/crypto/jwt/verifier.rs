use std::fmt;

use aws_lc_rs::{
    hmac,
    rsa::PublicKeyComponents,
    signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256},
};

use super::KeyError;
use crate::model::Algorithm;

/// A signature is not that of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature is wrong")]
pub struct SignatureInvalid;

/// A key that verifies, with its one algorithm. The algorithm is the variant: there is no way to use a key with another
/// (RFC 8725 section 3.1; CVE-2022-29217, CVE-2024-37568).
#[derive(Clone)]
pub(super) enum Verifier {
    Ed25519 {
        key: ParsedPublicKey,
        public: [u8; 32],
    },
    Es256 {
        key: ParsedPublicKey,
        x: [u8; 32],
        y: [u8; 32],
    },
    Hs256(Box<hmac::Key>),
    Rs256 {
        key: ParsedPublicKey,
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

/// The smallest RSA modulus that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RsaFloor {
    /// For tokens of others: what providers sign with.
    Bits2048,
    /// For our own (ASVS 11.2.3).
    Bits3072,
}

impl Verifier {
    pub(super) fn ed25519(public: &[u8]) -> Result<Self, KeyError> {
        let public: [u8; 32] = public.try_into().map_err(|_| KeyError::Malformed)?;
        let key = ParsedPublicKey::new(&ED25519, public).map_err(|_| KeyError::Malformed)?;
        Ok(Self::Ed25519 { key, public })
    }

    /// A point of P-256; that it is one is checked (RFC 8725 section 3.4).
    pub(super) fn es256(x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        let x: [u8; 32] = x.try_into().map_err(|_| KeyError::Malformed)?;
        let y: [u8; 32] = y.try_into().map_err(|_| KeyError::Malformed)?;
        let mut point = Vec::with_capacity(65);
        point.push(4);
        point.extend_from_slice(&x);
        point.extend_from_slice(&y);
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point)
            .map_err(|_| KeyError::Malformed)?;
        Ok(Self::Es256 { key, x, y })
    }

    /// RFC 7518 section 3.2: a key as long as the hash, or longer.
    pub(super) fn hs256(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < 32 {
            return Err(KeyError::TooShort);
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Ok(Self::Hs256(Box::new(key)))
    }

    pub(super) fn rs256(n: &[u8], e: &[u8], floor: RsaFloor) -> Result<Self, KeyError> {
        // RFC 7518 section 6.3.1: without leading zeros.
        if n.first() == Some(&0) || e.first() == Some(&0) {
            return Err(KeyError::Malformed);
        }
        let bits = n
            .first()
            .map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
        let least = match floor {
            RsaFloor::Bits2048 => 2048,
            RsaFloor::Bits3072 => 3072,
        };
        if bits < least {
            return Err(KeyError::TooShort);
        }
        // FIPS 186-5 section 5.4: an odd exponent from 2^16 on. 1 signs nothing, 3 has a history.
        let exponent = e
            .iter()
            .try_fold(0u64, |sum, &byte| {
                sum.checked_mul(256).map(|sum| sum + u64::from(byte))
            })
            .ok_or(KeyError::Malformed)?;
        if exponent < 65_537 || exponent.is_multiple_of(2) {
            return Err(KeyError::Weak);
        }
        let key = PublicKeyComponents { n, e }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| KeyError::Malformed)?;
        Ok(Self::Rs256 {
            key,
            n: n.to_vec(),
            e: e.to_vec(),
        })
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519 { .. } => Algorithm::EdDsa,
            Self::Es256 { .. } => Algorithm::Es256,
            Self::Hs256(_) => Algorithm::Hs256,
            Self::Rs256 { .. } => Algorithm::Rs256,
        }
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureInvalid> {
        match self {
            Self::Hs256(key) => hmac::verify(key, message, signature),
            Self::Ed25519 { key, .. } | Self::Es256 { key, .. } | Self::Rs256 { key, .. } => {
                key.verify_sig(message, signature)
            }
        }
        .map_err(|_| SignatureInvalid)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({})", self.algorithm().as_str())
    }
}
