use std::fmt;

use super::{TenantId, Timestamp};

/// A customer with users of its own. Nothing is ever shared between two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The id.
    pub id: TenantId,
    /// The name in headers and host names.
    pub slug: TenantSlug,
    /// The name people read.
    pub name: String,
    /// Since when nobody can sign in.
    pub suspended_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A tenant's name in headers and host names: 1 to 63 of `a-z`, `0-9` and `-`, beginning and ending with a letter or digit
/// (a label of RFC 1123 section 2.1, in lower case).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantSlug(String);

impl TenantSlug {
    /// The slug of the default tenant.
    pub const DEFAULT: &'static str = "default";

    /// Reads a slug.
    pub fn parse(text: &str) -> Option<Self> {
        let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let sound = (1..=63).contains(&bytes.len())
            && bytes.iter().all(|&byte| edge(byte) || byte == b'-')
            && bytes.first().copied().is_some_and(edge)
            && bytes.last().copied().is_some_and(edge);
        sound.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
