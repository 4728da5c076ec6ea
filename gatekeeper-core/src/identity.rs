use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};

use crate::{
    AccessError,
    authority::Origin,
    model::{ApiKeyId, OrganizationAuthority, SessionId, TenantId, Timestamp, TokenId, UserId},
};

/// The resource of permissions that reach beyond a tenant. `*` is every permission *of the tenant* and does not hold them.
pub(crate) const PLATFORM: &str = "tenants";

/// Who is asking: what a verified access token says. This is what a handler gets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Identity {
    /// The user: `uid` and `sub`.
    pub user_id: UserId,
    /// The user's tenant: `tid`.
    pub tenant_id: TenantId,
    /// The session: `sid`. For an API key it is the key's own id, which names no session: what needs a session refuses it.
    pub session_id: SessionId,
    /// This access token: `jti`.
    pub token_id: TokenId,
    /// The user's address when the token was issued.
    pub email: String,
    /// Role names.
    pub roles: Vec<String>,
    /// Permissions, `resource:action`. Ask with [`has_permission`](Self::has_permission).
    pub permissions: Vec<String>,
    /// Whether a second factor was shown in this session.
    pub mfa_verified: bool,
    /// When the user last proved who they are: `auth_time`, in whole seconds.
    pub authenticated_at: Timestamp,
    /// By what: `amr` (RFC 8176).
    pub methods: Vec<String>,
    /// When the token was issued: `iat`, in whole seconds.
    pub issued_at: Timestamp,
    /// From when on it is refused: `exp`, in whole seconds.
    pub expires_at: Timestamp,
    /// Who acts as this user, while impersonating: `act.sub` (RFC 8693 section 4.1).
    pub actor: Option<UserId>,
    /// The active organisation and what its membership gives: `org`. Ask with
    /// [`has_organization_permission`](Self::has_organization_permission).
    pub organization: Option<OrganizationAuthority>,
    /// The API key that was shown, in place of an access token.
    pub api_key: Option<ApiKeyId>,
    /// Claims that the application added.
    pub claims: Map<String, Value>,
    pub(crate) origin: Origin,
    pub(crate) clean: CleanMark,
}

impl Identity {
    /// An identity with these ids and times, without roles or permissions; for tests of handlers. In a running service,
    /// identities come from verified tokens.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gatekeeper_core::{Identity, env::Clock, model::*, testing::{ManualClock, SeededRandom}};
    ///
    /// let (now, random) = (ManualClock::default().now(), SeededRandom::new(1));
    /// let mut ada = Identity::new(
    ///     UserId::new(now, &random),
    ///     TenantId::DEFAULT,
    ///     SessionId::new(now, &random),
    ///     TokenId::new(now, &random),
    ///     now,
    ///     now.after(Duration::from_secs(900)),
    /// );
    /// ada.permissions.push("reports:*".to_owned());
    /// assert!(ada.has_permission("reports:read"));
    /// assert!(!ada.has_permission("users:read"));
    /// ```
    pub fn new(
        user_id: UserId,
        tenant_id: TenantId,
        session_id: SessionId,
        token_id: TokenId,
        issued_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            user_id,
            tenant_id,
            session_id,
            token_id,
            email: String::new(),
            roles: Vec::new(),
            permissions: Vec::new(),
            mfa_verified: false,
            authenticated_at: issued_at,
            methods: Vec::new(),
            issued_at,
            expires_at,
            actor: None,
            organization: None,
            api_key: None,
            claims: Map::new(),
            origin: Origin::default(),
            clean: CleanMark::default(),
        }
    }

    /// The [epoch](crate::blacklist::Blacklist::epoch) at which roles and permissions were read from the store, where they are
    /// not those of the token: what came to be known after it may concern them, what was known before does not.
    pub const fn authority_epoch(&self) -> Option<u64> {
        match &self.origin {
            Origin::Store(mark) => Some(mark.epoch()),
            Origin::Token | Origin::Omitted => None,
        }
    }

    /// Whether the user has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    /// Whether the user has this permission.
    ///
    /// It is held where it is granted by name; by `resource:*`, which holds everything below `resource`, segment by segment
    /// (`reports:*` holds `reports:read` and `reports:archive:read`, neither `reports` nor `reports2:read`); or by `*`, which
    /// holds everything in the user's own tenant.
    ///
    /// # Security
    ///
    /// Permissions over tenants (`tenants:...`) reach beyond a tenant. They must be granted by name or by `tenants:*`, and
    /// count in the default tenant alone: the `*` of a tenant's administrator does not hold them.
    pub fn has_permission(&self, permission: &str) -> bool {
        permits(self.tenant_id, &self.permissions, permission)
    }

    /// Whether the user has this permission in the active organisation: by the membership, or in the whole tenant anyway.
    ///
    /// # Security
    ///
    /// What a membership gives, even `*`, counts for the organisation in [`organization`](Self::organization) alone: whoever asks this
    /// must hold what is asked for to that organisation.
    pub fn has_organization_permission(&self, permission: &str) -> bool {
        let Some(organization) = &self.organization else {
            return false;
        };
        self.has_permission(permission)
            || permission.split(':').next() != Some(PLATFORM)
                && permits(self.tenant_id, &organization.permissions, permission)
    }

    /// Whether the user has this role in the active organisation, or in the whole tenant and any organisation is active.
    pub fn has_organization_role(&self, role: &str) -> bool {
        self.organization.as_ref().is_some_and(|organization| {
            organization.roles.iter().any(|held| held == role) || self.has_role(role)
        })
    }

    /// Refuses whoever acts as somebody else, and API keys: for what is the business of the signed-in user alone.
    ///
    /// # Errors
    ///
    /// [`AccessError::Impersonating`], [`AccessError::SessionRequired`].
    pub fn require_oneself(&self) -> Result<(), AccessError> {
        if self.api_key.is_some() {
            Err(AccessError::SessionRequired)
        } else if self.actor.is_some() {
            Err(AccessError::Impersonating)
        } else {
            Ok(())
        }
    }
}

/// Whether these permissions, held in this tenant, permit something. The one rule there is: see
/// [`Identity::has_permission`].
pub(crate) fn permits(tenant: TenantId, held: &[String], permission: &str) -> bool {
    if permission.is_empty() {
        return false;
    }
    let platform = permission.split(':').next() == Some(PLATFORM);
    if platform && tenant != TenantId::DEFAULT {
        return false;
    }
    held.iter().any(|granted| match granted.as_str() {
        "*" => !platform,
        granted => covers(granted, permission),
    })
}

/// Whether these permissions reach at least as far as those: each of those, wildcards included, is permitted by these.
pub(crate) fn reaches(tenant: TenantId, held: &[String], other: &[String]) -> bool {
    other.iter().all(|permission| match permission.as_str() {
        // What `*` holds is held by `*` alone.
        "*" => held.iter().any(|held| held == "*"),
        // In another tenant it counts for nothing.
        platform if platform.split(':').next() == Some(PLATFORM) && tenant != TenantId::DEFAULT => {
            true
        }
        permission => permits(tenant, held, permission),
    })
}

pub(crate) fn covers(granted: &str, wanted: &str) -> bool {
    if granted == wanted {
        return true;
    }
    granted
        .strip_suffix(":*")
        .and_then(|parent| wanted.strip_prefix(parent))
        .and_then(|rest| rest.strip_prefix(':'))
        .is_some_and(|rest| !rest.is_empty())
}

/// For which state of a blacklist the identity was last found clean, so that it need not be looked up again until that
/// state changes. Zero: for none.
#[derive(Debug, Default)]
pub(crate) struct CleanMark(AtomicU64);

impl CleanMark {
    pub(crate) fn is(&self, mark: u64) -> bool {
        mark != 0 && self.0.load(Ordering::Relaxed) == mark
    }

    pub(crate) fn set(&self, mark: u64) {
        self.0.store(mark, Ordering::Relaxed);
    }
}

impl Clone for CleanMark {
    /// A copy can be changed by whoever holds it, so it starts unmarked.
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededRandom;

    fn identity(permissions: &[&str]) -> Identity {
        let (now, random) = (Timestamp::default(), SeededRandom::new(1));
        let mut identity = Identity::new(
            UserId::new(now, &random),
            TenantId::DEFAULT,
            SessionId::new(now, &random),
            TokenId::new(now, &random),
            now,
            now,
        );
        identity.permissions = permissions.iter().map(|&text| text.to_owned()).collect();
        identity
    }

    #[test]
    fn a_wildcard_covers_whole_segments_alone() {
        let ada = identity(&["reports:*", "users:read", "a:b:*"]);
        for held in [
            "reports:read",
            "reports:archive:read",
            "reports:*",
            "users:read",
            "a:b:c",
        ] {
            assert!(ada.has_permission(held), "{held}");
        }
        for other in [
            "",
            ":",
            "*",
            "reports",
            "reports:",
            "reports2:read",
            "report:read",
            "Reports:read",
            "users",
            "users:rea",
            "users:reader",
            "users:read:all",
            "users:*",
            "a:b",
            "a:c",
            "a:bc:d",
            "x:reports:read",
        ] {
            assert!(!ada.has_permission(other), "{other}");
        }
        // A star is a wildcard at the end, behind a colon, and nowhere else.
        let odd = identity(&["rep*", "*:read", "x:*:z", ":*", "**"]);
        for other in ["reports:read", "report", "x:y:z", "reports", "users:read"] {
            assert!(!odd.has_permission(other), "{other}");
        }
    }

    #[test]
    fn a_tenants_administrator_is_none_of_the_platform() {
        let mut admin = identity(&["*"]);
        assert!(admin.has_permission("users:delete"));
        assert!(admin.has_permission("tenants-report:read"));
        for platform in ["tenants", "tenants:read", "tenants:write", "tenants:*"] {
            assert!(!admin.has_permission(platform), "{platform}");
        }
        assert!(!admin.has_permission(""));
        admin.permissions.push("tenants:*".to_owned());
        assert!(admin.has_permission("tenants:read"));
        admin.tenant_id = TenantId::new(Timestamp::default(), &SeededRandom::new(2));
        assert!(!admin.has_permission("tenants:read"));
        assert!(admin.has_permission("users:delete"));
    }

    #[test]
    fn roles_are_compared_whole() {
        let mut ada = identity(&[]);
        ada.roles = vec!["admin".to_owned()];
        assert!(ada.has_role("admin"));
        for other in ["", "adm", "Admin", "administrator", "*"] {
            assert!(!ada.has_role(other), "{other}");
        }
        assert!(!ada.has_permission("users:read"));
    }

    #[test]
    fn a_copy_carries_no_mark() {
        let ada = identity(&[]);
        ada.clean.set(7);
        assert!(ada.clean.is(7));
        assert!(!ada.clone().clean.is(7));
        assert!(!identity(&[]).clean.is(0));
    }
}
