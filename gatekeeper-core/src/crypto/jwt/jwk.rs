use base64::Engine;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    KeyError, SignatureInvalid, TokenRejection,
    compact::{Compact, MAX_SIGNATURE},
    header::Header,
    verifier::{RsaFloor, Verifier},
};
use crate::{crypto::BASE64URL, model::Algorithm};

/// A key of somebody else's that verifies signatures: a JSON Web Key (RFC 7517) held to one algorithm.
///
/// Taken are Ed25519 (RFC 8037), P-256, RSA from 2048 bits on, and HMAC keys of 32 bytes and up that say `"alg":"HS256"`.
#[derive(Clone, Debug)]
pub struct Jwk {
    kid: Option<String>,
    verifier: Verifier,
}

/// The keys of one issuer. A token is held against the key that its `kid` names, and no other.
#[derive(Clone, Debug)]
pub struct JwkSet(Vec<Jwk>);

/// Why something is not a key, or not a set of keys, that signatures are verified with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkError {
    /// Two keys have the same `kid`, or one of several has none.
    #[error("the key ids are not distinct")]
    Ambiguous,
    /// The key itself is unsound.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A member is absent, of the wrong type, or contradicts another.
    #[error("the JSON Web Key is malformed")]
    Malformed,
    /// Symmetric and public keys in one set, which invites their confusion.
    #[error("a set holds either symmetric or public keys")]
    Mixed,
    /// `alg` or `kty` is none of ours.
    #[error("the algorithm is not supported")]
    Unsupported,
    /// `use` or `key_ops` says that it is not for signatures.
    #[error("the key is not for signatures")]
    Use,
}

impl Jwk {
    /// Reads a key.
    ///
    /// # Errors
    ///
    /// [`JwkError`]. What contradicts itself is refused: a curve that is not the algorithm's, a `use` of `enc`.
    pub fn parse(jwk: &Value) -> Result<Self, JwkError> {
        let jwk = jwk.as_object().ok_or(JwkError::Malformed)?;
        check_use(jwk)?;
        let alg: Option<String> = member(jwk, "alg")?;
        let named = alg
            .map(|alg| Algorithm::parse(&alg).ok_or(JwkError::Unsupported))
            .transpose()?;
        let kty: String = member(jwk, "kty")?.ok_or(JwkError::Malformed)?;
        let crv: Option<String> = member(jwk, "crv")?;
        let verifier = match (kty.as_str(), crv.as_deref()) {
            ("OKP", Some("Ed25519")) => Verifier::ed25519(&bytes(jwk, "x")?)?,
            ("EC", Some("P-256")) => Verifier::es256(&bytes(jwk, "x")?, &bytes(jwk, "y")?)?,
            ("RSA", None) => {
                let n = bytes(jwk, "n")?;
                if is_roca(&n) {
                    return Err(KeyError::Weak.into());
                }
                Verifier::rs256(&n, &bytes(jwk, "e")?, RsaFloor::Bits2048)?
            }
            // An octet sequence fits every symmetric algorithm, so it must say which.
            ("oct", None) if named.is_some() => Verifier::hs256(&bytes(jwk, "k")?)?,
            ("RSA" | "oct", Some(_)) => return Err(JwkError::Malformed),
            _ => return Err(JwkError::Unsupported),
        };
        if named.is_some_and(|named| named != verifier.algorithm()) {
            return Err(JwkError::Malformed);
        }
        Ok(Self {
            kid: member(jwk, "kid")?,
            verifier,
        })
    }

    /// The one algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.verifier.algorithm()
    }

    /// Whether `signature` is this key's for `message`, in the form of JWS (for ECDSA `r | s`, RFC 7518 section 3.4).
    ///
    /// # Errors
    ///
    /// [`SignatureInvalid`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureInvalid> {
        self.verifier.verify(message, signature)
    }
}

impl JwkSet {
    /// Reads a set (RFC 7517 section 5), or one key alone. One unsound key spoils the set.
    ///
    /// # Errors
    ///
    /// [`JwkError`].
    pub fn parse(jwks: &Value) -> Result<Self, JwkError> {
        let keys = match jwks.get("keys") {
            Some(keys) => keys
                .as_array()
                .ok_or(JwkError::Malformed)?
                .iter()
                .map(Jwk::parse)
                .collect::<Result<Vec<_>, _>>()?,
            None => vec![Jwk::parse(jwks)?],
        };
        let symmetric = keys
            .iter()
            .filter(|key| key.algorithm() == Algorithm::Hs256)
            .count();
        if symmetric != 0 && symmetric != keys.len() {
            return Err(JwkError::Mixed);
        }
        for (at, key) in keys.iter().enumerate() {
            if keys.iter().take(at).any(|other| other.kid == key.kid)
                || (keys.len() > 1 && key.kid.is_none())
            {
                return Err(JwkError::Ambiguous);
            }
        }
        Ok(Self(keys))
    }

    /// Verifies a JWS in the compact serialisation (RFC 7515 section 5.2) and gives its payload.
    ///
    /// The strict rules of access tokens hold: canonical base64url, no doubled members, no `crit`, no embedded keys, the
    /// key's own algorithm. `kid` may be absent from the token where the set is one key without one.
    ///
    /// # Errors
    ///
    /// [`TokenRejection`].
    pub fn verify(&self, token: &str) -> Result<Vec<u8>, TokenRejection> {
        let compact = Compact::parse(token)?;
        let header = Header::parse(compact.header)?;
        let payload = BASE64URL
            .decode(compact.payload)
            .map_err(|_| TokenRejection::Malformed)?;
        let mut signature = [0; MAX_SIGNATURE];
        let length = BASE64URL
            .decode_slice(compact.signature, &mut signature)
            .map_err(|_| TokenRejection::Malformed)?;
        let signature = signature.get(..length).ok_or(TokenRejection::Malformed)?;
        let key = self
            .0
            .iter()
            .find(|key| key.kid == header.kid)
            .ok_or(TokenRejection::UnknownKey)?;
        if Algorithm::parse(&header.alg) != Some(key.algorithm()) {
            return Err(TokenRejection::Algorithm);
        }
        key.verify(compact.signed.as_bytes(), signature)
            .map_err(|_| TokenRejection::Signature)?;
        Ok(payload)
    }
}

/// The public JWK of a key; `None` for a symmetric one, which has nothing to be published.
pub(super) fn public(verifier: &Verifier, kid: &str) -> Option<Value> {
    let b64 = |bytes: &[u8]| BASE64URL.encode(bytes);
    let mut jwk = match verifier {
        Verifier::Ed25519 { public, .. } => {
            json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(public) })
        }
        Verifier::Es256 { x, y, .. } => {
            json!({ "kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y) })
        }
        Verifier::Rs256 { n, e, .. } => json!({ "kty": "RSA", "n": b64(n), "e": b64(e) }),
        Verifier::Hs256(_) => return None,
    };
    let members = jwk.as_object_mut()?;
    members.insert("use".to_owned(), "sig".into());
    members.insert("alg".to_owned(), verifier.algorithm().as_str().into());
    members.insert("kid".to_owned(), kid.into());
    Some(jwk)
}

/// RFC 7517 sections 4.2 and 4.3: where the key says what it is for, it must be signatures.
fn check_use(jwk: &Map<String, Value>) -> Result<(), JwkError> {
    let key_use: Option<String> = member(jwk, "use")?;
    if key_use.is_some_and(|key_use| key_use != "sig") {
        return Err(JwkError::Use);
    }
    let operations: Option<Vec<String>> = member(jwk, "key_ops")?;
    match operations {
        Some(operations) if !operations.iter().any(|name| name == "verify") => Err(JwkError::Use),
        _ => Ok(()),
    }
}

fn member<T: DeserializeOwned>(
    jwk: &Map<String, Value>,
    name: &str,
) -> Result<Option<T>, JwkError> {
    jwk.get(name)
        .map(|value| T::deserialize(value).map_err(|_| JwkError::Malformed))
        .transpose()
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, JwkError> {
    let text: String = member(jwk, name)?.ok_or(JwkError::Malformed)?;
    BASE64URL.decode(text).map_err(|_| JwkError::Malformed)
}

/// Whether a modulus bears the mark of keys made by a broken generator (ROCA, CVE-2017-15361): modulo each of these primes
/// it is a power of 65537. Of sound keys one in 2^27 bears it.
fn is_roca(n: &[u8]) -> bool {
    const PRIMES: [u64; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
        97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.iter().all(|&prime| {
        let residue = n
            .iter()
            .fold(0, |sum, &byte| (sum * 256 + u64::from(byte)) % prime);
        let powers = std::iter::successors(Some(1), |power| Some(power * 65_537 % prime));
        powers
            .take(usize::try_from(prime).unwrap_or(0))
            .any(|power| power == residue)
    })
}
