use std::fmt;

use super::{TenantId, Timestamp};

/// A name for a set of permissions in one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The name, unique in its tenant.
    pub name: RoleName,
    /// What it is for.
    pub description: String,
    /// Made by Gatekeeper; cannot be changed or deleted.
    pub system: bool,
    /// `resource:action`, sorted.
    pub permissions: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The name of a role: 1 to 64 of `a-z`, `0-9`, `_` and `-`, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleName(String);

impl RoleName {
    /// May do everything in its tenant.
    pub const ADMIN: &'static str = "admin";
    /// Everyone has it; it permits nothing by itself and is stored nowhere.
    pub const USER: &'static str = "user";
    /// In the default tenant alone: may manage tenants.
    pub const PLATFORM_ADMIN: &'static str = "platform_admin";

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
            && text
                .bytes()
                .next()
                .is_some_and(|byte| byte.is_ascii_lowercase());
        sound.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a user may do: the roles granted and the permissions that follow, both sorted and without doubles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// Role names. Stores give those granted; [`Authority::complete`] adds the role everyone has.
    pub roles: Vec<String>,
    /// Permissions, `resource:action`; `*` is every permission of the tenant.
    pub permissions: Vec<String>,
}

impl Authority {
    /// With the role everyone has.
    #[must_use]
    pub fn complete(mut self) -> Self {
        if let Err(at) = self
            .roles
            .binary_search_by(|role| role.as_str().cmp(RoleName::USER))
        {
            self.roles.insert(at, RoleName::USER.to_owned());
        }
        self
    }
}
