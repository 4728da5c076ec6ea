use std::time::Duration;

use super::ConfigError;

/// Settings of e-mail addresses and the links in mails.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EmailConfig {
    /// Whether an address must be verified before its account can be used.
    pub verification: EmailVerification,
    /// How long a verification link is good for; 24 hours.
    pub verification_lifetime: Duration,
    /// How long a reset link is good for; 30 minutes.
    pub reset_lifetime: Duration,
    /// How long the link is good for by which an operator lets a new user set a password; 24 hours.
    pub setup_lifetime: Duration,
    /// Where in a link the token stands.
    pub token_placement: TokenPlacement,
    /// The pages that links lead to, below the public URL.
    pub links: LinkPaths,
}

/// Whether an address must be verified before its account can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EmailVerification {
    /// Sign-up answers alike whether or not the address is taken, and signs nobody in.
    Required,
    /// Sign-up signs in at once, and says when an address is taken.
    Optional,
}

/// Where in a link the token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenPlacement {
    /// `#token=`: a fragment reaches no log and no `Referer`. The page needs a script.
    Fragment,
    /// `?token=`: for pages without scripts. The token then stands in access logs.
    Query,
}

/// Paths of the pages that links lead to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LinkPaths {
    /// Redeems a verification or a change of address.
    pub verify_email: String,
    /// Accepts an invitation.
    pub invitation: String,
    /// Signs in.
    pub magic_link: String,
    /// Sets a new password.
    pub reset_password: String,
    /// Where to sign in.
    pub sign_in: String,
}

impl Default for EmailConfig {
    fn default() -> Self {
        Self {
            verification: EmailVerification::Required,
            verification_lifetime: Duration::from_hours(24),
            reset_lifetime: Duration::from_mins(30),
            setup_lifetime: Duration::from_hours(24),
            token_placement: TokenPlacement::Fragment,
            links: LinkPaths {
                verify_email: "/verify-email".to_owned(),
                invitation: "/invitation".to_owned(),
                magic_link: "/magic-link".to_owned(),
                reset_password: "/reset-password".to_owned(),
                sign_in: "/sign-in".to_owned(),
            },
        }
    }
}

impl EmailConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        for (setting, lifetime) in [
            ("email.verification_lifetime", self.verification_lifetime),
            ("email.reset_lifetime", self.reset_lifetime),
            ("email.setup_lifetime", self.setup_lifetime),
        ] {
            if !(Duration::from_mins(1)..=Duration::from_hours(168)).contains(&lifetime) {
                return Err(ConfigError::new(
                    setting,
                    "must lie between 1 minute and 7 days",
                ));
            }
        }
        for (setting, path) in [
            ("email.links.verify_email", &self.links.verify_email),
            ("email.links.invitation", &self.links.invitation),
            ("email.links.magic_link", &self.links.magic_link),
            ("email.links.reset_password", &self.links.reset_password),
            ("email.links.sign_in", &self.links.sign_in),
        ] {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
            if !path.starts_with('/') || path.starts_with("//") || !path.bytes().all(plain) {
                return Err(ConfigError::new(setting, "must be a plain absolute path"));
            }
        }
        Ok(())
    }
}
