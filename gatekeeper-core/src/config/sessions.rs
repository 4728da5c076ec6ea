use std::{collections::BTreeMap, time::Duration};

use super::ConfigError;
use crate::model::SessionLimit;

/// Settings of sessions (ASVS 7.3.1, 7.3.2).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionConfig {
    /// A session that is not refreshed for this long is over; 7 days.
    pub idle_lifetime: Duration,
    /// A session is over after this long in any case; 30 days.
    pub absolute_lifetime: Duration,
    /// For how long after a rotation the refresh token before the current one still gets the current one: two tabs, a
    /// lost answer or a retry sign nobody out. 10 seconds; zero is strict; at most 60 seconds.
    pub refresh_grace: Duration,
    /// How many live sessions a user may have; as many as they like. A tenant's settings go before it, and
    /// [`limits_by_role`](Self::limits_by_role) before both.
    pub limit: Option<SessionLimit>,
    /// The same, by role; of several, the least.
    pub limits_by_role: BTreeMap<String, SessionLimit>,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            idle_lifetime: Duration::from_hours(168),
            absolute_lifetime: Duration::from_hours(720),
            refresh_grace: Duration::from_secs(10),
            limit: None,
            limits_by_role: BTreeMap::new(),
        }
    }
}

impl SessionConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let limits = self.limit.iter().chain(self.limits_by_role.values());
        if limits.into_iter().any(|limit| limit.max == 0) {
            return Err(ConfigError::new("sessions.limit", "must be at least 1"));
        }
        let year = Duration::from_hours(8784);
        if self.idle_lifetime < Duration::from_mins(1)
            || self.idle_lifetime > self.absolute_lifetime
        {
            let reason = "must lie between 1 minute and the absolute lifetime";
            return Err(ConfigError::new("sessions.idle_lifetime", reason));
        }
        if self.absolute_lifetime > year {
            return Err(ConfigError::new(
                "sessions.absolute_lifetime",
                "must be at most a year",
            ));
        }
        if self.refresh_grace > Duration::from_mins(1) {
            return Err(ConfigError::new(
                "sessions.refresh_grace",
                "must be at most 60 seconds",
            ));
        }
        Ok(())
    }
}
