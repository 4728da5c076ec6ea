use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use aws_lc_rs::hmac;

use super::RateKey;
use crate::{
    crypto::{KeyUse, SecretKeys},
    model::{DeviceId, NormalizedEmail, TenantId, UserId},
};

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RateSubject {
    /// One address: of IPv4 the whole of it, of IPv6 its network of 64 bits, which is the least that anybody is given. All
    /// callers whose address is not known are one.
    ///
    /// It is counted across tenants: a caller chooses the tenant of a request, and would have as many quotas as there are
    /// tenants.
    Address(Option<IpAddr>),
    /// One signed-in user.
    User(UserId),
}

/// Whom core itself counts by.
pub(super) enum Counted<'a> {
    Subject(&'a RateSubject),
    /// An account, whether or not it exists, by the form in which all spellings of its address meet (CVE-2025-6004).
    Account(TenantId, &'a NormalizedEmail),
    /// A device that an account is known to use.
    Device(TenantId, DeviceId),
}

/// Makes keys: 128 bits of HMAC-SHA256 over the policy and whom it concerns. Who reads a store of limits can neither read
/// addresses in it nor try candidates.
pub(super) struct RateKeys(hmac::Key);

impl RateKeys {
    pub(super) fn new(keys: &SecretKeys) -> Self {
        let key = keys.current().derive(KeyUse::RateLimit);
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()))
    }

    /// The policy's name, a zero, the kind of subject, then the subject: no two of them are written alike.
    pub(super) fn key(&self, policy: &str, counted: &Counted<'_>) -> RateKey {
        let mut text = Vec::with_capacity(64);
        text.extend_from_slice(policy.as_bytes());
        text.push(0);
        match counted {
            Counted::Subject(RateSubject::Address(address)) => match address.map(network) {
                Some(Network::V4(octets)) => {
                    text.push(4);
                    text.extend_from_slice(&octets);
                }
                Some(Network::V6(octets)) => {
                    text.push(6);
                    text.extend_from_slice(&octets);
                }
                None => text.push(0),
            },
            Counted::Subject(RateSubject::User(user)) => {
                text.push(b'u');
                text.extend_from_slice(user.as_uuid().as_bytes());
            }
            Counted::Account(tenant, email) => {
                text.push(b'a');
                text.extend_from_slice(tenant.as_uuid().as_bytes());
                text.extend_from_slice(email.as_str().as_bytes());
            }
            Counted::Device(tenant, device) => {
                text.push(b'd');
                text.extend_from_slice(tenant.as_uuid().as_bytes());
                text.extend_from_slice(device.as_uuid().as_bytes());
            }
        }
        let tag = hmac::sign(&self.0, &text);
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        RateKey(key)
    }
}

impl fmt::Debug for RateKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RateKeys([redacted])")
    }
}

enum Network {
    V4([u8; 4]),
    V6([u8; 8]),
}

fn network(address: IpAddr) -> Network {
    match address.to_canonical() {
        IpAddr::V4(address) => Network::V4(address.octets()),
        IpAddr::V6(address) => {
            let [n0, n1, n2, n3, n4, n5, n6, n7, .., a, b, c, d] = address.octets();
            if is_translated(address) {
                Network::V4([a, b, c, d])
            } else {
                Network::V6([n0, n1, n2, n3, n4, n5, n6, n7])
            }
        }
    }
}

/// `64:ff9b::/96` (RFC 6052 section 2.1): where a translator stands before a server on IPv6 alone, all of IPv4 comes out of
/// this one network.
fn is_translated(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0x64, 0xff9b, 0, 0, 0, 0, _, _])
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{
        crypto::SecretKey,
        model::{EmailAddress, Timestamp},
        testing::SeededRandom,
    };

    fn keys(seed: u64) -> RateKeys {
        RateKeys::new(&SecretKeys::new(SecretKey::generate(&SeededRandom::new(
            seed,
        ))))
    }

    fn address(text: &str) -> RateKey {
        let subject = RateSubject::Address(Some(text.parse().unwrap()));
        keys(1).key("sign_in", &Counted::Subject(&subject))
    }

    #[test]
    fn row_17_an_address_of_ipv6_counts_by_its_network() {
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:0:0:9"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_ne!(address("192.0.2.7"), address("192.0.2.8"));
        assert_eq!(address("192.0.2.7"), address("::ffff:192.0.2.7"));
        assert_eq!(address("192.0.2.7"), address("64:ff9b::192.0.2.7"));
        assert_ne!(address("192.0.2.7"), address("64:ff9b:1::192.0.2.7"));
        assert_ne!(address("64:ff9b::192.0.2.7"), address("64:ff9b::192.0.2.8"));
    }

    #[test]
    fn no_two_subjects_share_a_key() {
        let keys = keys(1);
        let random = SeededRandom::new(2);
        let now = Timestamp::default();
        let [one, two] = [(); 2].map(|()| TenantId::new(now, &random));
        let user = RateSubject::User(UserId::new(now, &random));
        let email = |text: &str| EmailAddress::parse(text).unwrap().normalized().clone();
        let (ada, bob) = (email("ada@example.org"), email("bob@example.org"));
        let device = DeviceId::new(now, &random);
        let nobody = RateSubject::Address(None);
        let v4 = RateSubject::Address(Some("192.0.2.7".parse().unwrap()));
        let v6 = RateSubject::Address(Some("2001:db8::1".parse().unwrap()));
        let subjects = [
            Counted::Subject(&user),
            Counted::Subject(&nobody),
            Counted::Subject(&v4),
            Counted::Subject(&v6),
            Counted::Account(one, &ada),
            Counted::Account(two, &ada),
            Counted::Account(one, &bob),
            Counted::Device(one, device),
            Counted::Device(two, device),
        ];
        let mut seen = HashMap::new();
        for policy in ["sign_in", "account", "mail"] {
            for (at, subject) in subjects.iter().enumerate() {
                let before = seen.insert(keys.key(policy, subject), (policy, at));
                assert_eq!(before, None, "{policy} {at}");
            }
        }
    }

    /// The first half of a key is shown to callers.
    #[test]
    fn a_key_tells_nothing_without_the_secret() {
        let subject = RateSubject::Address(None);
        let counted = Counted::Subject(&subject);
        assert_ne!(keys(1).key("mail", &counted), keys(2).key("mail", &counted));
        assert_eq!(keys(1).key("mail", &counted), keys(1).key("mail", &counted));
    }
}
