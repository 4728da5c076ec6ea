//! Settings, one file a subject. [`Config::validate`] refuses what is contradictory or weak, before anything starts.

mod access_tokens;
mod api_keys;
mod audit;
mod authority;
mod breach;
mod devices;
mod email;
mod impersonation;
mod invitations;
mod lockout;
mod magic_links;
mod mfa;
mod outbox;
mod password_history;
mod public_url;
mod rate_limits;
mod retention;
mod sessions;

pub use access_tokens::AccessTokenConfig;
pub use api_keys::ApiKeyConfig;
pub use audit::AuditConfig;
pub use authority::{AuthorityConfig, OutdatedTokens};
pub use breach::{BreachConfig, BreachFailure};
pub use devices::DeviceConfig;
pub use email::{EmailConfig, EmailVerification, LinkPaths, TokenPlacement};
pub use impersonation::ImpersonationConfig;
pub use invitations::InvitationConfig;
pub use lockout::LockoutConfig;
pub use magic_links::MagicLinkConfig;
pub use mfa::MfaConfig;
pub use outbox::OutboxConfig;
pub use password_history::PasswordHistoryConfig;
pub use public_url::PublicUrl;
pub use rate_limits::RateLimitConfig;
pub use retention::RetentionConfig;
pub use sessions::SessionConfig;

use crate::{
    crypto::password::HashingSettings, model::MfaRequirement,
    password_policy::PasswordPolicySettings,
};

/// Every setting. Start from [`Config::default`] and change what should differ.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What mails call the product; 1 to 64 characters. Also refused as a password.
    pub product_name: String,
    /// Access tokens.
    pub access_tokens: AccessTokenConfig,
    /// API keys.
    pub api_keys: ApiKeyConfig,
    /// The audit trail's chain.
    pub audit: AuditConfig,
    /// Roles and permissions in access tokens.
    pub authority: AuthorityConfig,
    /// Whether passwords are looked up among those known from breaches.
    pub breach: BreachConfig,
    /// Devices that users sign in with.
    pub devices: DeviceConfig,
    /// E-mail addresses, links in mails, and how long they are good for.
    pub email: EmailConfig,
    /// How passwords are hashed, and by how many threads.
    pub hashing: HashingSettings,
    /// Acting as another user.
    pub impersonation: ImpersonationConfig,
    /// Invitations.
    pub invitations: InvitationConfig,
    /// What wrong guesses lead to.
    pub lockout: LockoutConfig,
    /// Links to sign in with.
    pub magic_links: MagicLinkConfig,
    /// Second factors.
    pub mfa: MfaConfig,
    /// Delivery of mails.
    pub outbox: OutboxConfig,
    /// Which of their earlier passwords users cannot choose again.
    pub password_history: PasswordHistoryConfig,
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
            api_keys: ApiKeyConfig::default(),
            audit: AuditConfig::default(),
            authority: AuthorityConfig::default(),
            breach: BreachConfig::default(),
            devices: DeviceConfig::default(),
            email: EmailConfig::default(),
            hashing: HashingSettings::default(),
            impersonation: ImpersonationConfig::default(),
            invitations: InvitationConfig::default(),
            lockout: LockoutConfig::default(),
            magic_links: MagicLinkConfig::default(),
            mfa: MfaConfig::default(),
            outbox: OutboxConfig::default(),
            password_history: PasswordHistoryConfig::default(),
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
        self.api_keys.validate()?;
        self.audit.validate()?;
        self.authority.validate()?;
        self.breach.validate()?;
        self.devices.validate()?;
        self.email.validate()?;
        self.impersonation.validate()?;
        self.invitations.validate()?;
        self.lockout.validate()?;
        self.magic_links.validate()?;
        self.mfa.validate()?;
        self.outbox.validate()?;
        self.password_history.validate()?;
        // NIST SP 800-63B-4 section 3.1.1.2.
        if self.password_policy.needs_second_factor()
            && self.mfa.requirement != MfaRequirement::Required
        {
            let reason = "less than 15 needs mfa.requirement to be Required: a password that is the only factor has at least 15 \
                          characters";
            return Err(ConfigError::new("password_policy.min_length", reason));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password_policy::danger::danger_short_passwords;

    fn refused(change: impl FnOnce(&mut Config)) -> Option<ConfigError> {
        let mut config = Config::default();
        change(&mut config);
        config.validate().err()
    }

    #[test]
    fn nist_800_63b_3_1_1_2_a_password_alone_has_fifteen_characters() {
        assert_eq!(refused(|_| {}), None);
        for (length, requirement, sound) in [
            (14, MfaRequirement::Optional, false),
            (8, MfaRequirement::Optional, false),
            (15, MfaRequirement::Optional, true),
            (14, MfaRequirement::Required, true),
            (8, MfaRequirement::Required, true),
        ] {
            let error = refused(|config| {
                config.password_policy.min_length = length;
                config.mfa.requirement = requirement;
            });
            assert_eq!(error.is_none(), sound, "{length} {requirement:?}");
            if let Some(error) = error {
                assert_eq!(error.setting, "password_policy.min_length");
                assert!(error.reason.contains("mfa.requirement"), "{error}");
            }
        }
        // The way round it is named after what it is.
        assert_eq!(
            refused(|config| config.password_policy = danger_short_passwords(4)),
            None
        );
    }

    #[test]
    fn at_most_24_passwords_are_remembered() {
        for (remembered, sound) in [(0, true), (1, true), (24, true), (25, false)] {
            let error = refused(|config| config.password_history.remembered = remembered);
            assert_eq!(error.is_none(), sound, "{remembered}");
        }
    }
}
