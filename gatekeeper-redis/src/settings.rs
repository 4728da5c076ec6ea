use std::{fmt, time::Duration};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

/// Where Redis is, and how long it is waited for.
///
/// ```
/// use gatekeeper_redis::RedisSettings;
///
/// # fn main() -> Result<(), gatekeeper_redis::RedisSetupError> {
/// let one = RedisSettings::new("rediss://user:password@redis.example.org:6379/0")?.prefix("shop")?;
/// let cluster = RedisSettings::new("redis://10.0.0.1,redis://10.0.0.2,redis://10.0.0.3")?;
/// assert!(cluster.is_cluster() && !one.is_cluster());
/// // A password is never shown.
/// assert_eq!(one.to_string(), "rediss://redis.example.org:6379");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisSettings {
    pub(crate) nodes: Vec<ConnectionInfo>,
    pub(crate) cluster: bool,
    pub(crate) prefix: String,
    pub(crate) timeout: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) root_certificates: Option<Vec<u8>>,
}

/// Why there are no settings. Never says what a URL holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisSetupError {
    /// Not a URL of Redis.
    #[error(
        "must be redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], with rediss:// over TLS; for a cluster redis+cluster://, \
         or several URLs separated by commas"
    )]
    Url,
    /// The URLs of a cluster differ in more than their address, or name a database.
    #[error("the URLs of a cluster must have the same scheme, user and password, and no database")]
    Cluster,
    /// A prefix that is empty, longer than 64 bytes, or holds other characters than letters, digits, `-`, `_`, `.` and `:`.
    #[error("the prefix must be 1 to 64 of the characters a-z, A-Z, 0-9, -, _, . and :")]
    Prefix,
    /// A time that is no sensible limit.
    #[error("{0} must lie between 10 milliseconds and 1 minute")]
    Time(&'static str),
    /// The root certificates, or what else the connection needs, cannot be used.
    #[error("the connection cannot be set up: {0}")]
    Connection(String),
}

impl RedisSettings {
    /// Settings with the defaults for the server at this URL, or for a cluster: several URLs, separated by commas, or one
    /// with the scheme `redis+cluster` or `rediss+cluster`. Other nodes of the cluster are found by themselves.
    ///
    /// # Errors
    ///
    /// [`RedisSetupError::Url`], [`RedisSetupError::Cluster`].
    pub fn new(urls: &str) -> Result<Self, RedisSetupError> {
        let mut nodes = Vec::new();
        let mut cluster = false;
        for url in urls.split(',') {
            let (url, of_cluster) = plain(url.trim());
            cluster |= of_cluster;
            let node = url
                .as_str()
                .into_connection_info()
                .map_err(|_| RedisSetupError::Url)?;
            // `#insecure` would take any certificate.
            if matches!(node.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
                return Err(RedisSetupError::Url);
            }
            nodes.push(node);
        }
        cluster |= nodes.len() > 1;
        if cluster && !alike(&nodes) {
            return Err(RedisSetupError::Cluster);
        }
        Ok(Self {
            nodes,
            cluster,
            prefix: "gatekeeper".to_owned(),
            timeout: Duration::from_millis(500),
            heartbeat: Duration::from_secs(2),
            root_certificates: None,
        })
    }

    /// What every key and channel begins with; `gatekeeper` by default. Two applications on one Redis need two.
    ///
    /// # Errors
    ///
    /// [`RedisSetupError::Prefix`].
    pub fn prefix(mut self, prefix: impl Into<String>) -> Result<Self, RedisSetupError> {
        let prefix = prefix.into();
        // No braces: they would move keys to another slot of a cluster.
        let sound = (1..=64).contains(&prefix.len())
            && prefix
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
        if !sound {
            return Err(RedisSetupError::Prefix);
        }
        self.prefix = prefix;
        Ok(self)
    }

    /// How long an answer, or a connection, is waited for; 500 ms by default. Whatever takes longer counts as an outage.
    ///
    /// # Errors
    ///
    /// [`RedisSetupError::Time`].
    pub fn timeout(mut self, timeout: Duration) -> Result<Self, RedisSetupError> {
        self.timeout = sensible(timeout, "the timeout")?;
        Ok(self)
    }

    /// How often an idle connection is tried and a flush looked for; 2 s by default.
    ///
    /// # Errors
    ///
    /// [`RedisSetupError::Time`].
    pub fn heartbeat(mut self, heartbeat: Duration) -> Result<Self, RedisSetupError> {
        self.heartbeat = sensible(heartbeat, "the heartbeat")?;
        Ok(self)
    }

    /// The certificates, in PEM, that a `rediss://` server's must go back to. Without them the machine's are believed.
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Whether it is a cluster.
    pub const fn is_cluster(&self) -> bool {
        self.cluster
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.nodes
            .iter()
            .any(|node| matches!(node.addr(), ConnectionAddr::TcpTls { .. }))
    }
}

/// The URL as one of a single server, and whether it said that it is a cluster's.
fn plain(url: &str) -> (String, bool) {
    for (cluster, single) in [("redis+cluster:", "redis:"), ("rediss+cluster:", "rediss:")] {
        if let Some(rest) = url.strip_prefix(cluster) {
            return (format!("{single}{rest}"), true);
        }
    }
    (url.to_owned(), false)
}

/// Whether they can be nodes of one cluster, which has one database.
fn alike(nodes: &[ConnectionInfo]) -> bool {
    let what = |node: &ConnectionInfo| {
        let redis = node.redis_settings();
        let tls = matches!(node.addr(), ConnectionAddr::TcpTls { .. });
        let user = redis.username().map(str::to_owned);
        (tls, user, redis.password().map(str::to_owned), redis.db())
    };
    let on_network = |node: &ConnectionInfo| !matches!(node.addr(), ConnectionAddr::Unix(_));
    let mut kinds = nodes.iter().map(what);
    let first = kinds.next();
    first.as_ref().is_some_and(|first| first.3 == 0)
        && kinds.all(|kind| Some(kind) == first)
        && nodes.iter().all(on_network)
}

fn sensible(time: Duration, what: &'static str) -> Result<Duration, RedisSetupError> {
    if (Duration::from_millis(10)..=Duration::from_mins(1)).contains(&time) {
        Ok(time)
    } else {
        Err(RedisSetupError::Time(what))
    }
}

/// Scheme and addresses alone.
impl fmt::Display for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.is_tls(), self.cluster) {
            (false, false) => "redis",
            (false, true) => "redis+cluster",
            (true, false) => "rediss",
            (true, true) => "rediss+cluster",
        };
        write!(f, "{scheme}://")?;
        for (index, node) in self.nodes.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{}", node.addr())?;
        }
        Ok(())
    }
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("nodes", &self.to_string())
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("heartbeat", &self.heartbeat)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (urls, shown) in [
            ("redis://:hunter2@a:1", "redis://a:1"),
            ("redis://user:hunter2@a/3", "redis://a:6379"),
            ("rediss://user:hunter2@a:1", "rediss://a:1"),
            ("redis+cluster://u:hunter2@a:1", "redis+cluster://a:1"),
            (
                "redis://:hunter2@a:1, redis://:hunter2@b:2",
                "redis+cluster://a:1,b:2",
            ),
        ] {
            let settings = RedisSettings::new(urls).unwrap();
            assert_eq!(settings.to_string(), shown);
            assert!(!format!("{settings:?}").contains("hunter2"));
        }
        for urls in [
            "redis://hunter2:hunter2@",
            "hunter2",
            "redis://:hunter2@a:x",
        ] {
            let error = RedisSettings::new(urls).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for urls in [
            "",
            "http://a",
            "redis://a,",
            "rediss://a#insecure",
            "redis+cluster://a/1",
            "redis://:x@a,redis://:y@b",
            "redis://a,rediss://b",
            "redis+unix:///tmp/a,redis+unix:///tmp/b",
        ] {
            assert!(RedisSettings::new(urls).is_err(), "{urls}");
        }
        let settings = RedisSettings::new("redis://a").unwrap();
        for prefix in ["", "a{b}", "a b", "ä", &"x".repeat(65)] {
            assert!(settings.clone().prefix(prefix).is_err(), "{prefix}");
        }
        for time in [Duration::ZERO, Duration::from_mins(2)] {
            assert!(settings.clone().timeout(time).is_err());
            assert!(settings.clone().heartbeat(time).is_err());
        }
        assert!(settings.prefix("shop:1").is_ok());
    }
}
