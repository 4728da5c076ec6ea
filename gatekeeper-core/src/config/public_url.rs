use std::fmt;

use super::ConfigError;

/// Where people reach the service: links, the issuer and the cookie rules are made from it alone, never from a request's
/// `Host` (CVE-2025-64101).
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    origin: String,
    secure: bool,
    localhost: bool,
}

impl PublicUrl {
    /// Reads `http://` or `https://`, a host, an optional port and an optional path. User information, a query and a
    /// fragment are refused.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with the reason.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = |reason: &str| ConfigError::new("public_url", reason);
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| wrong("must begin with http:// or https://"))?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("must begin with http:// or https://")),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
        if !path.bytes().all(plain) || path.contains("//") {
            return Err(wrong("the path must be plain, without query and fragment"));
        }
        let host = host_of(authority).ok_or_else(|| wrong("the host or the port is malformed"))?;
        let localhost =
            matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost");
        let default_port = if secure { ":443" } else { ":80" };
        let authority = authority
            .strip_suffix(default_port)
            .unwrap_or(authority)
            .to_ascii_lowercase();
        let origin = format!("{scheme}://{authority}");
        let text = format!("{origin}{}", path.trim_end_matches('/'));
        Ok(Self {
            text,
            origin,
            secure,
            localhost,
        })
    }

    /// The whole URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port, as a browser's `Origin` has them (RFC 6454 section 6.2).
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether it is `https`.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the host is this machine.
    pub const fn is_localhost(&self) -> bool {
        self.localhost
    }
}

/// The host of `host[:port]`, where both are sound.
fn host_of(authority: &str) -> Option<&str> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(end);
    let port_sound = match port.strip_prefix(':') {
        Some(digits) => digits
            .parse::<u16>()
            .is_ok_and(|port| port != 0 && !digits.starts_with('+')),
        None => port.is_empty(),
    };
    let host_sound = match host
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
    {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.len() <= 253
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
        }
    };
    (port_sound && host_sound).then_some(host)
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicUrl({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_is_what_a_browser_sends() {
        let url = PublicUrl::parse("https://Auth.Example.org:443/base/").unwrap();
        assert_eq!(url.origin(), "https://auth.example.org");
        assert_eq!(url.as_str(), "https://auth.example.org/base");
        assert!(url.is_secure() && !url.is_localhost());
        let url = PublicUrl::parse("http://127.0.0.1:8080").unwrap();
        assert_eq!(url.origin(), "http://127.0.0.1:8080");
        assert!(url.is_localhost() && !url.is_secure());
        assert!(
            PublicUrl::parse("http://[::1]:8080")
                .unwrap()
                .is_localhost()
        );
    }

    #[test]
    fn anything_that_could_mislead_is_refused() {
        for text in [
            "",
            "example.org",
            "ftp://example.org",
            "https://",
            "https://user@example.org",
            "https://a.org?x",
            "https://a.org#x",
            "https://a.org:0",
            "https://a.org:70000",
            "https://a.org:+80",
            "https://a b.org",
            "https://a.org//b",
            "https://[::1",
            "https://a.org\\@b.org",
            "https://a.org/\r\nX: y",
        ] {
            assert!(PublicUrl::parse(text).is_err(), "{text:?}");
        }
    }
}
