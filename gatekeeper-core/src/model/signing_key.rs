use super::{KeyId, Timestamp};

/// A signature algorithm of access tokens (RFC 7518 section 3.1, RFC 8037 section 3.1). One key has one algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Algorithm {
    /// Ed25519, the default. The names `EdDSA` and `Ed25519` (RFC 9864) are both accepted.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// HMAC with SHA-256; for an application that verifies its own tokens only, since the key cannot be published.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 3072 bits and up.
    Rs256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: &'static [Self] = &[Self::EdDsa, Self::Es256, Self::Hs256, Self::Rs256];

    /// The value of `alg` that is issued.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm with this name.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "Ed25519" => Some(Self::EdDsa),
            _ => Self::ALL
                .iter()
                .copied()
                .find(|algorithm| algorithm.as_str() == text),
        }
    }
}

/// A signing key as a store keeps it: the private part sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSigningKey {
    /// The id, `kid` in tokens.
    pub id: KeyId,
    /// Its one algorithm.
    pub algorithm: Algorithm,
    /// PKCS#8 or, for HS256, the raw key, sealed under the server's secret.
    pub sealed_private: Vec<u8>,
    /// When it was made; published in the JWKS from then on.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub active_from: Timestamp,
    /// From when on it is neither published nor believed.
    pub retired_at: Option<Timestamp>,
}
