use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    conflict,
    order::{newest_first, rows_for},
    roles::take,
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{
        Cursor, Invitation, Membership, Organization, OrganizationId, Page, PageRequest, RoleName,
        TenantId, TenantSlug, Timestamp, UserId,
    },
    store::{Constraint, OrganizationRepository, StoreError},
};

#[derive(Default)]
pub(super) struct OrganizationIndex {
    slug: BTreeMap<(TenantId, TenantSlug), OrganizationId>,
    created: BTreeSet<(TenantId, Timestamp, OrganizationId)>,
}

impl Row for Organization {
    type Key = OrganizationId;
    type Index = OrganizationIndex;

    fn key(&self) -> OrganizationId {
        self.id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.organizations
    }

    fn index(&self, index: &mut OrganizationIndex) {
        let slug = (self.tenant_id, self.slug.clone());
        index.slug.insert(slug, self.id);
        index
            .created
            .insert((self.tenant_id, self.created_at, self.id));
    }

    fn unindex(&self, index: &mut OrganizationIndex) {
        index.slug.remove(&(self.tenant_id, self.slug.clone()));
        index
            .created
            .remove(&(self.tenant_id, self.created_at, self.id));
    }
}

type MemberKey = (OrganizationId, UserId);

#[derive(Default)]
pub(super) struct MembershipIndex {
    user: BTreeSet<(UserId, Timestamp, OrganizationId)>,
    organization: BTreeSet<(OrganizationId, Timestamp, UserId)>,
}

impl Row for Membership {
    type Key = MemberKey;
    type Index = MembershipIndex;

    fn key(&self) -> MemberKey {
        (self.organization_id, self.user_id)
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.memberships
    }

    fn index(&self, index: &mut MembershipIndex) {
        let (organization, user) = self.key();
        index.user.insert((user, self.created_at, organization));
        index
            .organization
            .insert((organization, self.created_at, user));
    }

    fn unindex(&self, index: &mut MembershipIndex) {
        let (organization, user) = self.key();
        index.user.remove(&(user, self.created_at, organization));
        index
            .organization
            .remove(&(organization, self.created_at, user));
    }
}

impl State {
    pub(super) fn organization(
        &self,
        tenant: TenantId,
        organization: OrganizationId,
    ) -> Option<&Organization> {
        self.organizations
            .get(&organization)
            .filter(|row| row.tenant_id == tenant)
    }

    pub(super) fn membership(
        &self,
        tenant: TenantId,
        organization: OrganizationId,
        user: UserId,
    ) -> Option<&Membership> {
        self.memberships
            .get(&(organization, user))
            .filter(|row| row.tenant_id == tenant)
    }

    /// The keys of a user's memberships.
    pub(super) fn memberships_of(&self, user: UserId) -> Vec<MemberKey> {
        let by = &self.memberships.by().user;
        newest_first(by, user, None, OrganizationId::from_uuid)
            .map(|organization| (organization, user))
            .collect()
    }

    fn slug_is_anothers(&self, organization: &Organization) -> bool {
        let key = (organization.tenant_id, organization.slug.clone());
        let holder = self.organizations.by().slug.get(&key);
        holder.is_some_and(|holder| *holder != organization.id)
    }
}

impl MemoryTransaction {
    /// Takes a role from every membership that has it.
    pub(super) fn take_from_memberships(&mut self, tenant: TenantId, role: &RoleName) {
        let memberships = self
            .state
            .memberships
            .keys(|row: &Membership| row.tenant_id == tenant);
        for membership in memberships {
            self.change::<Membership>(&membership, |row| take(&mut row.roles, role));
        }
    }
}

#[async_trait]
impl OrganizationRepository for MemoryTransaction {
    async fn find(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
    ) -> Result<Option<Organization>, StoreError> {
        Ok(self.state.organization(tenant, organization).cloned())
    }

    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
    ) -> Result<Option<Organization>, StoreError> {
        Ok(self.state.organization(tenant, organization).cloned())
    }

    async fn insert(&mut self, organization: &Organization) -> Result<(), StoreError> {
        self.state.require_tenant(organization.tenant_id)?;
        if self.state.organizations.contains(&organization.id) {
            return Err(conflict(Constraint::Id));
        }
        if self.state.slug_is_anothers(organization) {
            return Err(conflict(Constraint::OrganizationSlug));
        }
        self.put(organization.clone());
        Ok(())
    }

    async fn update(&mut self, organization: &Organization) -> Result<bool, StoreError> {
        let (tenant, id) = (organization.tenant_id, organization.id);
        if self.state.organization(tenant, id).is_none() {
            return Ok(false);
        }
        if self.state.slug_is_anothers(organization) {
            return Err(conflict(Constraint::OrganizationSlug));
        }
        self.put(organization.clone());
        Ok(true)
    }

    async fn delete(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
    ) -> Result<bool, StoreError> {
        if self.state.organization(tenant, organization).is_none() {
            return Ok(false);
        }
        let id = UserId::from_uuid;
        let members: Vec<MemberKey> = self
            .state
            .memberships
            .range((organization, id(Uuid::nil()))..=(organization, id(Uuid::max())))
            .map(Row::key)
            .collect();
        for member in members {
            self.remove::<Membership>(member);
        }
        let invitations = self
            .state
            .invitations
            .keys(|row: &Invitation| row.organization_id == Some(organization));
        for invitation in invitations {
            self.remove::<Invitation>(invitation);
        }
        Ok(self.remove::<Organization>(organization))
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        page: PageRequest,
    ) -> Result<Page<Organization>, StoreError> {
        let organizations = &self.state.organizations;
        let created = &organizations.by().created;
        let rows = newest_first(created, tenant, page.after, OrganizationId::from_uuid)
            .filter_map(|id| organizations.get(&id))
            .take(rows_for(page))
            .cloned()
            .collect();
        Ok(Page::from_rows(rows, page.limit, |row| Cursor {
            at: row.created_at,
            id: row.id.as_uuid(),
        }))
    }

    async fn put_member(&mut self, membership: &Membership) -> Result<bool, StoreError> {
        let tenant = membership.tenant_id;
        self.state.require_user(tenant, membership.user_id)?;
        let organization = membership.organization_id;
        if self.state.organization(tenant, organization).is_none() {
            return Err(conflict(Constraint::Reference));
        }
        self.state.require_roles(tenant, &membership.roles)?;
        let there = self.change::<Membership>(&membership.key(), |row| {
            row.roles.clone_from(&membership.roles);
            true
        });
        if there.is_none() {
            self.put(membership.clone());
        }
        Ok(there.is_some())
    }

    async fn remove_member(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        if self.state.membership(tenant, organization, user).is_none() {
            return Ok(false);
        }
        Ok(self.remove::<Membership>((organization, user)))
    }

    async fn find_member(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<Membership>, StoreError> {
        let membership = self.state.membership(tenant, organization, user);
        Ok(membership.cloned())
    }

    async fn members(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
        page: PageRequest,
    ) -> Result<Page<Membership>, StoreError> {
        let by = &self.state.memberships.by().organization;
        let rows = newest_first(by, organization, page.after, UserId::from_uuid)
            .filter_map(|user| self.state.membership(tenant, organization, user))
            .take(rows_for(page))
            .cloned()
            .collect();
        Ok(Page::from_rows(rows, page.limit, |row| Cursor {
            at: row.created_at,
            id: row.user_id.as_uuid(),
        }))
    }

    async fn list_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        page: PageRequest,
    ) -> Result<Page<(Organization, Membership)>, StoreError> {
        let by = &self.state.memberships.by().user;
        let rows = newest_first(by, user, page.after, OrganizationId::from_uuid)
            .filter_map(|id| {
                let organization = self.state.organization(tenant, id)?;
                let membership = self.state.membership(tenant, id, user)?;
                Some((organization.clone(), membership.clone()))
            })
            .take(rows_for(page))
            .collect();
        Ok(Page::from_rows(rows, page.limit, |(row, membership)| {
            Cursor {
                at: membership.created_at,
                id: row.id.as_uuid(),
            }
        }))
    }
}
