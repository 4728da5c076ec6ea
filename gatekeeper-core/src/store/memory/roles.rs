use std::{collections::BTreeSet, ops::Bound};

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    conflict,
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{
        Authority, OrganizationAuthority, OrganizationId, Role, RoleName, TenantId, Timestamp,
        User, UserId,
    },
    store::{Constraint, RoleRepository, StoreError},
};

impl Row for Role {
    type Key = (TenantId, RoleName);
    type Index = ();

    fn key(&self) -> Self::Key {
        (self.tenant_id, self.name.clone())
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
    tenant_id: TenantId,
    user_id: UserId,
    role: RoleName,
}

/// Who holds a role.
#[derive(Default)]
pub(super) struct GrantIndex {
    role: BTreeSet<(TenantId, RoleName, UserId)>,
}

impl Row for Grant {
    type Key = (UserId, RoleName);
    type Index = GrantIndex;

    fn key(&self) -> Self::Key {
        (self.user_id, self.role.clone())
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.grants
    }

    fn index(&self, index: &mut GrantIndex) {
        let entry = (self.tenant_id, self.role.clone(), self.user_id);
        index.role.insert(entry);
    }

    fn unindex(&self, index: &mut GrantIndex) {
        let entry = (self.tenant_id, self.role.clone(), self.user_id);
        index.role.remove(&entry);
    }
}

/// What a role stands for: itself and all that it inherits.
#[derive(Clone)]
pub(super) struct Closure {
    tenant_id: TenantId,
    name: RoleName,
    stands_for: BTreeSet<RoleName>,
}

impl Row for Closure {
    type Key = (TenantId, RoleName);
    type Index = ();

    fn key(&self) -> Self::Key {
        (self.tenant_id, self.name.clone())
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.closures
    }

    fn index(&self, (): &mut ()) {}

    fn unindex(&self, (): &mut ()) {}
}

impl State {
    fn grants_by_role(&self, user: UserId) -> impl Iterator<Item = &Grant> {
        self.grants
            .range((Bound::Included((user, RoleName::least())), Bound::Unbounded))
            .take_while(move |grant| grant.user_id == user)
    }

    pub(super) fn grants_of(&self, user: UserId) -> Vec<(UserId, RoleName)> {
        self.grants_by_role(user).map(Row::key).collect()
    }

    pub(super) fn has_role(&self, user: &User, role: &str) -> bool {
        RoleName::parse(role).is_some_and(|role| self.grants.contains(&(user.id, role)))
    }

    fn holders(&self, tenant: TenantId, role: &RoleName) -> impl Iterator<Item = UserId> {
        let id = UserId::from_uuid;
        let range =
            (tenant, role.clone(), id(Uuid::nil()))..=(tenant, role.clone(), id(Uuid::max()));
        let holders = self.grants.by().role.range(range);
        holders.map(|(_, _, user)| *user)
    }

    fn roles_of(&self, tenant: TenantId) -> impl Iterator<Item = &Role> {
        self.roles
            .range((
                Bound::Included((tenant, RoleName::least())),
                Bound::Unbounded,
            ))
            .take_while(move |role| role.tenant_id == tenant)
    }

    /// Refuses roles that the tenant has not.
    pub(super) fn require_roles(
        &self,
        tenant: TenantId,
        roles: &[RoleName],
    ) -> Result<(), StoreError> {
        let all = roles
            .iter()
            .all(|role| self.roles.contains(&(tenant, role.clone())));
        if all {
            Ok(())
        } else {
            Err(conflict(Constraint::Reference))
        }
    }

    /// The names and the permissions that follow from these roles, both sorted and without doubles.
    fn follow<'a>(
        &self,
        tenant: TenantId,
        granted: impl Iterator<Item = &'a RoleName>,
    ) -> (Vec<String>, Vec<String>) {
        let names: BTreeSet<&RoleName> = granted
            .filter_map(|role| self.closures.get(&(tenant, role.clone())))
            .flat_map(|closure| &closure.stands_for)
            .collect();
        let permissions: BTreeSet<&String> = names
            .iter()
            .filter_map(|&name| self.roles.get(&(tenant, name.clone())))
            .flat_map(|role| &role.permissions)
            .collect();
        (
            names.iter().map(|name| name.as_str().to_owned()).collect(),
            permissions.into_iter().cloned().collect(),
        )
    }

    pub(super) fn authority(
        &self,
        tenant: TenantId,
        user: UserId,
        organization: Option<OrganizationId>,
    ) -> Authority {
        if self.user(tenant, user).is_none() {
            return Authority::default();
        }
        let direct = self.grants_by_role(user).map(|grant| &grant.role);
        let groups = self.groups_of(tenant, user);
        let (roles, permissions) = self.follow(
            tenant,
            direct.chain(groups.iter().flat_map(|group| &group.roles)),
        );
        let organization = organization.and_then(|id| {
            let membership = self.membership(tenant, id, user)?;
            let (roles, permissions) = self.follow(tenant, membership.roles.iter());
            Some(OrganizationAuthority {
                id,
                roles,
                permissions,
            })
        });
        Authority {
            roles,
            permissions,
            organization,
        }
    }

    /// Adds a role as it is when it has just been inserted: it stands for itself alone.
    pub(super) fn closure_of_new(role: &Role) -> Closure {
        Closure {
            tenant_id: role.tenant_id,
            name: role.name.clone(),
            stands_for: BTreeSet::from([role.name.clone()]),
        }
    }
}

impl MemoryTransaction {
    /// Adds a role that stands for itself alone.
    pub(super) fn put_new_role(&mut self, role: Role) {
        self.put(State::closure_of_new(&role));
        self.put(role);
    }
}

#[async_trait]
impl RoleRepository for MemoryTransaction {
    async fn find(
        &mut self,
        tenant: TenantId,
        name: &RoleName,
    ) -> Result<Option<Role>, StoreError> {
        Ok(self.state.roles.get(&(tenant, name.clone())).cloned())
    }

    async fn insert(&mut self, role: &Role) -> Result<(), StoreError> {
        self.state.require_tenant(role.tenant_id)?;
        if self.state.roles.contains(&role.key()) {
            return Err(conflict(Constraint::RoleName));
        }
        self.state.require_roles(role.tenant_id, &role.inherits)?;
        self.put_new_role(role.clone());
        Ok(())
    }

    async fn update(&mut self, role: &Role) -> Result<bool, StoreError> {
        if !self.state.roles.contains(&role.key()) {
            return Ok(false);
        }
        self.state.require_roles(role.tenant_id, &role.inherits)?;
        self.change::<Role>(&role.key(), |row| {
            row.description.clone_from(&role.description);
            row.permissions.clone_from(&role.permissions);
            row.inherits.clone_from(&role.inherits);
            row.updated_at = role.updated_at;
            true
        });
        Ok(true)
    }

    async fn delete(&mut self, tenant: TenantId, name: &RoleName) -> Result<bool, StoreError> {
        let key = (tenant, name.clone());
        if !self.state.roles.contains(&key) {
            return Ok(false);
        }
        for holder in self.state.holders(tenant, name).collect::<Vec<_>>() {
            self.remove::<Grant>((holder, name.clone()));
        }
        self.take_from_groups(tenant, name);
        self.take_from_memberships(tenant, name);
        let others: Vec<_> = self.state.roles_of(tenant).map(Row::key).collect();
        for other in others {
            self.change::<Role>(&other, |row| take(&mut row.inherits, name));
            self.change::<Closure>(&other, |row| row.stands_for.remove(name));
        }
        self.remove::<Closure>(key.clone());
        Ok(self.remove::<Role>(key))
    }

    async fn set_closure(
        &mut self,
        tenant: TenantId,
        name: &RoleName,
        closure: &[RoleName],
    ) -> Result<(), StoreError> {
        self.state
            .require_roles(tenant, std::slice::from_ref(name))?;
        self.state.require_roles(tenant, closure)?;
        self.put(Closure {
            tenant_id: tenant,
            name: name.clone(),
            stands_for: closure.iter().cloned().collect(),
        });
        Ok(())
    }

    async fn has_other_holder(
        &mut self,
        tenant: TenantId,
        role: &RoleName,
        except: UserId,
    ) -> Result<bool, StoreError> {
        let mut holders = self.state.holders(tenant, role);
        Ok(holders.any(|id| {
            let user = self.state.user(tenant, id);
            id != except && user.is_some_and(User::is_active)
        }))
    }

    async fn granted(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<RoleName>, StoreError> {
        let grants = self.state.grants_by_role(user);
        Ok(grants
            .filter(|grant| grant.tenant_id == tenant)
            .map(|grant| grant.role.clone())
            .collect())
    }

    async fn list(&mut self, tenant: TenantId) -> Result<Vec<Role>, StoreError> {
        Ok(self.state.roles_of(tenant).cloned().collect())
    }

    async fn grant(
        &mut self,
        tenant: TenantId,
        user: UserId,
        role: &RoleName,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        self.state.require_user(tenant, user)?;
        self.state
            .require_roles(tenant, std::slice::from_ref(role))?;
        let grant = Grant {
            tenant_id: tenant,
            user_id: user,
            role: role.clone(),
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
        if self.state.user(tenant, user).is_none() {
            return Ok(false);
        }
        Ok(self.remove::<Grant>((user, role.clone())))
    }

    async fn authority(
        &mut self,
        tenant: TenantId,
        user: UserId,
        organization: Option<OrganizationId>,
    ) -> Result<Authority, StoreError> {
        Ok(self.state.authority(tenant, user, organization))
    }
}

/// Takes a role out of a list, and answers whether it stood there.
pub(super) fn take(roles: &mut Vec<RoleName>, name: &RoleName) -> bool {
    let before = roles.len();
    roles.retain(|role| role != name);
    roles.len() != before
}
