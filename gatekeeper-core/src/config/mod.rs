//! Settings, one file a subject. [`Config::validate`] refuses what is contradictory or weak, before anything starts.

mod access_tokens;
mod devices;
mod email;
mod lockout;
mod magic_links;
mod mfa;
mod outbox;
mod public_url;
mod rate_limits;
mod retention;
mod sessions;

pub use access_tokens::AccessTokenConfig;
pub use devices::DeviceConfig;
pub use email::{EmailConfig, EmailVerification, LinkPaths, TokenPlacement};
pub use lockout::LockoutConfig;
pub use magic_links::MagicLinkConfig;
pub use mfa::MfaConfig;
pub use outbox::OutboxConfig;
pub use public_url::PublicUrl;
pub use rate_limits::RateLimitConfig;
pub use retention::RetentionConfig;
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
    /// Devices that users sign in with.
    pub devices: DeviceConfig,
    /// E-mail addresses, links in mails, and how long they are good for.
    pub email: EmailConfig,
    /// How passwords are hashed, and by how many threads.
    pub hashing: HashingSettings,
    /// What wrong guesses lead to.
    pub lockout: LockoutConfig,
    /// Links to sign in with.
    pub magic_links: MagicLinkConfig,
    /// Second factors.
    pub mfa: MfaConfig,
    /// Delivery of mails.
    pub outbox: OutboxConfig,
    /// Which passwords may be chosen.
    pub password_policy: PasswordPolicySettings,
    /// How many requests in how much time.
    pub rate_limits: RateLimitConfig,
    /// How long what is over is kept.
    pub retention: RetentionConfig,
    /// Sessions.
    pub sessions: SessionConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            product_name: "Gatekeeper".to_owned(),
            access_tokens: AccessTokenConfig::default(),
            devices: DeviceConfig::default(),
            email: EmailConfig::default(),
            hashing: HashingSettings::default(),
            lockout: LockoutConfig::default(),
            magic_links: MagicLinkConfig::default(),
            mfa: MfaConfig::default(),
            outbox: OutboxConfig::default(),
            password_policy: PasswordPolicySettings::default(),
            rate_limits: RateLimitConfig::default(),
            retention: RetentionConfig::default(),
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
        self.devices.validate()?;
        self.email.validate()?;
        self.lockout.validate()?;
        self.magic_links.validate()?;
        self.mfa.validate()?;
        self.outbox.validate()?;
        self.rate_limits.validate()?;
        self.retention.validate()?;
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
