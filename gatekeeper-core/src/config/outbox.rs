use std::time::Duration;

use super::ConfigError;

/// Settings of the worker that delivers mails.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OutboxConfig {
    /// How long to wait after each failed attempt; after the last the mail is given up. 1, 5 and 15 minutes.
    pub retries: Vec<Duration>,
    /// How often to look for work that nothing announced; 1 second.
    pub poll: Duration,
    /// How long a worker has for one mail before another may take it; 2 minutes. At least 5 seconds more than `attempt`, so that
    /// nobody takes a mail that is still being handed over, which would send it twice.
    pub lease: Duration,
    /// How long one attempt at handing over may take before it is broken off and counts as failed; 1 minute. It holds for every
    /// carrier, whatever its own limits.
    pub attempt: Duration,
}

/// How much longer than an attempt a lease is, at least: what noting its outcome may take.
const MARGIN: Duration = Duration::from_secs(5);

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            retries: [1, 5, 15]
                .map(|minutes| Duration::from_secs(minutes * 60))
                .to_vec(),
            poll: Duration::from_secs(1),
            lease: Duration::from_mins(2),
            attempt: Duration::from_mins(1),
        }
    }
}

impl OutboxConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.retries.len() > 20 {
            return Err(ConfigError::new("outbox.retries", "must be at most 20"));
        }
        if self.poll < Duration::from_millis(10) {
            return Err(ConfigError::new(
                "outbox.poll",
                "must be at least 10 milliseconds",
            ));
        }
        if self.lease < Duration::from_secs(10) {
            return Err(ConfigError::new(
                "outbox.lease",
                "must be at least 10 seconds",
            ));
        }
        if self.attempt < Duration::from_secs(1) {
            return Err(ConfigError::new(
                "outbox.attempt",
                "must be at least 1 second",
            ));
        }
        if self.attempt.saturating_add(MARGIN) > self.lease {
            return Err(ConfigError::new(
                "outbox.lease",
                "must be at least 5 seconds longer than outbox.attempt",
            ));
        }
        Ok(())
    }
}
