//! Which tenant a request is for.

use gatekeeper_core::{
    Gatekeeper,
    model::{TenantId, TenantSlug},
};

use crate::{
    head::{HeaderView, RequestHead, Single},
    problem::Problem,
    settings::HttpSettings,
};

/// The tenant a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// None, or the default one by its name.
    Default,
    /// This one; whether it exists is for the store to say.
    Slug(TenantSlug),
}

impl Named {
    /// The tenant's id.
    ///
    /// # Errors
    ///
    /// 404 where there is no such tenant, or it is suspended.
    pub(crate) async fn resolve(&self, gatekeeper: &Gatekeeper) -> Result<TenantId, Problem> {
        match self {
            Self::Default => Ok(TenantId::DEFAULT),
            Self::Slug(slug) => gatekeeper.resolve_tenant(slug).await?.ok_or_else(unknown),
        }
    }
}

/// Where paths name tenants, what stands before the slug.
const PREFIX: &str = "/t/";

/// A path, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place<'p> {
    /// What stands where a tenant's slug would; it may be none.
    pub(crate) tenant: Option<&'p str>,
    /// What follows: the path of a route.
    pub(crate) path: &'p str,
}

/// Takes the tenant out of a path, where paths name tenants. As it came: what is percent-encoded is no slug.
pub(crate) fn place<'p>(path: &'p str, settings: &HttpSettings) -> Place<'p> {
    let below = path
        .strip_prefix(PREFIX)
        .filter(|_| settings.names_tenants_by_path());
    let Some(below) = below else {
        return Place { tenant: None, path };
    };
    let (tenant, path) = below.split_at(below.find('/').unwrap_or(below.len()));
    Place {
        tenant: Some(tenant),
        path,
    }
}

/// Reads the path and the host name where they name tenants, and `X-Tenant`.
///
/// # Errors
///
/// 404 for what is no tenant's name, for a header that is there twice, and where two of them name two: to guess would be to let the
/// caller choose which check sees which tenant.
pub(crate) fn named<H: HeaderView>(
    head: &RequestHead<'_, H>,
    settings: &HttpSettings,
) -> Result<Named, Problem> {
    let by_header = match head.single("x-tenant") {
        Single::Absent => None,
        Single::Text(text) => Some(TenantSlug::parse(text).ok_or_else(unknown)?),
        Single::Unreadable => return Err(unknown()),
    };
    let by_path = match place(head.path, settings).tenant {
        None => None,
        Some(text) => Some(TenantSlug::parse(text).ok_or_else(unknown)?),
    };
    let by_host = by_host(head, settings)?;
    let mut named = [by_path, by_host, by_header].into_iter().flatten();
    let slug = named.next();
    if slug.is_some() && !named.all(|other| Some(&other) == slug.as_ref()) {
        return Err(unknown());
    }
    Ok(match slug {
        Some(slug) if slug.as_str() != TenantSlug::DEFAULT => Named::Slug(slug),
        Some(_) | None => Named::Default,
    })
}

fn by_host<H: HeaderView>(
    head: &RequestHead<'_, H>,
    settings: &HttpSettings,
) -> Result<Option<TenantSlug>, Problem> {
    let Some(suffix) = settings.tenant_host_suffix() else {
        return Ok(None);
    };
    // RFC 9112 section 3.2.2: the request line's host goes before the header's.
    let host = match head.authority {
        Some(authority) => authority,
        None => match head.single("host") {
            Single::Text(host) => host,
            Single::Absent => return Ok(None),
            Single::Unreadable => return Err(unknown()),
        },
    };
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(host, |(name, _)| name)
        .to_ascii_lowercase();
    match name.strip_suffix(suffix) {
        None => Ok(None),
        Some(label) => TenantSlug::parse(label).map(Some).ok_or_else(unknown),
    }
}

fn unknown() -> Problem {
    Problem::new("tenant.not_found")
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn read(authority: Option<&str>, pairs: &[(&'static str, &str)]) -> Result<String, String> {
        read_at("/v1/auth/me", authority, pairs)
    }

    fn read_at(
        path: &str,
        authority: Option<&str>,
        pairs: &[(&'static str, &str)],
    ) -> Result<String, String> {
        let settings = HttpSettings::new()
            .tenant_paths(true)
            .tenant_hosts("auth.example.com")
            .unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let head = RequestHead {
            method: "GET",
            path,
            authority,
            headers: &headers,
            peer: None,
        };
        match named(&head, &settings) {
            Ok(Named::Default) => Ok("(default)".to_owned()),
            Ok(Named::Slug(slug)) => Ok(slug.as_str().to_owned()),
            Err(problem) => Err(problem.code().to_owned()),
        }
    }

    #[test]
    fn header_and_host_name_a_tenant() {
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(read(None, &[]), ok("(default)"));
        assert_eq!(read(None, &[("x-tenant", "acme")]), ok("acme"));
        assert_eq!(read(None, &[("x-tenant", "default")]), ok("(default)"));
        assert_eq!(
            read(None, &[("host", "acme.auth.example.com:8443")]),
            ok("acme")
        );
        assert_eq!(read(None, &[("host", "ACME.auth.example.com")]), ok("acme"));
        assert_eq!(read(None, &[("host", "auth.example.com")]), ok("(default)"));
        assert_eq!(
            read(
                Some("acme.auth.example.com"),
                &[("host", "other.auth.example.com")]
            ),
            ok("acme")
        );
        assert_eq!(
            read(
                None,
                &[("host", "acme.auth.example.com"), ("x-tenant", "acme")]
            ),
            ok("acme")
        );
    }

    #[test]
    fn what_is_doubtful_is_no_tenant() {
        let refused = Err("tenant.not_found".to_owned());
        for pairs in [
            &[("x-tenant", "Acme")][..],
            &[("x-tenant", "")],
            &[("x-tenant", "a/b")],
            &[("x-tenant", "acme"), ("x-tenant", "acme")],
            &[("x-tenant", "acme"), ("host", "other.auth.example.com")],
            &[("host", "a.b.auth.example.com")],
            &[("host", "_.auth.example.com")],
        ] {
            assert_eq!(read(None, pairs), refused, "{pairs:?}");
        }
    }

    #[test]
    fn a_path_names_a_tenant_where_it_may() {
        let on = HttpSettings::new().tenant_paths(true);
        let off = HttpSettings::new();
        for (path, tenant, rest) in [
            ("/t/acme/v1/auth/me", Some("acme"), "/v1/auth/me"),
            ("/t/acme/", Some("acme"), "/"),
            ("/t/acme", Some("acme"), ""),
            ("/t/", Some(""), ""),
            ("/t//v1/auth/me", Some(""), "/v1/auth/me"),
            ("/t/a%2fb/v1", Some("a%2fb"), "/v1"),
            ("/v1/auth/me", None, "/v1/auth/me"),
            ("/v1/t/acme", None, "/v1/t/acme"),
            ("/tt/acme/v1", None, "/tt/acme/v1"),
            ("/T/acme/v1", None, "/T/acme/v1"),
            ("/t", None, "/t"),
            ("", None, ""),
        ] {
            assert_eq!(place(path, &on), Place { tenant, path: rest }, "{path}");
            let whole = Place { tenant: None, path };
            assert_eq!(place(path, &off), whole, "{path}");
        }
    }

    #[test]
    fn path_host_and_header_agree_or_there_is_no_tenant() {
        let ok = |text: &str| Ok(text.to_owned());
        let refused = Err("tenant.not_found".to_owned());
        let host = Some("acme.auth.example.com");
        let at = |path, authority, pairs| read_at(path, authority, pairs);
        assert_eq!(at("/t/acme/v1/auth/me", None, &[]), ok("acme"));
        assert_eq!(at("/t/default/v1/auth/me", None, &[]), ok("(default)"));
        assert_eq!(at("/t/acme/v1/auth/me", host, &[]), ok("acme"));
        let header: &[_] = &[("x-tenant", "acme")];
        assert_eq!(at("/t/acme/v1/auth/me", host, header), ok("acme"));
        assert_eq!(at("/t/other/v1/auth/me", host, &[]), refused);
        assert_eq!(at("/t/other/v1/auth/me", None, header), refused);
        assert_eq!(at("/t/other/v1/auth/me", host, header), refused);
        assert_eq!(at("/t/default/v1/auth/me", None, header), refused);
        let other: &[_] = &[("x-tenant", "other")];
        assert_eq!(at("/t/acme/v1/auth/me", host, other), refused);
        for none in ["/t/Acme/v1", "/t//v1", "/t/", "/t/a%2fb/v1", "/t/-a/v1"] {
            assert_eq!(at(none, None, &[]), refused, "{none}");
        }
    }
}
