use std::time::Duration;

use super::ConfigError;

/// Settings of the devices that users sign in with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeviceConfig {
    /// For how long after its last sign-in a device is known; 365 days, at most 400 (RFC 6265bis section 5.5).
    pub lifetime: Duration,
    /// For how long a device is spared the second factor when its user asks for it; 30 days. Zero: never.
    pub trust_lifetime: Duration,
    /// Whether a sign-in on a device that is not known mails a notice; it does.
    pub new_device_notice: bool,
}

impl Default for DeviceConfig {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_hours(365 * 24),
            trust_lifetime: Duration::from_hours(30 * 24),
            new_device_notice: true,
        }
    }
}

impl DeviceConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(Duration::from_hours(1)..=Duration::from_hours(400 * 24)).contains(&self.lifetime) {
            let reason = "must lie between 1 hour and 400 days";
            return Err(ConfigError::new("devices.lifetime", reason));
        }
        if self.trust_lifetime > self.lifetime {
            let reason = "must be at most the lifetime";
            return Err(ConfigError::new("devices.trust_lifetime", reason));
        }
        Ok(())
    }
}
