use std::fmt;

use super::TenantId;

/// The longest permission, in bytes.
const MAX_BYTES: usize = 128;
/// The longest segment, in bytes.
const MAX_SEGMENT: usize = 64;
/// The most segments.
const MAX_SEGMENTS: usize = 5;
/// The resource of permissions that reach beyond a tenant.
const PLATFORM: &str = "tenants";

/// What may be granted: `resource:action`, `resource:*`, or `*`.
///
/// Two to five segments of `a-z`, `0-9`, `_` and `-`, 1 to 64 each, joined by `:`; the last may be `*`, which is everything below. `*`
/// alone is everything in the tenant. At most 128 bytes. What holds what is [`Identity::has_permission`](crate::Identity::has_permission)'s
/// to say.
///
/// ```
/// use gatekeeper_core::model::Permission;
///
/// assert!(Permission::parse("reports:read").is_some());
/// assert!(Permission::parse("reports:archive:*").is_some());
/// assert!(Permission::parse("reports").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Permission(String);

impl Permission {
    /// Everything in the tenant.
    pub const ALL: &'static str = "*";

    /// Reads a permission.
    pub fn parse(text: &str) -> Option<Self> {
        if text == Self::ALL {
            return Some(Self(text.to_owned()));
        }
        let segments = text.split(':').count();
        let mut sound = text.len() <= MAX_BYTES && (2..=MAX_SEGMENTS).contains(&segments);
        for (at, segment) in text.split(':').enumerate() {
            let wildcard = segment == "*" && at + 1 == segments;
            sound &= wildcard || is_segment(segment);
        }
        sound.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it means anything in this tenant: permissions over tenants (`tenants:...`) count in the default tenant alone.
    pub fn counts_in(&self, tenant: TenantId) -> bool {
        let platform = self.0.split(':').next() == Some(PLATFORM);
        !platform || tenant == TenantId::DEFAULT
    }
}

fn is_segment(text: &str) -> bool {
    (1..=MAX_SEGMENT).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        identity::{permits, reaches},
        model::Timestamp,
        testing::SeededRandom,
    };

    #[test]
    fn the_form_is_kept_to_the_letter() {
        let longest = format!("{}:{}", "a".repeat(64), "b".repeat(63));
        for sound in [
            "*",
            "reports:read",
            "reports:*",
            "a:b:c:d:e",
            "a:b:c:d:*",
            "sales_eu:re-open",
            "0:1",
            longest.as_str(),
        ] {
            let read = Permission::parse(sound).map(String::from);
            assert_eq!(read.as_deref(), Some(sound));
        }
        let segment = format!("a:{}", "b".repeat(65));
        let long = format!("{}:{}", "a".repeat(64), "b".repeat(64));
        for wrong in [
            "",
            ":",
            "::",
            "reports",
            "reports:",
            ":read",
            "reports::read",
            "*:read",
            "reports:*:read",
            "reports:re*",
            "reports:**",
            "**",
            "*:*",
            "a:b:c:d:e:f",
            "Reports:read",
            "reports:Read",
            "reports: read",
            "reports.read",
            "reports:read\n",
            "repörts:read",
            "reports:read:",
            segment.as_str(),
            long.as_str(),
        ] {
            assert_eq!(Permission::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn permissions_over_tenants_count_in_the_default_tenant_alone() {
        let other = TenantId::new(Timestamp::default(), &SeededRandom::new(1));
        for (text, anywhere) in [
            ("tenants:read", false),
            ("tenants:*", false),
            ("tenants-report:read", true),
            ("reports:tenants", true),
            ("*", true),
        ] {
            let permission = Permission::parse(text).unwrap();
            assert!(permission.counts_in(TenantId::DEFAULT), "{text}");
            assert_eq!(permission.counts_in(other), anywhere, "{text}");
        }
    }

    fn permission() -> impl Strategy<Value = String> {
        // Few words, so that they meet.
        let word = prop::sample::select(vec!["a", "b", "tenants"]);
        let last = prop::sample::select(vec!["a", "b", "*"]);
        prop_oneof![
            1 => Just("*".to_owned()),
            8 => (prop::collection::vec(word, 1..4), last)
                .prop_map(|(words, last)| format!("{}:{last}", words.join(":"))),
        ]
    }

    proptest! {
        /// CVE-2026-94000: who reaches as far as others may do all that they may.
        #[test]
        fn whoever_reaches_as_far_may_do_as_much(
            held in prop::collection::vec(permission(), 0..5),
            other in prop::collection::vec(permission(), 0..5),
            asked in permission(),
            elsewhere in any::<bool>(),
        ) {
            let tenant = if elsewhere {
                TenantId::new(Timestamp::default(), &SeededRandom::new(1))
            } else {
                TenantId::DEFAULT
            };
            prop_assert!(Permission::parse(&asked).is_some());
            prop_assert!(reaches(tenant, &held, &held));
            if reaches(tenant, &held, &other) {
                let theirs = permits(tenant, &other, &asked);
                prop_assert!(!theirs || permits(tenant, &held, &asked));
            }
        }
    }
}
