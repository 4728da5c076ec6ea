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
        if self.resend_after > self.lifetime {
            let reason = "must be at most invitations.lifetime";
            return Err(ConfigError::new("invitations.resend_after", reason));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_lives_in_its_bounds() {
        let day = Duration::from_hours(24);
        let minute = Duration::from_mins(1);
        for (lifetime, most, rest, wrong) in [
            (7 * day, 30 * day, minute, None),
            (minute, minute, minute, None),
            (90 * day, 90 * day, Duration::ZERO, None),
            (day, 91 * day, minute, Some("invitations.max_lifetime")),
            (2 * day, day, minute, Some("invitations.lifetime")),
            (minute / 2, day, minute, Some("invitations.lifetime")),
            (minute, day, 2 * minute, Some("invitations.resend_after")),
        ] {
            let config = InvitationConfig {
                lifetime,
                max_lifetime: most,
                resend_after: rest,
            };
            let refused = config.validate().err().map(|error| error.setting);
            assert_eq!(refused, wrong, "{lifetime:?} {most:?} {rest:?}");
        }
    }
}
