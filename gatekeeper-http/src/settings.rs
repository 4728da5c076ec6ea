use std::net::IpAddr;

use ipnet::IpNet;

/// What the REST API has to know of the network around it.
///
/// The default trusts no proxy, knows no origin but that of the public URL, and takes the tenant from `X-Tenant` alone. A request that is given two different tenants is answered 404.
///
/// ```
/// use gatekeeper_http::HttpSettings;
///
/// let settings = HttpSettings::new()
///     .trust_proxies(["10.0.0.0/8".parse()?])
///     .allow_origins(["https://app.example.com"])?
///     .tenant_hosts("auth.example.com")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct HttpSettings {
    trusted_proxies: Vec<IpNet>,
    allowed_origins: Vec<String>,
    tenant_host_suffix: Option<String>,
    tenant_paths: bool,
}

/// A setting that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// Not of the form `scheme://host[:port]` in lower case, as a browser writes `Origin` (RFC 6454 section 6.2).
    #[error("not an origin: {0:?}")]
    Origin(String),
    /// Not a host name in lower case with at least two labels.
    #[error("not a host name for tenants: {0:?}")]
    TenantHost(String),
}

impl HttpSettings {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Networks of proxies whose `X-Forwarded-For` is believed.
    ///
    /// # Security
    ///
    /// Name only addresses that are your own proxies. A client behind a trusted address chooses the address that rate
    /// limits and the audit trail see.
    #[must_use]
    pub fn trust_proxies(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.trusted_proxies.extend(networks);
        self
    }

    /// Origins beside the public URL's whose pages may send requests that change something.
    ///
    /// This is the CSRF rule alone. CORS headers are the application's to add, since it owns its other routes too.
    ///
    /// # Errors
    ///
    /// [`SettingError::Origin`] for anything but an exact origin; there are no wildcards, and `null` is none.
    pub fn allow_origins<I>(mut self, origins: I) -> Result<Self, SettingError>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        for origin in origins {
            let origin = origin.into();
            if !is_origin(&origin) {
                return Err(SettingError::Origin(origin));
            }
            self.allowed_origins.push(origin);
        }
        Ok(self)
    }

    /// Takes the tenant from the host name as well: with `auth.example.com`, a request for `acme.auth.example.com` is for
    /// the tenant `acme`.
    ///
    /// # Errors
    ///
    /// [`SettingError::TenantHost`] where the name is none.
    pub fn tenant_hosts(mut self, parent: impl Into<String>) -> Result<Self, SettingError> {
        let parent = parent.into();
        let name = parent.strip_prefix('.').unwrap_or(&parent);
        if !is_host(name) || !name.contains('.') {
            return Err(SettingError::TenantHost(parent));
        }
        self.tenant_host_suffix = Some(format!(".{name}"));
        Ok(self)
    }

    /// Takes the tenant from the path as well: with `true`, `/t/acme/v1/auth/login` is the sign-in of the tenant `acme`, and so on for
    /// the whole API. It is off by default.
    ///
    /// Cookies that were set under such a path are that tenant's alone: `__Host-gatekeeper_access_acme`, and
    /// `__Secure-gatekeeper_refresh` with `Path=/t/acme/v1/auth`. So somebody can be signed in to several tenants at once, and what is
    /// sent to one is nothing that another was given. A route of the application's own below `/t/acme` is of that tenant too.
    #[must_use]
    pub const fn tenant_paths(mut self, on: bool) -> Self {
        self.tenant_paths = on;
        self
    }

    /// Whether paths name tenants.
    pub(crate) const fn names_tenants_by_path(&self) -> bool {
        self.tenant_paths
    }

    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == origin)
    }

    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies
            .iter()
            .any(|network| network.contains(&address))
    }

    /// `.auth.example.com`, where tenants have host names.
    pub(crate) fn tenant_host_suffix(&self) -> Option<&str> {
        self.tenant_host_suffix.as_deref()
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        })
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.starts_with('[') || host.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let v6 = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
    matches!(scheme, "http" | "https")
        && (v6 || is_host(host))
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_exact() {
        for sound in [
            "https://app.example.com",
            "http://localhost:3000",
            "https://[::1]:8443",
            "https://[::1]",
        ] {
            assert!(
                HttpSettings::new().allow_origins([sound]).is_ok(),
                "{sound}"
            );
        }
        for wrong in [
            "*",
            "null",
            "https://*.example.com",
            "https://app.example.com/",
            "https://App.example.com",
            "https://user@app.example.com",
            "app.example.com",
            "https://",
            "https://a:0",
            "https://a:99999",
            "ftp://a.b",
        ] {
            assert!(
                HttpSettings::new().allow_origins([wrong]).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_parent_of_tenants_is_a_host_name() {
        assert!(HttpSettings::new().tenant_hosts("auth.example.com").is_ok());
        for wrong in ["", "com", "a..b", "Auth.example.com", "a.b:80"] {
            assert!(HttpSettings::new().tenant_hosts(wrong).is_err(), "{wrong}");
        }
    }
}
