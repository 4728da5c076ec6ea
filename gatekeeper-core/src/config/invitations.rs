use std::time::Duration;

use super::ConfigError;

/// Settings of invitations.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InvitationConfig {
    /// How long one is good for, where whoever invites says nothing; 7 days.
    pub lifetime: Duration,
    /// How long one may be good for; 30 days, at most 90.
    pub max_lifetime: Duration,
    /// How long it rests between two mails of the same invitation; 1 minute.
    pub resend_after: Duration,
}

impl Default for InvitationConfig {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_hours(168),
            max_lifetime: Duration::from_hours(720),
            resend_after: Duration::from_mins(1),
        }
    }
}

impl InvitationConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.max_lifetime > Duration::from_hours(90 * 24) {
            let reason = "must be at most 90 days";
            return Err(ConfigError::new("invitations.max_lifetime", reason));
        }
        if self.lifetime < Duration::from_mins(1) || self.lifetime > self.max_lifetime {
            let reason = "must lie between 1 minute and invitations.max_lifetime";
            return Err(ConfigError::new("invitations.lifetime", reason));
        }
        Ok(())
    }
}
