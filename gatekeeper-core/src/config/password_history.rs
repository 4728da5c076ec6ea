use super::ConfigError;

/// The most passwords that are remembered: each costs a hash at every change.
const MOST: u32 = 24;

/// Settings of the passwords that users had before.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PasswordHistoryConfig {
    /// How many passwords of a user cannot be chosen again, the present one counted; 5, at most 24. 1 is the present one alone; 0
    /// lets everything be chosen again, and nothing is remembered.
    ///
    /// Each remembered password costs one hash when a password is changed or reset.
    pub remembered: u32,
}

impl Default for PasswordHistoryConfig {
    fn default() -> Self {
        Self { remembered: 5 }
    }
}

impl PasswordHistoryConfig {
    pub(super) fn validate(self) -> Result<(), ConfigError> {
        if self.remembered > MOST {
            let reason = format!("must be at most {MOST}");
            return Err(ConfigError::new("password_history.remembered", reason));
        }
        Ok(())
    }

    /// How many are remembered besides the present one.
    pub(crate) const fn former(self) -> u32 {
        self.remembered.saturating_sub(1)
    }
}
