use std::time::Duration;

use super::ConfigError;
use crate::model::Algorithm;

/// Settings of access tokens.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessTokenConfig {
    /// `iss`; the public URL where it is `None`.
    pub issuer: Option<String>,
    /// `aud`; the public URL where it is `None`.
    pub audience: Option<String>,
    /// `client_id` (RFC 9068 section 2.2).
    pub client_id: String,
    /// How long a token is good for; 15 minutes, at most 24 hours.
    pub lifetime: Duration,
    /// How far clocks may differ; 30 seconds, at most 60.
    pub leeway: Duration,
    /// What new signing keys are for. Changing it makes a new key at the next start; tokens of the old one stay good.
    pub algorithm: Algorithm,
    /// How many verified tokens are remembered.
    pub cache_capacity: usize,
}

impl Default for AccessTokenConfig {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: None,
            client_id: "gatekeeper".to_owned(),
            lifetime: Duration::from_mins(15),
            leeway: Duration::from_secs(30),
            algorithm: Algorithm::EdDsa,
            cache_capacity: 16_384,
        }
    }
}

impl AccessTokenConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(Duration::from_secs(1)..=Duration::from_hours(24)).contains(&self.lifetime) {
            let reason = "must lie between 1 second and 24 hours";
            return Err(ConfigError::new("access_tokens.lifetime", reason));
        }
        if self.leeway > Duration::from_mins(1) {
            return Err(ConfigError::new(
                "access_tokens.leeway",
                "must be at most 60 seconds",
            ));
        }
        for (setting, value) in [
            ("access_tokens.issuer", self.issuer.as_deref()),
            ("access_tokens.audience", self.audience.as_deref()),
            ("access_tokens.client_id", Some(self.client_id.as_str())),
        ] {
            if value.is_some_and(|text| text.is_empty() || text.len() > 512) {
                return Err(ConfigError::new(setting, "must be 1 to 512 bytes"));
            }
        }
        Ok(())
    }
}
