use std::time::Duration;

use super::ConfigError;

/// Settings of links to sign in with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MagicLinkConfig {
    /// Whether they are offered; they are. ASVS 6.3.6 (level 3) asks for `false`.
    pub enabled: bool,
    /// How long a link is good for; 10 minutes, at most an hour.
    pub lifetime: Duration,
    /// Whether a link signs in in the browser alone that asked for it; it does. Opened elsewhere, it shows a code to type there.
    pub bind_to_browser: bool,
}

impl Default for MagicLinkConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            lifetime: Duration::from_mins(10),
            bind_to_browser: true,
        }
    }
}

impl MagicLinkConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(Duration::from_mins(1)..=Duration::from_hours(1)).contains(&self.lifetime) {
            let reason = "must lie between 1 minute and 1 hour";
            return Err(ConfigError::new("magic_links.lifetime", reason));
        }
        Ok(())
    }
}
