//! Passwords: hashed with Argon2id, on threads of their own.
//!
//! - New hashes are Argon2id version 0x13 with a 16-byte salt and a 32-byte tag, as PHC strings.
//! - Hashes brought along from elsewhere verify (see [`HashFormat`]) and answer [`PasswordVerdict::MatchOutdated`], upon
//!   which the caller hashes the password anew.
//! - The work is done by a fixed number of low-priority threads, each with its own memory, allocated once. What cannot
//!   wait in their bounded queue is refused at once with [`HashError::Overloaded`]: a flood of sign-ins makes sign-ins slow, then
//!   refused, and leaves everything else alone.
//! - A password is hashed exactly as it was received: not trimmed, not cut, not normalised; NUL is a character as any other.

mod calibrate;
mod engine;
mod format;
mod imported;
mod pool;
mod settings;

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::oneshot;

pub use self::{
    calibrate::calibrate,
    format::{HashFormat, HashFormatError, recognise},
    settings::{HashingSettings, HashingSettingsError, danger},
};
use self::{
    engine::{Engine, SALT_BYTES},
    pool::{Job, Pool},
};
use crate::{Error, env::Random, model::SecretString};

/// The longest password that is hashed, in bytes. [`PasswordPolicy`](crate::password_policy::PasswordPolicy) never allows a longer one.
///
/// It bounds what a waiting password holds of memory (CVE-2013-1443 was a hash of a password of a megabyte).
pub const MAX_PASSWORD_BYTES: usize = 4_096;

/// Hashes and verifies passwords. Clones share the threads, which end with the last clone.
#[derive(Clone)]
pub struct PasswordHasher {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    random: Arc<dyn Random>,
}

/// Whether a password is the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a verdict that nobody reads lets everybody in"]
pub enum PasswordVerdict {
    /// It is.
    Match,
    /// It is, but its hash is not of today's kind or cost: hash it anew and store that.
    MatchOutdated,
    /// It is not, or there is no hash to compare with.
    Mismatch,
}

/// Why there is no hash, or no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// Too many passwords are waiting already.
    #[error("too many passwords are waiting to be hashed")]
    Overloaded {
        /// When those will be done, by the speed of late: whole seconds, 1 at least.
        retry_after: Duration,
    },
    /// The password to be hashed has more than [`MAX_PASSWORD_BYTES`]; the policy should have refused it before.
    #[error("the password is too long to be hashed")]
    TooLong,
    /// A fault of ours.
    #[error("hashing the password failed: {reason}")]
    Internal {
        /// What failed, without a word of the password or the hash.
        reason: &'static str,
    },
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            HashError::TooLong | HashError::Internal { .. } => Self::internal(error),
        }
    }
}

impl PasswordHasher {
    /// Starts the threads and allocates their memory: `workers` times `memory_kib`.
    ///
    /// # Errors
    ///
    /// [`HashingSettingsError`] where the settings are weak or out of bounds, or the machine cannot carry them.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "settings are handed over, as to every other service"
    )]
    pub fn new(
        settings: HashingSettings,
        random: Arc<dyn Random>,
    ) -> Result<Self, HashingSettingsError> {
        settings.validate()?;
        let pool = Pool::start(&settings)?;
        Ok(Self {
            inner: Arc::new(Inner { pool, random }),
        })
    }

    /// Hashes a new password: a PHC string, to be stored.
    ///
    /// # Errors
    ///
    /// [`HashError::TooLong`] over [`MAX_PASSWORD_BYTES`], [`HashError::Overloaded`] where too many are waiting.
    pub async fn hash(&self, password: &SecretString) -> Result<SecretString, HashError> {
        if password.expose().len() > MAX_PASSWORD_BYTES {
            return Err(HashError::TooLong);
        }
        let (reply, answer) = oneshot::channel();
        self.inner.pool.submit(Job::Hash {
            password: password.clone(),
            salt: self.inner.random.bytes::<SALT_BYTES>(),
            reply,
        })?;
        answer.await.unwrap_or(Err(WORKER_FAILED))
    }

    /// Hashes a secret with this salt, for a set of secrets that share one: what is given is then hashed once and compared with
    /// all of them.
    ///
    /// # Errors
    ///
    /// As [`hash`](Self::hash).
    pub(crate) async fn hash_with_salt(
        &self,
        secret: &SecretString,
        salt: [u8; SALT_BYTES],
    ) -> Result<SecretString, HashError> {
        if secret.expose().len() > MAX_PASSWORD_BYTES {
            return Err(HashError::TooLong);
        }
        let (reply, answer) = oneshot::channel();
        self.inner.pool.submit(Job::Hash {
            password: secret.clone(),
            salt,
            reply,
        })?;
        answer.await.unwrap_or(Err(WORKER_FAILED))
    }

    /// The hash that this secret would have with the salt and the parameters of another one, which
    /// [`hash_with_salt`](Self::hash_with_salt) made. The two are equal where the secrets are.
    ///
    /// # Errors
    ///
    /// As [`hash`](Self::hash); [`HashError::Internal`] where the other one is no hash of Argon2.
    pub(crate) async fn hash_like(
        &self,
        secret: &SecretString,
        other: &SecretString,
    ) -> Result<SecretString, HashError> {
        if secret.expose().len() > MAX_PASSWORD_BYTES {
            return Err(HashError::TooLong);
        }
        let (reply, answer) = oneshot::channel();
        self.inner.pool.submit(Job::HashLike {
            password: secret.clone(),
            other: other.clone(),
            reply,
        })?;
        answer.await.unwrap_or(Err(WORKER_FAILED))
    }

    /// Compares a password with a stored hash. `None` is for an account that has none or does not exist.
    ///
    /// # Errors
    ///
    /// [`HashError::Overloaded`] where too many are waiting. The same for every account, known or not.
    ///
    /// # Security
    ///
    /// Nothing enumerates: without a hash, with one that cannot be read (which is logged as an error), and with a
    /// password over [`MAX_PASSWORD_BYTES`], the work of a full hash is done and the answer is `Mismatch`. A mismatch against an older hash
    /// that is cheaper than today's costs today's price too. What cannot be hidden is a hash that is *dearer* than
    /// today's: until its owner signs in, a refusal takes longer.
    ///
    /// A caller that goes away before its turn costs nothing.
    pub async fn verify(
        &self,
        password: &SecretString,
        hash: Option<&SecretString>,
    ) -> Result<PasswordVerdict, HashError> {
        let (password, hash) = if password.expose().len() > MAX_PASSWORD_BYTES {
            (SecretString::new(""), None)
        } else {
            (password.clone(), hash.cloned())
        };
        let (reply, answer) = oneshot::channel();
        self.inner.pool.submit(Job::Verify {
            password,
            hash,
            reply,
        })?;
        answer.await.unwrap_or(Err(WORKER_FAILED))
    }

    /// Does other work on passwords that is too much for the async runtime, on the same threads and under the same bound.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (reply, answer) = oneshot::channel();
        self.inner.pool.submit(Job::Run(Box::new(move || {
            if !reply.is_closed() {
                // Nobody left to tell is no fault.
                let _ = reply.send(work());
            }
        })))?;
        answer.await.map_err(|_| WORKER_FAILED)
    }

    /// How many passwords have been hashed or verified so far.
    pub fn verifications(&self) -> u64 {
        self.inner.pool.computed()
    }

    /// How many passwords are waiting for a thread now.
    pub fn waiting(&self) -> usize {
        self.inner.pool.waiting()
    }
}

/// The thread's side of the channel is gone without an answer: it panicked over this job.
const WORKER_FAILED: HashError = HashError::Internal {
    reason: "the hashing thread failed",
};

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher")
            .field("verifications", &self.verifications())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod foreign_tests;
#[cfg(test)]
mod imported_tests;
#[cfg(test)]
mod tests;
