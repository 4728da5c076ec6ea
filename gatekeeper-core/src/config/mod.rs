//! Settings, one file a subject. [`Config::validate`] refuses what is contradictory or weak, before anything starts.

mod access_tokens;
mod email;
mod outbox;
mod public_url;
mod sessions;

pub use access_tokens::AccessTokenConfig;
pub use email::{EmailConfig, EmailVerification, LinkPaths, TokenPlacement};
pub use outbox::OutboxConfig;
pub use public_url::PublicUrl;
pub use sessions::SessionConfig;

use crate::{crypto::password::HashingSettings, password_policy::PasswordPolicySettings};

/// Every setting. Start from [`Config::default`] and change what should differ.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What mails call the product; 1 to 64 characters. Also refused as a password.
    pub product_name: String,
    /// Access tokens.
    pub access_tokens: AccessTokenConfig,
    /// E-mail addresses, links in mails, and how long they are good for.
    pub email: EmailConfig,
    /// How passwords are hashed, and by how many threads.
    pub hashing: HashingSettings,
    /// Delivery of mails.
    pub outbox: OutboxConfig,
    /// Which passwords may be chosen.
    pub password_policy: PasswordPolicySettings,
    /// Sessions.
    pub sessions: SessionConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            product_name: "Gatekeeper".to_owned(),
            access_tokens: AccessTokenConfig::default(),
            email: EmailConfig::default(),
            hashing: HashingSettings::default(),
            outbox: OutboxConfig::default(),
            password_policy: PasswordPolicySettings::default(),
            sessions: SessionConfig::default(),
        }
    }
}

impl Config {
    /// Checks every setting against itself and the others.
    ///
    /// # Errors
    ///
    /// The first setting that is wrong, with the reason.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let name = self.product_name.chars().count();
        if name == 0 || name > 64 || self.product_name.chars().any(char::is_control) {
            return Err(ConfigError::new(
                "product_name",
                "must be 1 to 64 printable characters",
            ));
        }
        self.access_tokens.validate()?;
        self.email.validate()?;
        self.outbox.validate()?;
        self.sessions.validate()
    }
}

/// A setting that is contradictory or weak.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct ConfigError {
    /// The setting, `sessions.idle_lifetime`.
    pub setting: &'static str,
    /// What is wrong with it; never its value.
    pub reason: String,
}

impl ConfigError {
    /// A wrong setting with the reason.
    pub fn new(setting: &'static str, reason: impl Into<String>) -> Self {
        Self {
            setting,
            reason: reason.into(),
        }
    }
}
