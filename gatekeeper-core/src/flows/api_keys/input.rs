use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{NewApiKey, end_of};
use crate::{
    Error, Violations,
    config::ApiKeyConfig,
    identity::PLATFORM,
    model::{TenantId, Timestamp},
};

/// The longest name, in characters.
const MAX_NAME: usize = 100;
/// The most scopes.
const MAX_SCOPES: usize = 200;
/// The most networks.
const MAX_NETWORKS: usize = 32;

/// A key to be made, every field of which is sound.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) permissions: Vec<String>,
    pub(super) networks: Vec<IpNet>,
    pub(super) expires_at: Option<Timestamp>,
}

impl Draft {
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/name`, `/permissions`, `/networks`, `/expires_at`.
    pub(super) fn of(
        config: &ApiKeyConfig,
        tenant: TenantId,
        now: Timestamp,
        input: NewApiKey,
    ) -> Result<Self, Error> {
        let mut violations = Violations::none();
        check_name(&mut violations, &input.name);
        let permissions = permissions(&mut violations, tenant, input.permissions);
        let networks = networks(&mut violations, &input.networks);
        let latest = end_of(now, None, config.max_lifetime);
        let expires_at = input.expires_at.or(latest);
        if expires_at.is_some_and(|at| at <= now) {
            violations.push(
                "/expires_at",
                "api_key.expires_at",
                "must lie in the future",
            );
        } else if let Some(latest) = latest
            && expires_at.is_some_and(|at| at > latest)
        {
            violations.push(
                "/expires_at",
                "api_key.expires_at",
                format!("must not be later than {latest}"),
            );
        }
        violations.check()?;
        Ok(Self {
            name: input.name,
            permissions,
            networks,
            expires_at,
        })
    }
}

fn check_name(violations: &mut Violations, name: &str) {
    if !(1..=MAX_NAME).contains(&name.chars().count()) {
        violations.push(
            "/name",
            "name.length",
            format!("must have 1 to {MAX_NAME} characters"),
        );
    }
    if name.chars().any(char::is_control) {
        violations.push(
            "/name",
            "name.characters",
            "must not contain control characters",
        );
    }
}

fn permissions(
    violations: &mut Violations,
    tenant: TenantId,
    mut permissions: Vec<String>,
) -> Vec<String> {
    if permissions.len() > MAX_SCOPES {
        violations.push(
            "/permissions",
            "permissions.too_many",
            format!("must be at most {MAX_SCOPES}"),
        );
        return Vec::new();
    }
    for (at, permission) in permissions.iter().enumerate() {
        let platform = permission.split(':').next() == Some(PLATFORM);
        if !is_permission(permission) || (platform && tenant != TenantId::DEFAULT) {
            violations.push(
                format!("/permissions/{at}"),
                "permission.malformed",
                "must be a permission, such as `reports:read` or `reports:*`",
            );
        }
    }
    permissions.sort_unstable();
    permissions.dedup();
    permissions
}

/// `*`, or 2 to 5 segments of `a-z`, `0-9`, `_` and `-` of which the last may be `*`.
fn is_permission(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    let segments: Vec<&str> = text.split(':').collect();
    let Some((last, before)) = segments.split_last() else {
        return false;
    };
    let sound = |segment: &str| {
        (1..=64).contains(&segment.len())
            && segment
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
    };
    text.len() <= 128
        && (2..=5).contains(&segments.len())
        && before.iter().all(|segment| sound(segment))
        && (*last == "*" || sound(last))
}

fn networks(violations: &mut Violations, texts: &[String]) -> Vec<IpNet> {
    if texts.len() > MAX_NETWORKS {
        violations.push(
            "/networks",
            "networks.too_many",
            format!("must be at most {MAX_NETWORKS}"),
        );
        return Vec::new();
    }
    let mut networks = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        match network(text) {
            Some(network) => networks.push(network),
            None => violations.push(
                format!("/networks/{at}"),
                "network.malformed",
                "must be an address, or a network without bits beyond its prefix: `192.0.2.7`, `2001:db8::/32`",
            ),
        }
    }
    networks.sort_unstable();
    networks.dedup();
    networks
}

/// An address or a network. One with bits beyond its prefix (`10.0.0.7/8`) is refused: its writer meant something else than it says.
fn network(text: &str) -> Option<IpNet> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse::<IpNet>().ok()?,
    };
    (network.trunc() == network).then(|| canonical(network))
}

/// Callers' addresses are compared in their canonical form, in which no IPv4 address is written as one of IPv6.
fn canonical(network: IpNet) -> IpNet {
    if let IpNet::V6(v6) = network
        && let Some(mapped) = mapped(v6)
    {
        return IpNet::V4(mapped);
    }
    network
}

fn mapped(network: Ipv6Net) -> Option<Ipv4Net> {
    let address: Ipv4Addr = Ipv6Addr::to_ipv4_mapped(&network.addr())?;
    Ipv4Net::new(address, network.prefix_len().checked_sub(96)?).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::SeededRandom;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);

    fn wrong(tenant: TenantId, change: impl FnOnce(&mut NewApiKey)) -> Vec<(String, &'static str)> {
        let mut input = NewApiKey {
            name: "CI".to_owned(),
            ..NewApiKey::default()
        };
        change(&mut input);
        match Draft::of(&ApiKeyConfig::default(), tenant, NOW, input) {
            Ok(_) => Vec::new(),
            Err(Error::Invalid(violations)) => violations
                .as_slice()
                .iter()
                .map(|violation| (violation.pointer.clone(), violation.code))
                .collect(),
            Err(error) => panic!("{error:?}"),
        }
    }

    fn here(change: impl FnOnce(&mut NewApiKey)) -> Vec<(String, &'static str)> {
        wrong(TenantId::DEFAULT, change)
    }

    #[test]
    fn a_permission_has_a_form() {
        for sound in [
            "*",
            "a:b",
            "a:*",
            "a-b_1:c:d:e:f",
            "a:b:c:d:*",
            "tenants:read",
        ] {
            assert!(is_permission(sound), "{sound}");
        }
        let long = format!("{}:a", "b".repeat(65));
        let wide = format!("{0}:{0}", "b".repeat(64));
        for odd in [
            "",
            "a",
            ":",
            "a:",
            ":a",
            "a::b",
            "A:b",
            "a:*:b",
            "*:a",
            "a:b*",
            "**",
            "a:b:c:d:e:f",
            "a b:c",
            "a:b\n",
            &long,
            &wide,
        ] {
            assert!(!is_permission(odd), "{odd}");
        }
    }

    #[test]
    fn every_field_is_held_to_its_form() {
        assert_eq!(here(|_| {}), []);
        let name = |name: &str| here(|key| key.name = name.to_owned());
        assert_eq!(name(""), [("/name".to_owned(), "name.length")]);
        assert_eq!(name(&"é".repeat(100)), []);
        assert_eq!(
            name(&"é".repeat(101)),
            [("/name".to_owned(), "name.length")]
        );
        assert_eq!(name("a\tb"), [("/name".to_owned(), "name.characters")]);
        let scopes = |scopes: Vec<String>| here(|key| key.permissions = scopes);
        assert_eq!(scopes(vec!["a:b".to_owned(); 200]), []);
        assert_eq!(
            scopes(vec!["a:b".to_owned(); 201]),
            [("/permissions".to_owned(), "permissions.too_many")]
        );
        assert_eq!(
            scopes(vec!["a:b".to_owned(), "a".to_owned()]),
            [("/permissions/1".to_owned(), "permission.malformed")]
        );
        let elsewhere = TenantId::new(NOW, &SeededRandom::new(1));
        assert_eq!(
            wrong(elsewhere, |key| key.permissions =
                vec!["tenants:read".to_owned()]),
            [("/permissions/0".to_owned(), "permission.malformed")]
        );
    }

    #[test]
    fn it_ends_in_the_future_and_not_too_late() {
        let most = ApiKeyConfig::default().max_lifetime.unwrap();
        let micro = Duration::from_micros(1);
        for (at, sound) in [
            (NOW, false),
            (NOW.after(micro), true),
            (NOW.after(most), true),
            (NOW.after(most).after(micro), false),
        ] {
            let found = here(|key| key.expires_at = Some(at));
            assert_eq!(found.is_empty(), sound, "{at}: {found:?}");
        }
        let draft = |most| {
            let config = ApiKeyConfig {
                max_lifetime: most,
                ..ApiKeyConfig::default()
            };
            let input = NewApiKey {
                name: "CI".to_owned(),
                ..NewApiKey::default()
            };
            Draft::of(&config, TenantId::DEFAULT, NOW, input)
                .unwrap()
                .expires_at
        };
        assert_eq!(draft(Some(most)), Some(NOW.after(most)));
        assert_eq!(draft(None), None);
    }

    #[test]
    fn networks_are_read_or_refused() {
        for (text, read) in [
            ("192.0.2.7", "192.0.2.7/32"),
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ] {
            assert_eq!(network(text).unwrap().to_string(), read);
        }
        for odd in [
            "",
            "10.0.0.7/8",
            "10.0.0.0/33",
            "10.0.0",
            "10.0.0.0/-1",
            "fe80::1%eth0",
            "example.org",
            "10.0.0.0/8 ",
            "2001:db8::1/32",
            "192.0.2.7:80",
        ] {
            assert!(network(odd).is_none(), "{odd}");
        }
        let many = |count: usize| here(|key| key.networks = vec!["192.0.2.7".to_owned(); count]);
        assert_eq!(many(32), []);
        assert_eq!(many(33), [("/networks".to_owned(), "networks.too_many")]);
    }
}
