use std::time::Duration;

use super::{ConfigError, PublicUrl};

/// The most ranges that may be kept; one of the usual size takes 20 KiB.
const MOST_RANGES: usize = 4_096;

/// Settings of the check whether a password is known from a breach.
///
/// It asks a service outside and is off by default. The bundled list of common passwords holds in any case.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BreachConfig {
    /// Where to ask: the URL to which `/range/` and five hexadecimal digits are added, `https://api.pwnedpasswords.com` or a server of
    /// one's own that speaks the same. `https`, or `http` on this machine. Needs
    /// [`http_client`](crate::GatekeeperBuilder::http_client). `None` by default; not needed where the application brings a
    /// [`breach_checker`](crate::GatekeeperBuilder::breach_checker).
    pub range_url: Option<String>,
    /// How long an answer is waited for; 2 seconds, 100 milliseconds to 10 seconds.
    pub timeout: Duration,
    /// What happens where there is no answer.
    pub on_failure: BreachFailure,
    /// Whether the password is checked at sign-in as well, so that one that became known since it was chosen is found. It is then
    /// refused, and its owner told to reset it. Where there is no answer, they sign in as usual. Not by default.
    pub at_sign_in: bool,
    /// How many ranges are kept in memory; 64, at most 4,096. 0 keeps none.
    pub cached_ranges: usize,
    /// For how long; 1 hour, at most a day.
    pub cache_lifetime: Duration,
}

/// What happens to a password that is to be chosen where it cannot be known whether it was breached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BreachFailure {
    /// It is accepted by the other rules; the log and the audit event say that it was not checked.
    #[default]
    Accept,
    /// It is refused for now: [`Error::Unavailable`](crate::Error::Unavailable).
    Refuse,
}

impl Default for BreachConfig {
    fn default() -> Self {
        Self {
            range_url: None,
            timeout: Duration::from_secs(2),
            on_failure: BreachFailure::Accept,
            at_sign_in: false,
            cached_ranges: 64,
            cache_lifetime: Duration::from_hours(1),
        }
    }
}

impl BreachConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if let Some(text) = &self.range_url {
            let url = PublicUrl::parse(text)
                .map_err(|error| ConfigError::new("breach.range_url", error.reason))?;
            // Who changes the answer on its way decides which passwords pass, and five digits of each would be read along.
            if !url.is_secure() && !url.is_localhost() {
                let reason = "must be https, or http on this machine";
                return Err(ConfigError::new("breach.range_url", reason));
            }
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(10)).contains(&self.timeout) {
            let reason = "must lie between 100 milliseconds and 10 seconds";
            return Err(ConfigError::new("breach.timeout", reason));
        }
        if self.cached_ranges > MOST_RANGES {
            let reason = format!("must be at most {MOST_RANGES}");
            return Err(ConfigError::new("breach.cached_ranges", reason));
        }
        if self.cache_lifetime > Duration::from_hours(24) {
            let reason = "must be at most a day";
            return Err(ConfigError::new("breach.cache_lifetime", reason));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut BreachConfig)) -> Option<&'static str> {
        let mut config = BreachConfig::default();
        change(&mut config);
        config.validate().err().map(|error| error.setting)
    }

    #[test]
    fn a_range_service_is_asked_over_tls_or_on_this_machine() {
        for (url, setting) in [
            ("https://api.pwnedpasswords.com", None),
            ("https://ranges.example.org/hibp/", None),
            ("http://127.0.0.1:8080", None),
            ("http://localhost:8080/v3", None),
            ("http://ranges.example.org", Some("breach.range_url")),
            ("http://127.0.0.1.example.org", Some("breach.range_url")),
            ("https://user@ranges.example.org", Some("breach.range_url")),
            ("https://ranges.example.org/?x", Some("breach.range_url")),
            ("ranges.example.org", Some("breach.range_url")),
            ("", Some("breach.range_url")),
        ] {
            let found = refused(|config| config.range_url = Some(url.to_owned()));
            assert_eq!(found, setting, "{url}");
        }
    }

    #[test]
    fn bounds_are_kept() {
        assert_eq!(refused(|_| {}), None);
        for timeout in [99, 10_001] {
            let found = refused(|config| config.timeout = Duration::from_millis(timeout));
            assert_eq!(found, Some("breach.timeout"));
        }
        let found = refused(|config| config.cached_ranges = 4_097);
        assert_eq!(found, Some("breach.cached_ranges"));
        let found = refused(|config| config.cache_lifetime = Duration::from_secs(86_401));
        assert_eq!(found, Some("breach.cache_lifetime"));
    }
}
