use std::time::Duration;

/// What access tokens are like.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessTokenSettings {
    /// `iss`: the public URL of this installation. Compared byte by byte.
    pub issuer: String,
    /// `aud`: for whom tokens are. Compared byte by byte.
    pub audience: String,
    /// `client_id` (RFC 9068 section 2.2): the application that tokens are issued to.
    pub client_id: String,
    /// How long a token lives, and the longest life that is believed of one. 1 s to 24 h; 15 min by default.
    pub lifetime: Duration,
    /// By how much the clocks of two nodes may differ: how far `iat` and `nbf` may lie in the future. At most 60 s; 5 s by
    /// default.
    ///
    /// It does not prolong the life of a token: `exp` holds to the second.
    pub leeway: Duration,
    /// How many verified tokens are remembered, 10,000 by default; with 0, none.
    pub cache_capacity: usize,
}

/// Why settings are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessTokenSettingsError {
    /// The audience is empty or has control characters.
    #[error("the audience must be a text of 1 to 512 bytes without control characters")]
    Audience,
    /// The client id is empty or has control characters.
    #[error("the client id must be a text of 1 to 512 bytes without control characters")]
    ClientId,
    /// The issuer is empty or has control characters.
    #[error("the issuer must be a text of 1 to 512 bytes without control characters")]
    Issuer,
    /// More than a minute.
    #[error("the leeway must be at most 60 seconds")]
    Leeway,
    /// Less than a second or more than a day.
    #[error("the lifetime must be between 1 second and 24 hours")]
    Lifetime,
}

impl AccessTokenSettings {
    /// Settings with the defaults.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            client_id: "gatekeeper".to_owned(),
            lifetime: Duration::from_mins(15),
            leeway: Duration::from_secs(5),
            cache_capacity: 10_000,
        }
    }

    pub(super) fn check(&self) -> Result<(), AccessTokenSettingsError> {
        let sound =
            |text: &str| (1..=512).contains(&text.len()) && !text.chars().any(char::is_control);
        if !sound(&self.issuer) {
            return Err(AccessTokenSettingsError::Issuer);
        }
        if !sound(&self.audience) {
            return Err(AccessTokenSettingsError::Audience);
        }
        if !sound(&self.client_id) {
            return Err(AccessTokenSettingsError::ClientId);
        }
        // A token's times are whole seconds, so a part of one would be lost.
        if !(Duration::from_secs(1)..=Duration::from_hours(24)).contains(&self.lifetime) {
            return Err(AccessTokenSettingsError::Lifetime);
        }
        if self.leeway > Duration::from_mins(1) {
            return Err(AccessTokenSettingsError::Leeway);
        }
        Ok(())
    }
}
