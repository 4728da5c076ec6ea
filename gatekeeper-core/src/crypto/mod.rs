//! Keys, and everything that is signed, sealed or hashed with them.
//!
//! | what | type | made of |
//! |---|---|---|
//! | the installation's secret | [`SecretKey`], [`SecretKeys`] | sub-keys by HKDF-SHA256, one label a use |
//! | API keys | [`ApiKeyFormat`] | 256 random bits, stored as SHA-256 |
//! | access tokens | [`jwt::AccessTokens`] | JWS over Ed25519, ECDSA P-256, RSA or HMAC |
//! | refresh tokens | [`RefreshTokens`] | HMAC-SHA256 |
//! | tokens of devices | MAC and id | HMAC-SHA256 |
//! | one-time tokens | [`one_time`] | 256 random bits, stored as SHA-256 |
//! | cursors of lists | [`Cursors`] | HMAC-SHA256 |
//! | the audit trail's chain | digest, link, MAC | HMAC-SHA256 |
//! | what nodes tell each other | [`MessageSeals`] | HMAC-SHA256 |
//! | secrets at rest | [`Sealer`] | AES-256-GCM-SIV |
//!
//! Every primitive comes from `aws-lc-rs`.

mod api_key;
mod audit;
mod cursor;
mod device;
mod digest;
pub mod jwt;
mod message;
pub mod one_time;
pub mod password;
mod refresh;
mod seal;
mod secret_key;

pub use api_key::{ApiKeyFormat, ApiKeyRejection, NewApiKeyText, PresentedApiKey, SecretVerdict};
pub(crate) use audit::{AuditKeys, Standing};
pub use cursor::Cursors;
pub(crate) use device::DeviceTokens;
pub(crate) use digest::Digester;
pub use message::{MessageSeals, NotOurs};
pub use refresh::{InvalidRefreshToken, RefreshToken, RefreshTokens};
pub use seal::{Sealer, Unsealable};
pub(crate) use secret_key::KeyUse;
pub use secret_key::{SecretFileError, SecretKey, SecretKeyError, SecretKeys, TooManyKeys};

/// Base64url without padding (RFC 7515 section 2). Refuses padding, and bits behind the last whole byte that are not
/// zero: each value has one spelling.
pub(crate) const BASE64URL: base64::engine::GeneralPurpose =
    base64::engine::general_purpose::URL_SAFE_NO_PAD;
