use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{
    conflict,
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{Authority, Role, RoleName, TenantId, Timestamp, User, UserId},
    store::{Constraint, RoleRepository, StoreError},
};

impl Row for Role {
    type Key = (TenantId, String);
    type Index = ();

    fn key(&self) -> Self::Key {
        (self.tenant_id, self.name.as_str().to_owned())
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.roles
    }

    fn index(&self, (): &mut ()) {}

    fn unindex(&self, (): &mut ()) {}
}

/// That a user has a role.
#[derive(Clone)]
pub(super) struct Grant {
    user_id: UserId,
    role: String,
}

impl Row for Grant {
    type Key = (UserId, String);
    type Index = ();

    fn key(&self) -> Self::Key {
        (self.user_id, self.role.clone())
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.grants
    }

    fn index(&self, (): &mut ()) {}

    fn unindex(&self, (): &mut ()) {}
}

impl State {
    fn grants_by_role(&self, user: UserId) -> impl Iterator<Item = &Grant> {
        self.grants
            .range((user, String::new())..)
            .take_while(move |grant| grant.user_id == user)
    }

    pub(super) fn grants_of(&self, user: UserId) -> Vec<(UserId, String)> {
        self.grants_by_role(user).map(Row::key).collect()
    }

    pub(super) fn has_role(&self, user: &User, role: &str) -> bool {
        self.grants.contains(&(user.id, role.to_owned()))
    }

    pub(super) fn authority(&self, tenant: TenantId, user: UserId) -> Authority {
        if self.user(tenant, user).is_none() {
            return Authority::default();
        }
        let mut roles = Vec::new();
        let mut permissions = BTreeSet::new();
        for grant in self.grants_by_role(user) {
            roles.push(grant.role.clone());
            if let Some(role) = self.roles.get(&(tenant, grant.role.clone())) {
                permissions.extend(role.permissions.iter().cloned());
            }
        }
        Authority {
            roles,
            permissions: permissions.into_iter().collect(),
        }
    }
}

#[async_trait]
impl RoleRepository for MemoryTransaction {
    async fn find(
        &mut self,
        tenant: TenantId,
        name: &RoleName,
    ) -> Result<Option<Role>, StoreError> {
        let key = (tenant, name.as_str().to_owned());
        Ok(self.state.roles.get(&key).cloned())
    }

    async fn insert(&mut self, role: &Role) -> Result<(), StoreError> {
        self.state.require_tenant(role.tenant_id)?;
        if self.state.roles.contains(&role.key()) {
            return Err(conflict(Constraint::RoleName));
        }
        self.put(role.clone());
        Ok(())
    }

    async fn list(&mut self, tenant: TenantId) -> Result<Vec<Role>, StoreError> {
        Ok(self
            .state
            .roles
            .range((tenant, String::new())..)
            .take_while(|role| role.tenant_id == tenant)
            .cloned()
            .collect())
    }

    async fn grant(
        &mut self,
        tenant: TenantId,
        user: UserId,
        role: &RoleName,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        self.state.require_user(tenant, user)?;
        let role = role.as_str().to_owned();
        if !self.state.roles.contains(&(tenant, role.clone())) {
            return Err(conflict(Constraint::Reference));
        }
        let grant = Grant {
            user_id: user,
            role,
        };
        if self.state.grants.contains(&grant.key()) {
            return Ok(false);
        }
        // When it was granted stands in the audit trail; no contract asks for it here.
        self.put(grant);
        Ok(true)
    }

    async fn revoke(
        &mut self,
        tenant: TenantId,
        user: UserId,
        role: &RoleName,
    ) -> Result<bool, StoreError> {
        let key = (user, role.as_str().to_owned());
        if self.state.user(tenant, user).is_none() || !self.state.grants.contains(&key) {
            return Ok(false);
        }
        Ok(self.remove::<Grant>(key))
    }

    async fn authority(&mut self, tenant: TenantId, user: UserId) -> Result<Authority, StoreError> {
        Ok(self.state.authority(tenant, user))
    }
}
