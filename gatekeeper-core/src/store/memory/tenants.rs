use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{
    conflict,
    order::{newest_first, rows_for},
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{
        AuditEvent, AuditHead, Cursor, Group, Invitation, Organization, OutboxEntry, Page,
        PageRequest, Role, RoleName, Tenant, TenantId, TenantSlug, Timestamp, User,
    },
    store::{
        Constraint, GroupRepository, OrganizationRepository, RoleRepository, StoreError,
        TenantRepository, UserRepository,
    },
};

#[derive(Default)]
pub(super) struct TenantIndex {
    slug: BTreeMap<TenantSlug, TenantId>,
    // Of everybody: the owner is nobody.
    created: BTreeSet<((), Timestamp, TenantId)>,
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
        index.created.insert(((), self.created_at, self.id));
    }

    fn unindex(&self, index: &mut TenantIndex) {
        index.slug.remove(&self.slug);
        index.created.remove(&((), self.created_at, self.id));
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
            inherits: Vec::new(),
            created_at: tenant.created_at,
            updated_at: tenant.created_at,
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

    async fn find_for_update(&mut self, tenant: TenantId) -> Result<Option<Tenant>, StoreError> {
        Ok(self.state.tenants.get(&tenant).cloned())
    }

    async fn list(&mut self, page: PageRequest) -> Result<Page<Tenant>, StoreError> {
        let tenants = &self.state.tenants;
        let created = &tenants.by().created;
        let rows = newest_first(created, (), page.after, TenantId::from_uuid)
            .filter_map(|id| tenants.get(&id))
            .take(rows_for(page))
            .cloned()
            .collect();
        Ok(Page::from_rows(rows, page.limit, |tenant| Cursor {
            at: tenant.created_at,
            id: tenant.id.as_uuid(),
        }))
    }

    async fn delete(&mut self, tenant: TenantId) -> Result<bool, StoreError> {
        if tenant == TenantId::DEFAULT {
            return Ok(false);
        }
        let users = self.state.users.keys(|row: &User| row.tenant_id == tenant);
        for user in users {
            UserRepository::delete(self, tenant, user).await?;
        }
        let groups = self
            .state
            .groups
            .keys(|row: &Group| row.tenant_id == tenant);
        for group in groups {
            GroupRepository::delete(self, tenant, group).await?;
        }
        let of = |row: &Organization| row.tenant_id == tenant;
        for organization in self.state.organizations.keys(of) {
            OrganizationRepository::delete(self, tenant, organization).await?;
        }
        for (_, role) in self.state.roles.keys(|row: &Role| row.tenant_id == tenant) {
            RoleRepository::delete(self, tenant, &role).await?;
        }
        self.remove_where(|row: &Invitation| row.tenant_id == tenant);
        self.remove_where(|row: &OutboxEntry| row.tenant_id == tenant);
        self.remove_where(|row: &AuditEvent| row.tenant_id == tenant);
        self.remove_where(|row: &AuditHead| row.tenant_id == tenant);
        Ok(self.remove::<Tenant>(tenant))
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
            self.put_new_role(role);
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
