use async_trait::async_trait;
use gatekeeper_core::{
    model::{Cursor, Group, GroupId, Page, PageRequest, RoleName, TenantId, Timestamp, UserId},
    store::{Constraint, GroupRepository, StoreError},
};

use super::{
    SqlTransaction, across, conflict,
    dialect::{List, Time},
    roles::names,
    statements::statements,
    users::{bound, limit},
    within,
};

statements! {
    find = "SELECT {group} FROM {p}groups g WHERE g.tenant_id = $1 AND g.id = $2";
    find_for_update = "SELECT {group} FROM {p}groups g WHERE g.tenant_id = $1 AND g.id = $2{for_update}";
    has_id = "SELECT EXISTS (SELECT 1 FROM {p}groups WHERE id = $1)";
    insert = "INSERT INTO {p}groups (id, tenant_id, name, description, created_at, updated_at) \
              VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    update = "UPDATE {p}groups SET name = $3, description = $4, updated_at = $5 \
              WHERE tenant_id = $1 AND id = $2";
    forget_roles = "DELETE FROM {p}group_roles WHERE tenant_id = $1 AND group_id = $2";
    insert_roles = "INSERT INTO {p}group_roles (tenant_id, group_id, role) \
                    SELECT $1, $2, value FROM {each_open}$3{each_close}";
    delete = "DELETE FROM {p}groups WHERE tenant_id = $1 AND id = $2";
    list = "SELECT {group} FROM {p}groups g \
            WHERE g.tenant_id = $1 AND (g.created_at, g.id) < ($2, $3) \
            ORDER BY g.created_at DESC, g.id DESC LIMIT $4";
    add_member = "INSERT INTO {p}group_members (tenant_id, group_id, user_id, created_at) \
                  VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    remove_member = "DELETE FROM {p}group_members \
                     WHERE tenant_id = $1 AND group_id = $2 AND user_id = $3";
    members = "SELECT created_at, user_id FROM {p}group_members \
               WHERE tenant_id = $1 AND group_id = $2 AND (created_at, user_id) < ($3, $4) \
               ORDER BY created_at DESC, user_id DESC LIMIT $5";
    // Few: what a user is a member of is read with every account.
    list_for_user = "SELECT {group} FROM {p}group_members m \
                     CROSS JOIN {p}groups g \
                     WHERE g.tenant_id = m.tenant_id AND g.id = m.group_id AND m.tenant_id = $1 AND m.user_id = $2 ORDER BY g.name LIMIT $3";
    any_with_role = "SELECT EXISTS (SELECT 1 FROM {p}group_roles WHERE tenant_id = $1 AND role = $2)";
}

/// The most groups of a user that are listed.
const MAX_OF_USER: i64 = 500;

impl SqlTransaction {
    async fn put_group_roles(&mut self, group: &Group) -> Result<(), StoreError> {
        if group.roles.is_empty() {
            return Ok(());
        }
        let insert = within(group.tenant_id, &self.sql.groups.insert_roles)
            .bind(group.tenant_id.as_uuid())
            .bind(group.id.as_uuid())
            .bind(List(names(&group.roles)));
        self.execute(insert).await.map(|_| ())
    }
}

#[async_trait]
impl GroupRepository for SqlTransaction {
    async fn find(
        &mut self,
        tenant: TenantId,
        group: GroupId,
    ) -> Result<Option<Group>, StoreError> {
        let call = within(tenant, &self.sql.groups.find)
            .bind(tenant.as_uuid())
            .bind(group.as_uuid());
        self.fetch_one(call).await
    }

    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        group: GroupId,
    ) -> Result<Option<Group>, StoreError> {
        let call = within(tenant, &self.sql.groups.find_for_update)
            .bind(tenant.as_uuid())
            .bind(group.as_uuid());
        self.fetch_one(call).await
    }

    async fn insert(&mut self, group: &Group) -> Result<(), StoreError> {
        let insert = within(group.tenant_id, &self.sql.groups.insert)
            .bind(group.id.as_uuid())
            .bind(group.tenant_id.as_uuid())
            .bind(group.name.as_str())
            .bind(group.description.as_str())
            .bind(Time(group.created_at))
            .bind(Time(group.updated_at));
        if self.execute(insert).await? == 0 {
            let has_id = across(&self.sql.groups.has_id).bind(group.id.as_uuid());
            let same_id: Option<bool> = self.fetch_one(has_id).await?;
            return Err(conflict(if same_id == Some(true) {
                Constraint::Id
            } else {
                Constraint::GroupName
            }));
        }
        self.put_group_roles(group).await
    }

    async fn update(&mut self, group: &Group) -> Result<bool, StoreError> {
        let (tenant, id) = (group.tenant_id, group.id.as_uuid());
        let update = within(tenant, &self.sql.groups.update)
            .bind(tenant.as_uuid())
            .bind(id)
            .bind(group.name.as_str())
            .bind(group.description.as_str())
            .bind(Time(group.updated_at));
        // The id stays, so the name is the one key that can be doubled.
        if self.execute_or(update, Constraint::GroupName).await? == 0 {
            return Ok(false);
        }
        let forget = within(tenant, &self.sql.groups.forget_roles)
            .bind(tenant.as_uuid())
            .bind(id);
        self.execute(forget).await?;
        self.put_group_roles(group).await?;
        Ok(true)
    }

    async fn delete(&mut self, tenant: TenantId, group: GroupId) -> Result<bool, StoreError> {
        let call = within(tenant, &self.sql.groups.delete)
            .bind(tenant.as_uuid())
            .bind(group.as_uuid());
        Ok(self.execute(call).await? > 0)
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        page: PageRequest,
    ) -> Result<Page<Group>, StoreError> {
        let (at, id) = bound(page);
        let call = within(tenant, &self.sql.groups.list)
            .bind(tenant.as_uuid())
            .bind(at)
            .bind(id)
            .bind(limit(page));
        let groups: Vec<Group> = self.fetch(call).await?;
        Ok(Page::from_rows(groups, page.limit, |group| Cursor {
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
        let call = within(tenant, &self.sql.groups.add_member)
            .bind(tenant.as_uuid())
            .bind(group.as_uuid())
            .bind(user.as_uuid())
            .bind(Time(now));
        Ok(self.execute(call).await? > 0)
    }

    async fn remove_member(
        &mut self,
        tenant: TenantId,
        group: GroupId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        let call = within(tenant, &self.sql.groups.remove_member)
            .bind(tenant.as_uuid())
            .bind(group.as_uuid())
            .bind(user.as_uuid());
        Ok(self.execute(call).await? > 0)
    }

    async fn members(
        &mut self,
        tenant: TenantId,
        group: GroupId,
        page: PageRequest,
    ) -> Result<Page<Cursor>, StoreError> {
        let (at, id) = bound(page);
        let call = within(tenant, &self.sql.groups.members)
            .bind(tenant.as_uuid())
            .bind(group.as_uuid())
            .bind(at)
            .bind(id)
            .bind(limit(page));
        let members: Vec<Cursor> = self.fetch(call).await?;
        Ok(Page::from_rows(members, page.limit, |member| *member))
    }

    async fn list_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<Group>, StoreError> {
        let call = within(tenant, &self.sql.groups.list_for_user)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(MAX_OF_USER);
        self.fetch(call).await
    }

    async fn any_with_role(
        &mut self,
        tenant: TenantId,
        role: &RoleName,
    ) -> Result<bool, StoreError> {
        let call = within(tenant, &self.sql.groups.any_with_role)
            .bind(tenant.as_uuid())
            .bind(role.as_str());
        let any: Option<bool> = self.fetch_one(call).await?;
        any.ok_or_else(|| StoreError::corrupt("no answer"))
    }
}
