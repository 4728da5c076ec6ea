use std::fmt;

use super::{OrganizationId, TenantId, Timestamp};

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
    /// `resource:action`, `resource:*` or `*`, sorted: its own, without those of the roles it [inherits](Self::inherits).
    pub permissions: Vec<String>,
    /// Roles whose permissions it has too, and whose names its holders have; sorted. There is no circle among them.
    pub inherits: Vec<RoleName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When this row last changed.
    pub updated_at: Timestamp,
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

    /// The name of the role that may do everything in its tenant.
    pub fn admin() -> Self {
        Self(Self::ADMIN.to_owned())
    }

    /// What sorts before every name, for ranges.
    pub(crate) const fn least() -> Self {
        Self(String::new())
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

/// What a user may do: roles and the permissions that follow, both sorted and without doubles.
///
/// Roles are those granted to the user and to the user's groups, with all that they inherit. What the membership of an
/// organisation gives stands apart: it counts in that organisation alone, and opens nothing in the tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// Role names. Stores give those that somebody granted; [`Authority::complete`] adds the role everyone has.
    pub roles: Vec<String>,
    /// Permissions, `resource:action`; `*` is every permission of the tenant.
    pub permissions: Vec<String>,
    /// What the user may do in the active organisation, if there is one and the user is (still) a member of it.
    pub organization: Option<OrganizationAuthority>,
}

/// What a user may do in an organisation, beside what the user may do anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationAuthority {
    /// The organisation.
    pub id: OrganizationId,
    /// The roles of the membership with all that they inherit, sorted and without doubles.
    pub roles: Vec<String>,
    /// The permissions that follow, sorted and without doubles; `*` is every permission of the organisation.
    pub permissions: Vec<String>,
}

impl Authority {
    /// How many bytes it takes in an access token: each name with its quotes and a comma.
    pub fn token_bytes(&self) -> usize {
        let bytes = |names: &[String]| names.iter().map(|name| name.len() + 3).sum::<usize>();
        let organization = self.organization.as_ref();
        bytes(&self.roles)
            + bytes(&self.permissions)
            + organization.map_or(0, |org| bytes(&org.roles) + bytes(&org.permissions))
    }

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
