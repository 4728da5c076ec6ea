use std::time::Duration;

use super::ConfigError;
use crate::rate_limit::Quota;

/// Settings of rate limits. Each quota but the ones of mails is for one address (IPv6: one network of 64 bits) and one class
/// of routes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RateLimitConfig {
    /// Whether there are limits; there are.
    pub enabled: bool,
    /// Sign-in, second factors, magic links redeemed: 30 in a minute from one address.
    pub sign_in: Quota,
    /// The same for one account, from wherever: 20 in a minute. All spellings of its address are one.
    pub account: Quota,
    /// Sign-up: 10 in ten minutes from one address.
    pub register: Quota,
    /// Asking for a mail: 10 in ten minutes from one address.
    pub mail: Quota,
    /// Redeeming a token from a mail: 30 in a minute from one address.
    pub redeem: Quota,
    /// Refresh and sign-out: 120 in a minute from one address.
    pub refresh: Quota,
    /// Whatever else a signed-in user changes: 120 in a minute for one user.
    pub write: Quota,
    /// Whatever else a signed-in user reads: 600 in a minute for one user.
    pub read: Quota,
    /// Verification mails to one account: 3 in an hour.
    pub verification_mails: Quota,
    /// Reset mails to one account: 5 in an hour.
    pub reset_mails: Quota,
    /// Magic links and codes to one account: 3 in an hour.
    pub magic_link_mails: Quota,
    /// Codes as a second factor to one account: 5 in an hour.
    pub mfa_codes: Quota,
    /// Invitations to one address: 5 in an hour.
    pub invitation_mails: Quota,
}

impl Default for RateLimitConfig {
    fn default() -> Self {
        let minute = Duration::from_mins(1);
        let hour = Duration::from_hours(1);
        Self {
            enabled: true,
            sign_in: Quota::new(30, minute),
            account: Quota::new(20, minute),
            register: Quota::new(10, 10 * minute),
            mail: Quota::new(10, 10 * minute),
            redeem: Quota::new(30, minute),
            refresh: Quota::new(120, minute),
            write: Quota::new(120, minute),
            read: Quota::new(600, minute),
            verification_mails: Quota::new(3, hour),
            reset_mails: Quota::new(5, hour),
            magic_link_mails: Quota::new(3, hour),
            mfa_codes: Quota::new(5, hour),
            invitation_mails: Quota::new(5, hour),
        }
    }
}

impl RateLimitConfig {
    /// Every quota with its name, which is the policy's in `RateLimit-Policy`.
    pub fn quotas(&self) -> [(&'static str, Quota); 13] {
        [
            ("sign_in", self.sign_in),
            ("account", self.account),
            ("register", self.register),
            ("mail", self.mail),
            ("redeem", self.redeem),
            ("refresh", self.refresh),
            ("write", self.write),
            ("read", self.read),
            ("verification_mails", self.verification_mails),
            ("reset_mails", self.reset_mails),
            ("magic_link_mails", self.magic_link_mails),
            ("mfa_codes", self.mfa_codes),
            ("invitation_mails", self.invitation_mails),
        ]
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        for (name, quota) in self.quotas() {
            let sound = (1..=1_000_000).contains(&quota.burst)
                && (Duration::from_secs(1)..=Duration::from_hours(24)).contains(&quota.period);
            if !sound {
                let reason =
                    format!("{name}: must be 1 to 1,000,000 requests in 1 second to 1 day");
                return Err(ConfigError::new("rate_limits", reason));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_on_by_default() {
        let limits = RateLimitConfig::default();
        assert!(limits.enabled);
        assert!(limits.validate().is_ok());
        // SECURITY-MODEL: mails to one account in an hour.
        let mails = [
            limits.verification_mails,
            limits.reset_mails,
            limits.magic_link_mails,
            limits.mfa_codes,
        ];
        assert_eq!(mails.map(|quota| quota.burst), [3, 5, 3, 5]);
        assert!(
            mails
                .iter()
                .all(|quota| quota.period == Duration::from_hours(1))
        );
    }

    #[test]
    fn a_quota_that_limits_nothing_or_everything_is_refused() {
        let day = Duration::from_hours(24);
        for (burst, period) in [
            (0, day),
            (1_000_001, day),
            (1, Duration::from_millis(999)),
            (1, day + Duration::from_micros(1)),
        ] {
            let limits = RateLimitConfig {
                sign_in: Quota::new(burst, period),
                ..RateLimitConfig::default()
            };
            let error = limits.validate().unwrap_err();
            assert_eq!(error.setting, "rate_limits");
            assert!(error.reason.starts_with("sign_in"), "{error}");
        }
    }
}
