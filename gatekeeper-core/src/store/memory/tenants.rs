use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{
    conflict,
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{Role, RoleName, Tenant, TenantId, TenantSlug},
    store::{Constraint, StoreError, TenantRepository},
};

#[derive(Default)]
pub(super) struct TenantIndex {
    slug: BTreeMap<TenantSlug, TenantId>,
}

impl Row for Tenant {
    type Key = TenantId;
    type Index = TenantIndex;

    fn key(&self) -> TenantId {
        self.id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.tenants
    }

    fn index(&self, index: &mut TenantIndex) {
        index.slug.insert(self.slug.clone(), self.id);
    }

    fn unindex(&self, index: &mut TenantIndex) {
        index.slug.remove(&self.slug);
    }
}

/// The roles that come with a tenant.
pub(super) fn system_roles(tenant: &Tenant) -> Vec<Role> {
    let role = |name: &str, description: &str, permissions: &[&str]| {
        RoleName::parse(name).map(|name| Role {
            tenant_id: tenant.id,
            name,
            description: description.to_owned(),
            system: true,
            permissions: permissions.iter().map(|&text| text.to_owned()).collect(),
            created_at: tenant.created_at,
        })
    };
    let admin = role(RoleName::ADMIN, "May do everything in this tenant.", &["*"]);
    let platform = if tenant.id == TenantId::DEFAULT {
        role(
            RoleName::PLATFORM_ADMIN,
            "May do everything, and manage tenants.",
            &["*", "tenants:*"],
        )
    } else {
        None
    };
    admin.into_iter().chain(platform).collect()
}

impl State {
    pub(super) fn tenant_by_slug(&self, slug: &TenantSlug) -> Option<&Tenant> {
        let id = self.tenants.by().slug.get(slug)?;
        self.tenants.get(id)
    }

    pub(super) fn require_tenant(&self, tenant: TenantId) -> Result<(), StoreError> {
        if self.tenants.contains(&tenant) {
            Ok(())
        } else {
            Err(conflict(Constraint::Reference))
        }
    }
}

#[async_trait]
impl TenantRepository for MemoryTransaction {
    async fn find(&mut self, tenant: TenantId) -> Result<Option<Tenant>, StoreError> {
        Ok(self.state.tenants.get(&tenant).cloned())
    }

    async fn insert(&mut self, tenant: &Tenant) -> Result<(), StoreError> {
        if self.state.tenant_by_slug(&tenant.slug).is_some() {
            return Err(conflict(Constraint::TenantSlug));
        }
        if self.state.tenants.contains(&tenant.id) {
            return Err(conflict(Constraint::Id));
        }
        self.put(tenant.clone());
        for role in system_roles(tenant) {
            self.put(role);
        }
        Ok(())
    }

    async fn update(&mut self, tenant: &Tenant) -> Result<bool, StoreError> {
        if !self.state.tenants.contains(&tenant.id) {
            return Ok(false);
        }
        let holder = self.state.tenant_by_slug(&tenant.slug);
        if holder.is_some_and(|holder| holder.id != tenant.id) {
            return Err(conflict(Constraint::TenantSlug));
        }
        self.put(tenant.clone());
        Ok(true)
    }
}
