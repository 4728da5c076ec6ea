use std::time::Duration;

use super::ConfigError;

/// Settings of API keys.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApiKeyConfig {
    /// Whether there are any; `true`.
    pub enabled: bool,
    /// The word in a key's text that says where it belongs, `gk_live_...`: 1 to 16 of `a-z` and `0-9`; `live`. A key of another word is
    /// refused, so that one of a test installation cannot be mistaken.
    pub environment: String,
    /// How long a key may live; a year. `None`: as long as its owner says, or for ever.
    pub max_lifetime: Option<Duration>,
    /// How long the old key may live on after a rotation; 7 days at most.
    pub max_grace: Duration,
    /// How many live keys a user may have; 50, at most 1,000.
    pub max_per_user: u32,
    /// How many keys that were seen are remembered.
    pub cache_capacity: usize,
}

impl Default for ApiKeyConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            environment: "live".to_owned(),
            max_lifetime: Some(Duration::from_hours(366 * 24)),
            max_grace: Duration::from_hours(168),
            max_per_user: 50,
            cache_capacity: 16_384,
        }
    }
}

impl ApiKeyConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let word = self.environment.as_bytes();
        if !(1..=16).contains(&word.len())
            || !word
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        {
            let reason = "must be 1 to 16 of a-z and 0-9";
            return Err(ConfigError::new("api_keys.environment", reason));
        }
        if self
            .max_lifetime
            .is_some_and(|most| most < Duration::from_mins(1))
        {
            let reason = "must be at least a minute";
            return Err(ConfigError::new("api_keys.max_lifetime", reason));
        }
        if self.max_grace > Duration::from_hours(720) {
            let reason = "must be at most 30 days";
            return Err(ConfigError::new("api_keys.max_grace", reason));
        }
        if !(1..=1000).contains(&self.max_per_user) {
            let reason = "must lie between 1 and 1,000";
            return Err(ConfigError::new("api_keys.max_per_user", reason));
        }
        Ok(())
    }
}
