use async_trait::async_trait;
use gatekeeper_core::{
    model::{
        Cursor, Membership, Organization, OrganizationId, Page, PageRequest, TenantId, UserId,
    },
    store::{Constraint, OrganizationRepository, StoreError},
};

use super::{
    Call, SqlTransaction, across, conflict,
    dialect::{List, Time},
    roles::names,
    rows::json,
    statements::statements,
    users::{bound, limit},
    within,
};

statements! {
    find = "SELECT {organization} FROM {p}organizations o WHERE o.tenant_id = $1 AND o.id = $2";
    find_for_update = "SELECT {organization} FROM {p}organizations o \
                       WHERE o.tenant_id = $1 AND o.id = $2{for_update}";
    has_id = "SELECT EXISTS (SELECT 1 FROM {p}organizations WHERE id = $1)";
    insert = "INSERT INTO {p}organizations (id, tenant_id, slug, name, metadata, created_at, \
                  updated_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    update = "UPDATE {p}organizations SET slug = $3, name = $4, metadata = $5, created_at = $6, \
                  updated_at = $7 \
              WHERE id = $1 AND tenant_id = $2";
    delete = "DELETE FROM {p}organizations WHERE tenant_id = $1 AND id = $2";
    list = "SELECT {organization} FROM {p}organizations o \
            WHERE o.tenant_id = $1 AND (o.created_at, o.id) < ($2, $3) \
            ORDER BY o.created_at DESC, o.id DESC LIMIT $4";
    add_member = "INSERT INTO {p}organization_members (tenant_id, organization_id, user_id, \
                      created_at) \
                  VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    // Two who write the roles of one member at once would otherwise leave those of both.
    hold_member = "SELECT m.user_id FROM {p}organization_members m \
                   WHERE m.tenant_id = $1 AND m.organization_id = $2 AND m.user_id = $3{for_update}";
    forget_roles = "DELETE FROM {p}organization_member_roles \
                    WHERE tenant_id = $1 AND organization_id = $2 AND user_id = $3";
    insert_roles = "INSERT INTO {p}organization_member_roles (tenant_id, organization_id, user_id, \
                        role) \
                    SELECT $1, $2, $3, value FROM {each_open}$4{each_close}";
    remove_member = "DELETE FROM {p}organization_members \
                     WHERE tenant_id = $1 AND organization_id = $2 AND user_id = $3";
    find_member = "SELECT {membership} FROM {p}organization_members m \
                   WHERE m.tenant_id = $1 AND m.organization_id = $2 AND m.user_id = $3";
    members = "SELECT {membership} FROM {p}organization_members m \
               WHERE m.tenant_id = $1 AND m.organization_id = $2 \
               AND (m.created_at, m.user_id) < ($3, $4) \
               ORDER BY m.created_at DESC, m.user_id DESC LIMIT $5";
    list_for_user = "SELECT {organization}, {membership} FROM {p}organization_members m \
                     CROSS JOIN {p}organizations o \
                     WHERE o.tenant_id = m.tenant_id AND o.id = m.organization_id \
                     AND m.tenant_id = $1 AND m.user_id = $2 \
                     AND (m.created_at, m.organization_id) < ($3, $4) \
                     ORDER BY m.created_at DESC, m.organization_id DESC LIMIT $5";
}

fn member<'q>(
    sql: &sqlx::SqlStr,
    tenant: TenantId,
    organization: OrganizationId,
    user: UserId,
) -> Call<'q> {
    within(tenant, sql)
        .bind(tenant.as_uuid())
        .bind(organization.as_uuid())
        .bind(user.as_uuid())
}

#[async_trait]
impl OrganizationRepository for SqlTransaction {
    async fn find(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
    ) -> Result<Option<Organization>, StoreError> {
        let call = within(tenant, &self.sql.organizations.find)
            .bind(tenant.as_uuid())
            .bind(organization.as_uuid());
        self.fetch_one(call).await
    }

    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
    ) -> Result<Option<Organization>, StoreError> {
        let call = within(tenant, &self.sql.organizations.find_for_update)
            .bind(tenant.as_uuid())
            .bind(organization.as_uuid());
        self.fetch_one(call).await
    }

    async fn insert(&mut self, organization: &Organization) -> Result<(), StoreError> {
        let insert = write(&self.sql.organizations.insert, organization)?;
        if self.execute(insert).await? == 1 {
            return Ok(());
        }
        let has_id = across(&self.sql.organizations.has_id).bind(organization.id.as_uuid());
        let same_id: Option<bool> = self.fetch_one(has_id).await?;
        Err(conflict(if same_id == Some(true) {
            Constraint::Id
        } else {
            Constraint::OrganizationSlug
        }))
    }

    async fn update(&mut self, organization: &Organization) -> Result<bool, StoreError> {
        // The id stays, so the slug is the one key that can be doubled.
        let update = write(&self.sql.organizations.update, organization)?;
        Ok(self
            .execute_or(update, Constraint::OrganizationSlug)
            .await?
            > 0)
    }

    async fn delete(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
    ) -> Result<bool, StoreError> {
        let call = within(tenant, &self.sql.organizations.delete)
            .bind(tenant.as_uuid())
            .bind(organization.as_uuid());
        Ok(self.execute(call).await? > 0)
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        page: PageRequest,
    ) -> Result<Page<Organization>, StoreError> {
        let (at, id) = bound(page);
        let call = within(tenant, &self.sql.organizations.list)
            .bind(tenant.as_uuid())
            .bind(at)
            .bind(id)
            .bind(limit(page));
        let organizations: Vec<Organization> = self.fetch(call).await?;
        Ok(Page::from_rows(organizations, page.limit, |row| Cursor {
            at: row.created_at,
            id: row.id.as_uuid(),
        }))
    }

    async fn put_member(&mut self, membership: &Membership) -> Result<bool, StoreError> {
        let sql = self.sql.clone();
        let sql = &sql.organizations;
        let of = |sql| {
            let Membership {
                tenant_id,
                organization_id,
                user_id,
                ..
            } = *membership;
            member(sql, tenant_id, organization_id, user_id)
        };
        let add = of(&sql.add_member).bind(Time(membership.created_at));
        let was_there = self.execute(add).await? == 0;
        if was_there {
            let _: Option<uuid::Uuid> = self.fetch_one(of(&sql.hold_member)).await?;
            self.execute(of(&sql.forget_roles)).await?;
        }
        if !membership.roles.is_empty() {
            let insert = of(&sql.insert_roles).bind(List(names(&membership.roles)));
            self.execute(insert).await?;
        }
        Ok(was_there)
    }

    async fn remove_member(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        let sql = &self.sql.organizations.remove_member;
        let call = member(sql, tenant, organization, user);
        Ok(self.execute(call).await? > 0)
    }

    async fn find_member(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<Membership>, StoreError> {
        let sql = &self.sql.organizations.find_member;
        let call = member(sql, tenant, organization, user);
        self.fetch_one(call).await
    }

    async fn members(
        &mut self,
        tenant: TenantId,
        organization: OrganizationId,
        page: PageRequest,
    ) -> Result<Page<Membership>, StoreError> {
        let (at, id) = bound(page);
        let call = within(tenant, &self.sql.organizations.members)
            .bind(tenant.as_uuid())
            .bind(organization.as_uuid())
            .bind(at)
            .bind(id)
            .bind(limit(page));
        let members: Vec<Membership> = self.fetch(call).await?;
        Ok(Page::from_rows(members, page.limit, |row| Cursor {
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
        let (at, id) = bound(page);
        let call = within(tenant, &self.sql.organizations.list_for_user)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(at)
            .bind(id)
            .bind(limit(page));
        let rows: Vec<(Organization, Membership)> = self.fetch(call).await?;
        Ok(Page::from_rows(rows, page.limit, |(row, membership)| {
            Cursor {
                at: membership.created_at,
                id: row.id.as_uuid(),
            }
        }))
    }
}

fn write<'q>(sql: &sqlx::SqlStr, organization: &Organization) -> Result<Call<'q>, StoreError> {
    Ok(within(organization.tenant_id, sql)
        .bind(organization.id.as_uuid())
        .bind(organization.tenant_id.as_uuid())
        .bind(organization.slug.as_str())
        .bind(organization.name.as_str())
        .bind(json(&organization.metadata)?)
        .bind(Time(organization.created_at))
        .bind(Time(organization.updated_at)))
}
