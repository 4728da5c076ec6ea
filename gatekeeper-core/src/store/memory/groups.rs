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
    model::{Cursor, Group, GroupId, Page, PageRequest, RoleName, TenantId, Timestamp, UserId},
    store::{Constraint, GroupRepository, StoreError},
};

/// The most groups that a user's list holds.
const MAX_GROUPS_OF_USER: usize = 500;

#[derive(Default)]
pub(super) struct GroupIndex {
    name: BTreeMap<(TenantId, String), GroupId>,
    created: BTreeSet<(TenantId, Timestamp, GroupId)>,
}

impl Row for Group {
    type Key = GroupId;
    type Index = GroupIndex;

    fn key(&self) -> GroupId {
        self.id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.groups
    }

    fn index(&self, index: &mut GroupIndex) {
        let name = (self.tenant_id, self.name.clone());
        index.name.insert(name, self.id);
        index
            .created
            .insert((self.tenant_id, self.created_at, self.id));
    }

    fn unindex(&self, index: &mut GroupIndex) {
        index.name.remove(&(self.tenant_id, self.name.clone()));
        index
            .created
            .remove(&(self.tenant_id, self.created_at, self.id));
    }
}

/// That a user belongs to a group.
#[derive(Clone)]
pub(super) struct GroupMember {
    group_id: GroupId,
    user_id: UserId,
    since: Timestamp,
}

#[derive(Default)]
pub(super) struct GroupMemberIndex {
    user: BTreeSet<(UserId, GroupId)>,
    since: BTreeSet<(GroupId, Timestamp, UserId)>,
}

impl Row for GroupMember {
    type Key = (GroupId, UserId);
    type Index = GroupMemberIndex;

    fn key(&self) -> Self::Key {
        (self.group_id, self.user_id)
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.group_members
    }

    fn index(&self, index: &mut GroupMemberIndex) {
        index.user.insert((self.user_id, self.group_id));
        index
            .since
            .insert((self.group_id, self.since, self.user_id));
    }

    fn unindex(&self, index: &mut GroupMemberIndex) {
        index.user.remove(&(self.user_id, self.group_id));
        index
            .since
            .remove(&(self.group_id, self.since, self.user_id));
    }
}

impl State {
    fn group(&self, tenant: TenantId, group: GroupId) -> Option<&Group> {
        self.groups
            .get(&group)
            .filter(|row| row.tenant_id == tenant)
    }

    /// The keys of a user's memberships.
    pub(super) fn group_memberships_of(&self, user: UserId) -> Vec<(GroupId, UserId)> {
        let id = GroupId::from_uuid;
        let range = (user, id(Uuid::nil()))..=(user, id(Uuid::max()));
        let groups = self.group_members.by().user.range(range);
        groups.map(|(user, group)| (*group, *user)).collect()
    }

    pub(super) fn groups_of(&self, tenant: TenantId, user: UserId) -> Vec<&Group> {
        let groups = self.group_memberships_of(user).into_iter();
        groups
            .filter_map(|(group, _)| self.group(tenant, group))
            .collect()
    }

    fn name_is_anothers(&self, group: &Group) -> bool {
        let key = (group.tenant_id, group.name.clone());
        let holder = self.groups.by().name.get(&key);
        holder.is_some_and(|holder| *holder != group.id)
    }
}

impl MemoryTransaction {
    /// Takes a role from every group that has it.
    pub(super) fn take_from_groups(&mut self, tenant: TenantId, role: &RoleName) {
        let groups = self
            .state
            .groups
            .keys(|row: &Group| row.tenant_id == tenant);
        for group in groups {
            self.change::<Group>(&group, |row| take(&mut row.roles, role));
        }
    }
}

#[async_trait]
impl GroupRepository for MemoryTransaction {
    async fn find(
        &mut self,
        tenant: TenantId,
        group: GroupId,
    ) -> Result<Option<Group>, StoreError> {
        Ok(self.state.group(tenant, group).cloned())
    }

    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        group: GroupId,
    ) -> Result<Option<Group>, StoreError> {
        Ok(self.state.group(tenant, group).cloned())
    }

    async fn insert(&mut self, group: &Group) -> Result<(), StoreError> {
        self.state.require_tenant(group.tenant_id)?;
        if self.state.groups.contains(&group.id) {
            return Err(conflict(Constraint::Id));
        }
        if self.state.name_is_anothers(group) {
            return Err(conflict(Constraint::GroupName));
        }
        self.state.require_roles(group.tenant_id, &group.roles)?;
        self.put(group.clone());
        Ok(())
    }

    async fn update(&mut self, group: &Group) -> Result<bool, StoreError> {
        if self.state.group(group.tenant_id, group.id).is_none() {
            return Ok(false);
        }
        if self.state.name_is_anothers(group) {
            return Err(conflict(Constraint::GroupName));
        }
        self.state.require_roles(group.tenant_id, &group.roles)?;
        self.change::<Group>(&group.id, |row| {
            row.name.clone_from(&group.name);
            row.description.clone_from(&group.description);
            row.roles.clone_from(&group.roles);
            row.updated_at = group.updated_at;
            true
        });
        Ok(true)
    }

    async fn delete(&mut self, tenant: TenantId, group: GroupId) -> Result<bool, StoreError> {
        if self.state.group(tenant, group).is_none() {
            return Ok(false);
        }
        let members = self
            .state
            .group_members
            .keys(|row: &GroupMember| row.group_id == group);
        for member in members {
            self.remove::<GroupMember>(member);
        }
        Ok(self.remove::<Group>(group))
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        page: PageRequest,
    ) -> Result<Page<Group>, StoreError> {
        let groups = &self.state.groups;
        let created = &groups.by().created;
        let rows = newest_first(created, tenant, page.after, GroupId::from_uuid)
            .filter_map(|id| groups.get(&id))
            .take(rows_for(page))
            .cloned()
            .collect();
        Ok(Page::from_rows(rows, page.limit, |group| Cursor {
            at: group.created_at,
            id: group.id.as_uuid(),
        }))
    }

    async fn add_member(
        &mut self,
        tenant: TenantId,
        group: GroupId,
        user: UserId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.state.require_user(tenant, user)?;
        if self.state.group(tenant, group).is_none() {
            return Err(conflict(Constraint::Reference));
        }
        if self.state.group_members.contains(&(group, user)) {
            return Ok(false);
        }
        self.put(GroupMember {
            group_id: group,
            user_id: user,
            since: now,
        });
        Ok(true)
    }

    async fn remove_member(
        &mut self,
        tenant: TenantId,
        group: GroupId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        if self.state.group(tenant, group).is_none() {
            return Ok(false);
        }
        Ok(self.remove::<GroupMember>((group, user)))
    }

    async fn members(
        &mut self,
        tenant: TenantId,
        group: GroupId,
        page: PageRequest,
    ) -> Result<Page<Cursor>, StoreError> {
        let members = &self.state.group_members;
        let rows = if self.state.group(tenant, group).is_none() {
            Vec::new()
        } else {
            let since = &members.by().since;
            newest_first(since, group, page.after, UserId::from_uuid)
                .filter_map(|user| members.get(&(group, user)))
                .take(rows_for(page))
                .map(|row| Cursor {
                    at: row.since,
                    id: row.user_id.as_uuid(),
                })
                .collect()
        };
        Ok(Page::from_rows(rows, page.limit, |cursor| *cursor))
    }

    async fn list_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<Group>, StoreError> {
        let mut groups = self.state.groups_of(tenant, user);
        groups.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let groups = groups.into_iter().take(MAX_GROUPS_OF_USER);
        Ok(groups.cloned().collect())
    }

    async fn any_with_role(
        &mut self,
        tenant: TenantId,
        role: &RoleName,
    ) -> Result<bool, StoreError> {
        let groups = &self.state.groups;
        let having = groups.keys(|row: &Group| row.tenant_id == tenant && row.roles.contains(role));
        Ok(!having.is_empty())
    }
}
