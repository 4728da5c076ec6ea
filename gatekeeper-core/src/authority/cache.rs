use std::{fmt, sync::Arc};

use quick_cache::sync::Cache;

use super::ReadMark;
use crate::{
    Identity,
    model::{Authority, OrganizationId, TenantId, UserId},
};

/// Remembers what users may do. Whether what it remembers is still so, is for the marks to say.
pub(crate) struct AuthorityCache {
    /// `None`: nothing is remembered.
    entries: Option<Cache<AuthorityKey, (Arc<Authority>, ReadMark)>>,
}

/// Whose authority, where: never is what counts in one tenant or organisation found for another (CVE-2026-33496).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AuthorityKey {
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    /// The organisation that is active.
    pub(crate) organization: Option<OrganizationId>,
}

impl AuthorityKey {
    pub(crate) fn of(identity: &Identity) -> Self {
        Self {
            tenant: identity.tenant_id,
            user: identity.user_id,
            organization: identity.organization.as_ref().map(|active| active.id),
        }
    }
}

impl AuthorityCache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            entries: (capacity > 0).then(|| Cache::new(capacity)),
        }
    }

    pub(super) fn find(&self, key: &AuthorityKey) -> Option<(Arc<Authority>, ReadMark)> {
        self.entries.as_ref()?.get(key)
    }

    /// Of two that were read at once, the one with the later news stays.
    pub(super) fn insert(&self, key: AuthorityKey, authority: &Arc<Authority>, mark: ReadMark) {
        let Some(entries) = &self.entries else {
            return;
        };
        let newer = |(_, there): (Arc<Authority>, ReadMark)| there.epoch() > mark.epoch();
        if !entries.get(&key).is_some_and(newer) {
            entries.insert(key, (Arc::clone(authority), mark));
        }
    }

    pub(super) fn remove(&self, key: &AuthorityKey) {
        if let Some(entries) = &self.entries {
            entries.remove(key);
        }
    }
}

impl fmt::Debug for AuthorityCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityCache").finish_non_exhaustive()
    }
}
