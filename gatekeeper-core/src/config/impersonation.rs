use std::time::Duration;

use super::ConfigError;

/// Settings of acting as another user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImpersonationConfig {
    /// Whether administrators may, where they have the permission; `true`.
    pub enabled: bool,
    /// For how long; 30 minutes, at most 12 hours. Nothing prolongs it.
    pub lifetime: Duration,
    /// Whether the user is mailed when it begins; `false`.
    pub notify: bool,
}

impl Default for ImpersonationConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            lifetime: Duration::from_mins(30),
            notify: false,
        }
    }
}

impl ImpersonationConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(Duration::from_mins(1)..=Duration::from_hours(12)).contains(&self.lifetime) {
            let reason = "must lie between 1 minute and 12 hours";
            return Err(ConfigError::new("impersonation.lifetime", reason));
        }
        Ok(())
    }
}
