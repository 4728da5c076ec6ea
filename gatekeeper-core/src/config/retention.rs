use std::time::Duration;

use super::ConfigError;

/// How long what is over is kept before a job removes it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RetentionConfig {
    /// How often the job runs; 10 minutes. `None`: never, an application runs it itself.
    pub every: Option<Duration>,
    /// How many rows one statement removes; 500.
    pub batch: u32,
    /// API keys, after they were revoked or expired; 90 days.
    pub api_keys: Duration,
    /// Invitations, after they were accepted, revoked or expired; 90 days.
    pub invitations: Duration,
    /// Sessions, after their end; 30 days.
    pub sessions: Duration,
    /// One-time tokens, after they were used or expired; 1 day.
    pub tokens: Duration,
    /// Delivered mails, whose content is gone already; 7 days.
    pub delivered_mails: Duration,
    /// Devices, after they were revoked or expired; 30 days.
    pub devices: Duration,
    /// Counters of failures, after the last failure; 7 days. Those that are locked for good are kept.
    pub lockouts: Duration,
    /// Rows of the audit trail; 2 years. `None`: for ever.
    pub audit: Option<Duration>,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        let days = |days: u64| Duration::from_hours(days * 24);
        Self {
            every: Some(Duration::from_mins(10)),
            batch: 500,
            api_keys: days(90),
            invitations: days(90),
            sessions: days(30),
            tokens: days(1),
            delivered_mails: days(7),
            devices: days(30),
            lockouts: days(7),
            audit: Some(days(730)),
        }
    }
}

impl RetentionConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self
            .every
            .is_some_and(|every| every < Duration::from_secs(1))
        {
            let reason = "must be at least 1 second";
            return Err(ConfigError::new("retention.every", reason));
        }
        if !(1..=10_000).contains(&self.batch) {
            let reason = "must lie between 1 and 10,000";
            return Err(ConfigError::new("retention.batch", reason));
        }
        // A lock lasts a day at most: its counter must not go before.
        if self.lockouts < Duration::from_hours(24) {
            let reason = "must be at least a day";
            return Err(ConfigError::new("retention.lockouts", reason));
        }
        if self
            .audit
            .is_some_and(|audit| audit < Duration::from_hours(24))
        {
            return Err(ConfigError::new(
                "retention.audit",
                "must be at least a day",
            ));
        }
        Ok(())
    }
}
