//! What a process remembers of tenants, for ten seconds: which name is whose, and what differs in each.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Inner;
use crate::{
    Error,
    model::{Tenant, TenantId, TenantSettings, TenantSlug, Timestamp},
};

/// For how long something is remembered: so long another node goes by what was before.
const MEMORY: Duration = Duration::from_secs(10);
/// How many tenants are remembered.
const CAPACITY: usize = 10_000;

/// The memory.
#[derive(Debug, Default)]
pub(crate) struct TenantMemory(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    /// `None`: there is none, or it is suspended.
    names: HashMap<TenantSlug, (Option<TenantId>, Timestamp)>,
    settings: HashMap<TenantId, (Arc<TenantSettings>, Timestamp)>,
    /// Counts what was forgotten: what was read before is not remembered after.
    forgotten: u64,
}

impl TenantMemory {
    /// Forgets a tenant, so that this process sees a change at once.
    pub(crate) fn forget(&self, tenant: TenantId, slug: &TenantSlug) {
        let mut all = self.lock();
        all.names.remove(slug);
        all.settings.remove(&tenant);
        all.forgotten = all.forgotten.wrapping_add(1);
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The tenant of this name; `None` where there is none or it is suspended.
    pub(crate) async fn resolve_tenant(
        &self,
        slug: &TenantSlug,
    ) -> Result<Option<TenantId>, Error> {
        let now = self.clock.now();
        let forgotten = {
            let all = self.tenants.lock();
            if let Some((tenant, until)) = all.names.get(slug)
                && now < *until
            {
                return Ok(*tenant);
            }
            all.forgotten
        };
        let found = self.repository.find_tenant(slug).await?;
        let tenant = found.filter(Tenant::is_open).map(|tenant| tenant.id);
        let mut all = self.tenants.lock();
        // A tenant that was suspended while it was being read is not let in by what was read.
        if all.forgotten == forgotten {
            if all.names.len() >= CAPACITY {
                all.names.clear();
            }
            all.names.insert(slug.clone(), (tenant, now.after(MEMORY)));
        }
        Ok(tenant)
    }

    /// What differs in a tenant from the settings.
    pub(crate) async fn tenant_settings(
        &self,
        tenant: TenantId,
    ) -> Result<Arc<TenantSettings>, Error> {
        let now = self.clock.now();
        let forgotten = {
            let all = self.tenants.lock();
            if let Some((settings, until)) = all.settings.get(&tenant)
                && now < *until
            {
                return Ok(Arc::clone(settings));
            }
            all.forgotten
        };
        let found = self.repository.find_tenant_by_id(tenant).await?;
        let settings = Arc::new(found.map(|tenant| tenant.settings).unwrap_or_default());
        let mut all = self.tenants.lock();
        if all.forgotten == forgotten {
            if all.settings.len() >= CAPACITY {
                all.settings.clear();
            }
            let remembered = (Arc::clone(&settings), now.after(MEMORY));
            all.settings.insert(tenant, remembered);
        }
        Ok(settings)
    }
}
