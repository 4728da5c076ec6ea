//! Access tokens: JSON Web Tokens after RFC 9068, held to RFC 8725.
//!
//! A verifier of our own over the primitives of `aws-lc-rs`, in this order, nothing later before something earlier:
//!
//! 1. at most [`MAX_TOKEN`] bytes, three segments, canonical base64url;
//! 2. a header without doubled members, without `crit`, and without anything that brings a key along; `typ` as it must be;
//! 3. a key named by `kid`, whose one algorithm is the `alg` of the header;
//! 4. the signature;
//! 5. only now the claims: no doubled members, every required one there and of its type, issuer, audience, times.
//!
//! A token that was found right is remembered by a keyed hash of itself, with its times and without itself.

mod access;
mod cache;
mod claims;
mod compact;
mod header;
mod issue;
mod jwk;
mod keyring;
mod keys;
mod rejection;
mod settings;
mod strict;
mod verifier;
mod verify;

pub use access::AccessTokens;
pub(crate) use cache::AlreadyHashed;
pub use compact::MAX_TOKEN;
pub use issue::{AccessClaims, IssueError, RESERVED_CLAIMS};
pub use jwk::{Jwk, JwkError, JwkSet};
pub use keyring::Keyring;
pub use keys::{KeyError, SigningKey, VerifyingKey};
pub use rejection::TokenRejection;
pub use settings::{AccessTokenSettings, AccessTokenSettingsError};
pub use verifier::SignatureInvalid;

#[cfg(test)]
mod tests;
