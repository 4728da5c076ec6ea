use std::fmt;

use async_trait::async_trait;

use crate::model::SecretString;

/// Whether a password is known from a breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Breach {
    /// It is known to others.
    Known,
    /// Nothing is known of it.
    Unknown,
}

/// Why it cannot be said. It holds nothing of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BreachError {
    /// Nobody answered in time.
    #[error("the service of breached passwords cannot be reached")]
    Unreachable,
    /// The answer was a refusal.
    #[error("the service of breached passwords answered with status {0}")]
    Status(u16),
    /// The answer is not of the form it should be.
    #[error("the answer of the service of breached passwords is malformed")]
    Malformed,
}

/// Knows which passwords others know (NIST SP 800-63B-4 section 3.1.1.2, ASVS 6.2.12).
///
/// [`RangeChecker`](super::RangeChecker) asks a service; an application may have a list of its own.
///
/// # Security
///
/// An implementation gives neither the password nor its whole hash to anybody, and logs neither. It is given passwords that
/// were chosen or are in use, never wrong guesses.
#[async_trait]
pub trait BreachChecker: Send + Sync + fmt::Debug {
    /// Looks a password up. It is waited for no longer than
    /// [`BreachConfig::timeout`](crate::config::BreachConfig::timeout) says.
    ///
    /// # Errors
    ///
    /// [`BreachError`] where it cannot be said. What then happens is a setting.
    async fn check(&self, password: &SecretString) -> Result<Breach, BreachError>;
}
