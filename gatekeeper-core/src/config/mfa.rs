use std::{collections::BTreeMap, time::Duration};

use super::ConfigError;
use crate::model::MfaRequirement;

/// Settings of second factors.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MfaConfig {
    /// Whether every user must have a second factor. A tenant's settings and a role may ask for more; the strictest holds.
    pub requirement: MfaRequirement,
    /// The same, by role.
    pub by_role: BTreeMap<String, MfaRequirement>,
    /// Whether a code by e-mail is offered as a second factor. It is weaker than the others: who reads the mailbox and resets the
    /// password has both. Not offered by default, and never to users who have another factor.
    pub email_codes: bool,
    /// How long a sign-in waits for its second factor; 5 minutes, at most 15.
    pub pending_lifetime: Duration,
    /// How long a code is good for that is sent; 10 minutes, at most 10 (ASVS 6.5.5).
    pub code_lifetime: Duration,
    /// How long a sign-in waits for a second factor to be set up; 15 minutes, at most an hour.
    pub enrollment_lifetime: Duration,
    /// How long ago a user may have signed in who sets a factor up; 15 minutes, at most an hour. A session that was left open, or
    /// stolen, binds nothing (NIST SP 800-63B-4 section 4.1.2).
    pub binding_max_age: Duration,
}

impl Default for MfaConfig {
    fn default() -> Self {
        Self {
            requirement: MfaRequirement::Optional,
            by_role: BTreeMap::new(),
            email_codes: false,
            pending_lifetime: Duration::from_mins(5),
            code_lifetime: Duration::from_mins(10),
            enrollment_lifetime: Duration::from_mins(15),
            binding_max_age: Duration::from_mins(15),
        }
    }
}

impl MfaConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        for (setting, lifetime, most) in [
            ("mfa.pending_lifetime", self.pending_lifetime, 15),
            ("mfa.code_lifetime", self.code_lifetime, 10),
            ("mfa.enrollment_lifetime", self.enrollment_lifetime, 60),
            ("mfa.binding_max_age", self.binding_max_age, 60),
        ] {
            if !(Duration::from_mins(1)..=Duration::from_mins(most)).contains(&lifetime) {
                let reason = format!("must lie between 1 and {most} minutes");
                return Err(ConfigError::new(setting, reason));
            }
        }
        Ok(())
    }
}
