use std::fmt;

use gatekeeper_core::model::SecretString;

/// The port of submission (RFC 6409).
const SUBMISSION: u16 = 587;
/// The port of submission over TLS from the first byte (RFC 8314 section 7.3).
const SUBMISSIONS: u16 = 465;

/// How the connection to a server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SmtpSecurity {
    /// TLS from the first byte: what RFC 8314 section 3 recommends.
    ImplicitTls,
    /// `STARTTLS`, required: where a server does not offer it, or somebody on the way took the offer out, no mail is sent.
    StartTls,
    /// No TLS: for a server on this machine or in a network of one's own. Such a server is given no password.
    ///
    /// # Security
    ///
    /// Whoever can listen reads the links in the mails, and can use them.
    DangerNone,
}

/// A mail server: where it is, how it is reached, and as whom.
#[derive(Clone)]
pub struct SmtpServer {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: SmtpSecurity,
    pub(super) credentials: Option<(String, SecretString)>,
}

/// A text that is no URL of a mail server. It says what is wrong, and never what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SmtpUrlError(&'static str);

impl SmtpServer {
    /// Reads `smtps://USER:PASSWORD@HOST:PORT` (TLS from the first byte, port 465) or
    /// `smtp://USER:PASSWORD@HOST:PORT?tls=required|none` (`STARTTLS`, required by default, port 587).
    ///
    /// User and password are percent-encoded, and may be left out together.
    ///
    /// ```
    /// use gatekeeper_mail::{SmtpSecurity, SmtpServer};
    ///
    /// let server = SmtpServer::parse("smtps://ann%40example.org:p%2Fw@mail.example.org")?;
    /// assert_eq!(server.security(), SmtpSecurity::ImplicitTls);
    /// assert_eq!(server.to_string(), "smtps://mail.example.org:465");
    /// # Ok::<(), gatekeeper_mail::SmtpUrlError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SmtpUrlError`]; also where a password is given without TLS.
    pub fn parse(url: &str) -> Result<Self, SmtpUrlError> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or(SmtpUrlError("must begin with smtp:// or smtps://"))?;
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, Some(query)),
            None => (rest, None),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains(['/', '#']) {
            return Err(SmtpUrlError(
                "must have no path; a / # or ? in the user or the password is written %2F %23 %3F",
            ));
        }
        let security = match (scheme, query) {
            ("smtps", None) => SmtpSecurity::ImplicitTls,
            ("smtps", Some(_)) => {
                return Err(SmtpUrlError(
                    "smtps:// takes nothing behind a question mark",
                ));
            }
            ("smtp", None | Some("tls=required")) => SmtpSecurity::StartTls,
            ("smtp", Some("tls=none")) => SmtpSecurity::DangerNone,
            ("smtp", Some(_)) => {
                return Err(SmtpUrlError(
                    "may end in ?tls=required or ?tls=none; a ? in the user or the password is written %3F",
                ));
            }
            _ => return Err(SmtpUrlError("must begin with smtp:// or smtps://")),
        };
        let (user, location) = match authority.rsplit_once('@') {
            Some((user, location)) => (Some(user), location),
            None => (None, authority),
        };
        let (host, port) = host_and_port(location)?;
        let mut server = Self::new(host, security)?;
        if let Some(port) = port {
            server = server.port(port);
        }
        let Some(user) = user else { return Ok(server) };
        let (user, password) = user.split_once(':').ok_or(SmtpUrlError(
            "must have a password behind the user, after a colon",
        ))?;
        server.credentials(percent_decoded(user)?, percent_decoded(password)?)
    }

    /// The server with this name, or IP address, on the port that is usual for this kind of connection.
    ///
    /// # Errors
    ///
    /// [`SmtpUrlError`] where the host is neither a name nor an address.
    pub fn new(host: impl Into<String>, security: SmtpSecurity) -> Result<Self, SmtpUrlError> {
        let host = host.into();
        let is_name = !host.is_empty()
            && host.len() <= 253
            && !host.starts_with(['-', '.'])
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        if !is_name && host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(SmtpUrlError(
                "must name a host: a name in ASCII, or an IP address, in brackets if it is IPv6",
            ));
        }
        let port = match security {
            SmtpSecurity::ImplicitTls => SUBMISSIONS,
            SmtpSecurity::StartTls | SmtpSecurity::DangerNone => SUBMISSION,
        };
        Ok(Self {
            host,
            port,
            security,
            credentials: None,
        })
    }

    /// Another port.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// As whom to sign in: `AUTH PLAIN`, or `LOGIN` where the server knows no better, and only within TLS.
    ///
    /// # Errors
    ///
    /// [`SmtpUrlError`] where the connection has no TLS, one of the two is empty or holds a control character.
    pub fn credentials(
        mut self,
        user: impl Into<String>,
        password: impl Into<SecretString>,
    ) -> Result<Self, SmtpUrlError> {
        let (user, password) = (user.into(), password.into());
        if matches!(self.security, SmtpSecurity::DangerNone) {
            return Err(SmtpUrlError("must not have a password without TLS"));
        }
        // AUTH PLAIN separates the two by NUL (RFC 4616 section 2).
        let is_sound = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        if !is_sound(&user) || !is_sound(password.expose()) {
            return Err(SmtpUrlError(
                "must have a user and a password without control characters, or neither",
            ));
        }
        self.credentials = Some((user, password));
        Ok(self)
    }

    /// How the connection is protected.
    pub const fn security(&self) -> SmtpSecurity {
        self.security
    }

    /// Whether it is this machine.
    pub fn is_local(&self) -> bool {
        self.host == "localhost"
            || self
                .host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

fn host_and_port(location: &str) -> Result<(&str, Option<u16>), SmtpUrlError> {
    let wrong = SmtpUrlError("must have a port from 1 to 65535 behind the host, or none");
    let (host, port) = if let Some(rest) = location.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .filter(|(host, _)| host.parse::<std::net::Ipv6Addr>().is_ok())
            .ok_or(SmtpUrlError(
                "must have an IPv6 address, and nothing else, in brackets",
            ))?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(wrong),
        }
    } else {
        match location.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (location, None),
        }
    };
    let Some(port) = port else {
        return Ok((host, None));
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong);
    }
    match port.parse() {
        Ok(port @ 1..) => Ok((host, Some(port))),
        Ok(0) | Err(_) => Err(wrong),
    }
}

fn percent_decoded(text: &str) -> Result<String, SmtpUrlError> {
    let wrong =
        SmtpUrlError("must have the user and the password percent-encoded: % is written %25");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(wrong);
        };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| wrong)?);
    }
    String::from_utf8(bytes).map_err(|_| wrong)
}

impl fmt::Display for SmtpServer {
    /// The URL, without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.security {
            SmtpSecurity::ImplicitTls => "smtps",
            SmtpSecurity::StartTls | SmtpSecurity::DangerNone => "smtp",
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpServer")
            .field("url", &format_args!("{self}"))
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_host_port_security_and_credentials() {
        use SmtpSecurity::{DangerNone, ImplicitTls, StartTls};
        for (url, shown, security, credentials) in [
            ("smtp://a.example", "smtp://a.example:587", StartTls, None),
            (
                "smtps://a.example/",
                "smtps://a.example:465",
                ImplicitTls,
                None,
            ),
            (
                "smtp://u:p@a.example:2525?tls=required",
                "smtp://a.example:2525",
                StartTls,
                Some(("u", "p")),
            ),
            (
                "smtp://localhost:25?tls=none",
                "smtp://localhost:25",
                DangerNone,
                None,
            ),
            (
                "smtps://u%40a.example:p%3A%2f%25%C3%A9:q@[::1]:1465",
                "smtps://[::1]:1465",
                ImplicitTls,
                Some(("u@a.example", "p:/%é:q")),
            ),
            (
                "smtps://u@b:p@192.0.2.1",
                "smtps://192.0.2.1:465",
                ImplicitTls,
                Some(("u@b", "p")),
            ),
        ] {
            let server = SmtpServer::parse(url).unwrap();
            assert_eq!(server.to_string(), shown);
            assert_eq!(server.security, security, "{url}");
            let read = server.credentials.as_ref();
            let read = read.map(|(user, password)| (user.as_str(), password.expose()));
            assert_eq!(read, credentials, "{url}");
        }
    }

    #[test]
    fn a_wrong_url_is_refused_and_never_repeated() {
        for url in [
            "",
            "hunter2",
            "http://u:hunter2@a.example",
            "SMTP://u:hunter2@a.example",
            "smtp://",
            "smtp://u:hunter2@",
            "smtp://hunter2@a.example",
            "smtp://:hunter2@a.example",
            "smtp://u:@a.example",
            "smtp://u:hunter2@a.example:0",
            "smtp://u:hunter2@a.example:65536",
            "smtp://u:hunter2@a.example:+25",
            "smtp://u:hunter2@a.example:",
            "smtp://u:hunter2@a b.example",
            "smtp://u:hunter2@[::1",
            "smtp://u:hunter2@[::1]x",
            "smtp://u:hunter2@[a]:1",
            "smtp://u:hunter2@-a.example",
            "smtp://u:hun/ter2@a.example",
            "smtp://u:hun#ter2@a.example",
            "smtp://u:hun?ter2@a.example",
            "smtp://u:hunter2%@a.example",
            "smtp://u:hunter2%zz@a.example",
            "smtp://u:hunter2%ff@a.example",
            "smtp://u:hunter2%00@a.example",
            "smtp://u:hunter2%0d%0aMAIL@a.example",
            "smtp://u:hunter2@a.example?tls=opportunistic",
            "smtp://u:hunter2@a.example?tls=none",
            "smtp://u:hunter2@localhost?tls=none",
            "smtps://u:hunter2@a.example?tls=none",
        ] {
            let error = SmtpServer::parse(url).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{url}: {error}");
            assert!(error.contains("must") || error.contains("may") || error.contains("takes"));
        }
    }

    #[test]
    fn nothing_shows_the_password() {
        let server = SmtpServer::parse("smtps://ann:hunter2@a.example").unwrap();
        let shown = format!("{server} {server:?} {server:#?}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("ann"),
            "{shown}"
        );
    }
}
