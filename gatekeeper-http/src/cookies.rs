//! Cookies: their names, how they are written and how they are read.

use std::borrow::Cow;

use http::HeaderValue;

use gatekeeper_core::{Error, config::PublicUrl, model::SecretString};

use crate::{
    head::{HeaderView, RequestHead},
    problem::Problem,
};

/// The longest cookie, name and value, that browsers keep (RFC 6265bis section 5.7; ASVS 3.3.5).
const MAX_COOKIE: usize = 4_096;
/// More cookies than a browser keeps for one site.
const MAX_COOKIES: usize = 256;

/// The cookies of one deployment.
///
/// Those of a tenant that a path names are its own: whatever goes to the whole host has the tenant in its name, the rest in its path.
/// A prefixed name, and not a path, for the first: `__Host-` wants `Path=/`, and keeps neighbours of the host from planting one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookies<'t> {
    pub(crate) refresh: CookieKind<'t>,
    pub(crate) access: CookieKind<'t>,
    pub(crate) csrf: CookieKind<'t>,
    pub(crate) device: CookieKind<'t>,
    /// Recognises the browser that asked for a magic link.
    pub(crate) magic: CookieKind<'t>,
}

/// One cookie and its attributes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CookieKind<'t> {
    /// The name where no path names a tenant.
    pub(crate) name: &'static str,
    path: &'static str,
    attributes: &'static str,
    /// The slug in the path.
    tenant: Option<&'t str>,
}

const SECURE: Cookies<'static> = Cookies {
    refresh: CookieKind {
        name: "__Secure-gatekeeper_refresh",
        path: "/v1/auth",
        attributes: "HttpOnly; Secure; SameSite=Strict",
        tenant: None,
    },
    access: CookieKind {
        name: "__Host-gatekeeper_access",
        path: "/",
        attributes: "HttpOnly; Secure; SameSite=Lax",
        tenant: None,
    },
    // Read by the page's script, which sends it back in `X-CSRF-Token`: not HttpOnly.
    csrf: CookieKind {
        name: "__Host-gatekeeper_csrf",
        path: "/",
        attributes: "Secure; SameSite=Strict",
        tenant: None,
    },
    device: CookieKind {
        name: "__Secure-gatekeeper_device",
        path: "/v1/auth",
        attributes: "HttpOnly; Secure; SameSite=Strict",
        tenant: None,
    },
    // Strict although the mail program opens the page from elsewhere: that request needs no cookie, and the one that redeems
    // comes from the page's own script, which is of this site.
    magic: CookieKind {
        name: "__Secure-gatekeeper_magic",
        path: "/v1/auth/magic-link",
        attributes: "HttpOnly; Secure; SameSite=Strict",
        tenant: None,
    },
};

/// Browsers refuse the prefixes and `Secure` over plain http.
const LOCAL: Cookies<'static> = Cookies {
    refresh: CookieKind {
        name: "gatekeeper_refresh",
        path: "/v1/auth",
        attributes: "HttpOnly; SameSite=Strict",
        tenant: None,
    },
    access: CookieKind {
        name: "gatekeeper_access",
        path: "/",
        attributes: "HttpOnly; SameSite=Lax",
        tenant: None,
    },
    csrf: CookieKind {
        name: "gatekeeper_csrf",
        path: "/",
        attributes: "SameSite=Strict",
        tenant: None,
    },
    device: CookieKind {
        name: "gatekeeper_device",
        path: "/v1/auth",
        attributes: "HttpOnly; SameSite=Strict",
        tenant: None,
    },
    magic: CookieKind {
        name: "gatekeeper_magic",
        path: "/v1/auth/magic-link",
        attributes: "HttpOnly; SameSite=Strict",
        tenant: None,
    },
};

impl Cookies<'static> {
    /// Secure ones, but for plain-http development on localhost. A plain-http public URL anywhere else keeps `Secure`: it
    /// is a mistake, and cookies that do not work say so sooner than cookies that anybody can read.
    pub(crate) fn for_url(url: &PublicUrl) -> Self {
        if !url.is_secure() && url.is_localhost() {
            LOCAL
        } else {
            SECURE
        }
    }

    /// Those of a tenant that the path names.
    pub(crate) const fn of(self, tenant: Option<&str>) -> Cookies<'_> {
        let Self {
            refresh,
            access,
            csrf,
            device,
            magic,
        } = self;
        Cookies {
            refresh: CookieKind { tenant, ..refresh },
            access: CookieKind { tenant, ..access },
            csrf: CookieKind { tenant, ..csrf },
            device: CookieKind { tenant, ..device },
            magic: CookieKind { tenant, ..magic },
        }
    }
}

impl Cookies<'_> {
    /// Takes every cookie away that signs in. The device stays known.
    pub(crate) fn clear_all(&self) -> [HeaderValue; 3] {
        [self.refresh.clear(), self.access.clear(), self.csrf.clear()]
    }
}

impl CookieKind<'_> {
    /// The name, and the attributes with their path.
    fn place(&self) -> (Cow<'static, str>, String) {
        let Self {
            name,
            path,
            attributes,
            tenant,
        } = self;
        match tenant {
            None => ((*name).into(), format!("Path={path}; {attributes}")),
            Some(slug) if *path == "/" => (
                format!("{name}_{slug}").into(),
                format!("Path=/; {attributes}"),
            ),
            Some(slug) => (
                (*name).into(),
                format!("Path=/t/{slug}{path}; {attributes}"),
            ),
        }
    }

    /// `Set-Cookie` with this value, for so many seconds.
    pub(crate) fn set(&self, value: &SecretString, max_age: u64) -> Result<HeaderValue, Problem> {
        let text = value.expose();
        let octets = text.bytes().all(|byte| {
            // `cookie-octet` (RFC 6265 section 4.1.1).
            matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
        });
        let (name, attributes) = self.place();
        if !octets || name.len() + text.len() > MAX_COOKIE {
            return Err(Error::internal("a token does not fit into a cookie").into());
        }
        let line = format!("{name}={text}; Max-Age={max_age}; {attributes}");
        let mut header = HeaderValue::from_str(&line).map_err(Error::internal)?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// `Set-Cookie` that takes it away.
    pub(crate) fn clear(&self) -> HeaderValue {
        let (name, attributes) = self.place();
        let line = format!("{name}=; Max-Age=0; {attributes}");
        HeaderValue::from_str(&line).unwrap_or(HeaderValue::from_static(""))
    }

    /// The cookie's value in a request.
    ///
    /// # Errors
    ///
    /// 400 where it is there twice: a neighbouring subdomain may have planted one of them, and which one a server takes is
    /// chance.
    pub(crate) fn read<'a, H: HeaderView>(
        &self,
        head: &RequestHead<'a, H>,
    ) -> Result<Option<&'a str>, Problem> {
        let (name, _) = self.place();
        let mut found = None;
        let pairs = head
            .headers
            .values("cookie")
            .flat_map(|line| line.split(|&byte| byte == b';'));
        for (count, pair) in pairs.enumerate() {
            if count >= MAX_COOKIES {
                return Err(Problem::new("request.ambiguous_credentials"));
            }
            let value = pair
                .trim_ascii()
                .strip_prefix(name.as_bytes())
                .and_then(|rest| rest.trim_ascii_start().strip_prefix(b"="));
            if let Some(value) = value
                && found.replace(value).is_some()
            {
                return Err(Problem::new("request.ambiguous_credentials"));
            }
        }
        // What is not text is no token of ours: the empty one is refused like any other wrong one.
        Ok(found.map(|value| std::str::from_utf8(value).map_or("", str::trim)))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn read(lines: &[&str]) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("cookie", HeaderValue::from_str(line).unwrap());
        }
        let head = RequestHead {
            path: "/",
            method: "GET",
            authority: None,
            headers: &headers,
            peer: None,
        };
        SECURE
            .access
            .read(&head)
            .map(|value| value.map(str::to_owned))
            .map_err(|problem| problem.code().to_owned())
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        assert_eq!(
            read(&["a=b; __Host-gatekeeper_access=tok; c=d"]),
            Ok(Some("tok".to_owned()))
        );
        assert_eq!(
            read(&["a=b", "__Host-gatekeeper_access=tok"]),
            Ok(Some("tok".to_owned()))
        );
        assert_eq!(read(&["x__Host-gatekeeper_access=tok"]), Ok(None));
        assert_eq!(read(&["__Host-gatekeeper_accessx=tok"]), Ok(None));
        assert_eq!(read(&["__host-gatekeeper_access=tok"]), Ok(None));
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn a_doubled_cookie_is_refused() {
        let refused = Err("request.ambiguous_credentials".to_owned());
        assert_eq!(
            read(&["__Host-gatekeeper_access=a; __Host-gatekeeper_access=b"]),
            refused
        );
        assert_eq!(
            read(&["__Host-gatekeeper_access=a", "__Host-gatekeeper_access=a"]),
            refused
        );
        assert_eq!(read(&[&"a=b;".repeat(MAX_COOKIES + 1)]), refused);
    }

    /// CK-1, ASVS 3.3.1 to 3.3.5.
    #[test]
    fn attributes_are_those_of_the_contract() {
        let set = |kind: CookieKind<'_>| {
            kind.set(&"v".into(), 60)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            set(SECURE.refresh),
            "__Secure-gatekeeper_refresh=v; Max-Age=60; Path=/v1/auth; HttpOnly; Secure; SameSite=Strict"
        );
        assert_eq!(
            set(SECURE.access),
            "__Host-gatekeeper_access=v; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax"
        );
        assert_eq!(
            set(SECURE.device),
            "__Secure-gatekeeper_device=v; Max-Age=60; Path=/v1/auth; HttpOnly; Secure; SameSite=Strict"
        );
        assert_eq!(
            set(LOCAL.device),
            "gatekeeper_device=v; Max-Age=60; Path=/v1/auth; HttpOnly; SameSite=Strict"
        );
        assert_eq!(
            set(LOCAL.refresh),
            "gatekeeper_refresh=v; Max-Age=60; Path=/v1/auth; HttpOnly; SameSite=Strict"
        );
        let cleared = SECURE.access.clear();
        assert_eq!(
            cleared,
            "__Host-gatekeeper_access=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax"
        );
    }

    #[test]
    fn a_tenant_in_the_path_has_cookies_of_its_own() {
        let set = |kind: CookieKind<'_>| {
            let line = kind.set(&"v".into(), 60).unwrap();
            line.to_str().unwrap().to_owned()
        };
        let acme = SECURE.of(Some("acme"));
        let strict = "HttpOnly; Secure; SameSite=Strict";
        for (kind, line) in [
            (
                acme.refresh,
                format!("__Secure-gatekeeper_refresh=v; Max-Age=60; Path=/t/acme/v1/auth; {strict}"),
            ),
            (
                acme.device,
                format!("__Secure-gatekeeper_device=v; Max-Age=60; Path=/t/acme/v1/auth; {strict}"),
            ),
            (
                acme.magic,
                format!("__Secure-gatekeeper_magic=v; Max-Age=60; Path=/t/acme/v1/auth/magic-link; {strict}"),
            ),
            (
                acme.access,
                "__Host-gatekeeper_access_acme=v; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax".to_owned(),
            ),
            (
                acme.csrf,
                "__Host-gatekeeper_csrf_acme=v; Max-Age=60; Path=/; Secure; SameSite=Strict".to_owned(),
            ),
        ] {
            assert_eq!(set(kind), line);
            let cleared = kind.clear().to_str().unwrap().to_owned();
            assert_eq!(cleared, line.replace("=v; Max-Age=60", "=; Max-Age=0"));
        }
        let mut headers = HeaderMap::new();
        let line = "__Host-gatekeeper_access=none; __Host-gatekeeper_access_acme=its; __Host-gatekeeper_access_acme2=other";
        headers.append("cookie", HeaderValue::from_static(line));
        let head = RequestHead {
            method: "GET",
            path: "/",
            authority: None,
            headers: &headers,
            peer: None,
        };
        for (tenant, value) in [
            (None, "none"),
            (Some("acme"), "its"),
            (Some("acme2"), "other"),
        ] {
            assert_eq!(SECURE.of(tenant).access.read(&head).unwrap(), Some(value));
        }
        assert!(SECURE.of(Some("acm")).access.read(&head).unwrap().is_none());
    }

    #[test]
    fn a_value_that_would_break_the_header_or_be_dropped_is_refused() {
        for wrong in [
            "a;b",
            "a b",
            "a\r\nSet-Cookie: x=y",
            "a,b",
            "\"a\"",
            "é",
            &"x".repeat(4_090),
        ] {
            assert!(SECURE.access.set(&wrong.into(), 60).is_err(), "{wrong}");
        }
    }
}
