//! API keys: how programs act as a user or a service account.
//!
//! ```text
//!            create                    revoke, or the time comes
//! (nothing) --------> live -------------------------------------> dead --> removed after the retention
//!                      |  rotate (once)
//!                      +--------> live for the grace, with a successor --> dead
//! ```
//!
//! | threat | answer |
//! |---|---|
//! | the store is read | it has SHA-256 of 256 random bits, and nothing that makes a key |
//! | guessing | 256 bits; compared in constant time; tries are counted by the limits of the address |
//! | a key that may more than its owner | scopes lie within the owner's reach when it is made, and what counts at each request is what scopes *and* owner's rights both hold at that moment |
//! | a key that makes keys, and so outlives its own end | only whoever is signed in, and acts as nobody else, makes or rotates one |
//! | an administrator who makes a key of somebody's to act as them unseen | administrators make keys for service accounts alone; those of people they list and revoke |
//! | a key that leaked | allow-list of networks, expiry, revocation that reaches every node with the news of revocations |
//! | two rotations at once | one guarded statement; one successor |
//!
//! Events: `api_key.created`, `api_key.rotated`, `api_key.revoked`. Codes: `api_key.not_found`, `api_key.settled`,
//! `api_key.limit_reached`, `api_key.not_offered`, `access.insufficient_rank`, `access.session_required`, `access.impersonating`.
//!
//! How a request with a key is judged: `gatekeeper/api_keys.rs`.

mod administer;
mod create;
mod effective;
mod input;
mod read;
mod revoke;
mod rotate;
mod service_accounts;

use std::time::Duration;

pub(crate) use effective::effective;
pub use service_accounts::NewServiceAccount;

use crate::{
    ApiKeyError, Error, Gatekeeper,
    gatekeeper::Inner,
    model::{ApiKey, SecretString, Timestamp},
};

/// One's own API keys. From [`Gatekeeper::api_keys`].
#[derive(Clone, Copy, Debug)]
pub struct ApiKeys<'a>(pub(crate) &'a Gatekeeper);

/// A key to be made.
#[derive(Clone, Debug, Default)]
pub struct NewApiKey {
    /// What it is called: 1 to 100 characters.
    pub name: String,
    /// Scopes: what it may do at most, within the reach of its owner. None at all is a key that says who is asking and no more.
    pub permissions: Vec<String>,
    /// From when on it is refused. `None`: after the longest time that the settings allow.
    pub expires_at: Option<Timestamp>,
    /// From where alone it may be used: addresses and networks (`192.0.2.7`, `2001:db8::/32`), at most 32. None: from anywhere.
    pub networks: Vec<String>,
}

/// A key that was made. Its text is known here and nowhere else.
#[derive(Clone, Debug)]
pub struct CreatedApiKey {
    /// What is kept of it.
    pub key: ApiKey,
    /// The key itself, to be shown once.
    pub text: SecretString,
}

impl Inner {
    /// Refuses where the application does not offer keys.
    fn require_api_keys(&self) -> Result<(), Error> {
        if self.config.api_keys.enabled {
            Ok(())
        } else {
            Err(ApiKeyError::NotOffered.into())
        }
    }
}

/// When a key that is made now, and is to live so long, ends.
fn end_of(now: Timestamp, wanted: Option<Duration>, most: Option<Duration>) -> Option<Timestamp> {
    let lifetime = match (wanted, most) {
        (Some(wanted), Some(most)) => Some(wanted.min(most)),
        (wanted, most) => wanted.or(most),
    };
    lifetime.map(|lifetime| now.after(lifetime))
}
