use std::time::Duration;

use super::ConfigError;
use crate::lockout::LockoutPolicy;

/// Settings of lockout.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LockoutConfig {
    /// Whether wrong guesses lock an account; they do.
    pub enabled: bool,
    /// When and for how long: from the 5th failure in a row on, 30 seconds, doubled with each, up to an hour; for good from the
    /// 100th.
    pub policy: LockoutPolicy,
}

impl Default for LockoutConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            policy: LockoutPolicy {
                threshold: 5,
                first_delay: Duration::from_secs(30),
                longest_delay: Duration::from_hours(1),
                hard_limit: 100,
            },
        }
    }
}

impl LockoutConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let policy = &self.policy;
        if !(1..=100).contains(&policy.threshold) {
            let reason = "must lie between 1 and 100";
            return Err(ConfigError::new("lockout.policy.threshold", reason));
        }
        if policy.hard_limit < policy.threshold || policy.hard_limit > 100 {
            // NIST SP 800-63B-4 section 3.2.2.
            let reason = "must lie between the threshold and 100";
            return Err(ConfigError::new("lockout.policy.hard_limit", reason));
        }
        if policy.first_delay < Duration::from_secs(1)
            || policy.first_delay > policy.longest_delay
            || policy.longest_delay > Duration::from_hours(24)
        {
            let reason =
                "must lie between 1 second and the longest delay, and that be at most a day";
            return Err(ConfigError::new("lockout.policy.first_delay", reason));
        }
        Ok(())
    }
}
