use std::time::Duration;

use super::ConfigError;

/// Settings of the audit trail's chain.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditConfig {
    /// How often rows are given their place in the chain; every second. What is removed before that leaves no trace.
    pub seal_every: Duration,
    /// How many rows one transaction gives their place; 500.
    pub batch: u32,
    /// Whether a denied attempt (a permission that is missing) is recorded; `true`.
    pub record_denials: bool,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            seal_every: Duration::from_secs(1),
            batch: 500,
            record_denials: true,
        }
    }
}

impl AuditConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(Duration::from_millis(10)..=Duration::from_mins(1)).contains(&self.seal_every) {
            let reason = "must lie between 10 milliseconds and 1 minute";
            return Err(ConfigError::new("audit.seal_every", reason));
        }
        if !(1..=10_000).contains(&self.batch) {
            let reason = "must lie between 1 and 10,000";
            return Err(ConfigError::new("audit.batch", reason));
        }
        Ok(())
    }
}
