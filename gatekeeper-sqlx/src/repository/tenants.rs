use async_trait::async_trait;
use gatekeeper_core::{
    model::{Cursor, Page, PageRequest, RoleName, Tenant, TenantId},
    store::{Constraint, StoreError, TenantRepository},
};
use uuid::Uuid;

use super::{
    Call, SqlTransaction, conflict,
    dialect::Time,
    query,
    roles::NewRole,
    rows::{json, maybe},
    statements::statements,
    users::{bound, limit},
    within,
};

statements! {
    find = "SELECT {tenant} FROM {p}tenants WHERE id = $1";
    has_slug = "SELECT EXISTS (SELECT 1 FROM {p}tenants WHERE slug = $1)";
    find_for_update = "SELECT {tenant} FROM {p}tenants WHERE id = $1{for_update_shared}";
    hold = "SELECT id FROM {p}tenants WHERE id = $1{for_update}";
    list = "SELECT {tenant} FROM {p}tenants WHERE (created_at, id) < ($1, $2) \
            ORDER BY created_at DESC, id DESC LIMIT $3";
    insert = "INSERT INTO {p}tenants ({tenant}) VALUES ($1, $2, $3, $4, $5, $6, $7) \
              ON CONFLICT DO NOTHING";
    update = "UPDATE {p}tenants SET slug = $2, name = $3, suspended_at = $4, created_at = $5, \
                  settings = $6, updated_at = $7 \
              WHERE id = $1";
    // What may be much, some at a time. With users goes all that is theirs.
    delete_events = "DELETE FROM {p}audit_events WHERE id IN ( \
                         SELECT id FROM {p}audit_events WHERE tenant_id = $1 LIMIT $2)";
    delete_outbox = "DELETE FROM {p}outbox WHERE id IN ( \
                         SELECT id FROM {p}outbox WHERE tenant_id = $1 LIMIT $2)";
    delete_users = "DELETE FROM {p}users WHERE id IN ( \
                        SELECT id FROM {p}users WHERE tenant_id = $1 LIMIT $2)";
    delete_invitations = "DELETE FROM {p}invitations WHERE id IN ( \
                              SELECT id FROM {p}invitations WHERE tenant_id = $1 LIMIT $2)";
    delete_organizations = "DELETE FROM {p}organizations WHERE id IN ( \
                                SELECT id FROM {p}organizations WHERE tenant_id = $1 LIMIT $2)";
    delete_groups = "DELETE FROM {p}groups WHERE id IN ( \
                         SELECT id FROM {p}groups WHERE tenant_id = $1 LIMIT $2)";
    delete_roles = "DELETE FROM {p}roles WHERE tenant_id = $1";
    delete_head = "DELETE FROM {p}audit_heads WHERE tenant_id = $1";
    delete = "DELETE FROM {p}tenants WHERE id = $1";
}

/// How many rows of a tenant go with one statement: few enough for its time limit.
const AT_A_TIME: i64 = 1_000;

/// The roles of every tenant, with what they permit; the first migration gives them to the default tenant.
const ADMIN: (&str, &str, &[&str]) = (RoleName::ADMIN, "May do everything in its tenant.", &["*"]);
const PLATFORM_ADMIN: (&str, &str, &[&str]) = (
    RoleName::PLATFORM_ADMIN,
    "May do everything, and manage tenants.",
    &["*", "tenants:*"],
);

#[async_trait]
impl TenantRepository for SqlTransaction {
    async fn find(&mut self, tenant: TenantId) -> Result<Option<Tenant>, StoreError> {
        let query = query(&self.sql.tenants.find).bind(tenant.as_uuid());
        self.fetch_one(query).await
    }

    async fn find_for_update(&mut self, tenant: TenantId) -> Result<Option<Tenant>, StoreError> {
        let query = query(&self.sql.tenants.find_for_update).bind(tenant.as_uuid());
        self.fetch_one(query).await
    }

    async fn list(&mut self, page: PageRequest) -> Result<Page<Tenant>, StoreError> {
        let (at, id) = bound(page);
        let query = query(&self.sql.tenants.list)
            .bind(at)
            .bind(id)
            .bind(limit(page));
        let tenants: Vec<Tenant> = self.fetch(query).await?;
        Ok(Page::from_rows(tenants, page.limit, |tenant| Cursor {
            at: tenant.created_at,
            id: tenant.id.as_uuid(),
        }))
    }

    async fn delete(&mut self, tenant: TenantId) -> Result<bool, StoreError> {
        if tenant == TenantId::DEFAULT {
            return Ok(false);
        }
        let all = self.sql.clone();
        let sql = &all.tenants;
        // Held, so that nothing that refers to it comes to be meanwhile.
        let held = query(&sql.hold).bind(tenant.as_uuid());
        let held: Option<Uuid> = self.fetch_one(held).await?;
        if held.is_none() {
            return Ok(false);
        }
        for statement in [
            &sql.delete_users,
            &sql.delete_invitations,
            &sql.delete_organizations,
            &sql.delete_groups,
            &sql.delete_outbox,
            &sql.delete_events,
        ] {
            loop {
                let call = within(tenant, statement)
                    .bind(tenant.as_uuid())
                    .bind(AT_A_TIME);
                if self.execute(call).await? == 0 {
                    break;
                }
            }
        }
        for statement in [&sql.delete_roles, &sql.delete_head] {
            let call = within(tenant, statement).bind(tenant.as_uuid());
            self.execute(call).await?;
        }
        let delete = query(&sql.delete).bind(tenant.as_uuid());
        Ok(self.execute(delete).await? > 0)
    }

    async fn insert(&mut self, tenant: &Tenant) -> Result<(), StoreError> {
        let insert = write(&self.sql.tenants.insert, tenant)?;
        if self.execute(insert).await? == 0 {
            let has_slug = query(&self.sql.tenants.has_slug).bind(tenant.slug.as_str());
            let same_slug: Option<bool> = self.fetch_one(has_slug).await?;
            return Err(conflict(if same_slug == Some(true) {
                Constraint::TenantSlug
            } else {
                Constraint::Id
            }));
        }
        let roles = match tenant.id {
            TenantId::DEFAULT => [Some(ADMIN), Some(PLATFORM_ADMIN)],
            _ => [Some(ADMIN), None],
        };
        for (name, description, permissions) in roles.into_iter().flatten() {
            self.add_role(NewRole {
                tenant_id: tenant.id,
                name,
                description,
                system: true,
                permissions: permissions.iter().map(|&text| text.to_owned()).collect(),
                inherits: Vec::new(),
                created_at: tenant.created_at,
                updated_at: tenant.created_at,
            })
            .await?;
        }
        Ok(())
    }

    async fn update(&mut self, tenant: &Tenant) -> Result<bool, StoreError> {
        let update = write(&self.sql.tenants.update, tenant)?;
        Ok(self.execute_or(update, Constraint::TenantSlug).await? > 0)
    }
}

fn write<'q>(sql: &sqlx::SqlStr, tenant: &Tenant) -> Result<Call<'q>, StoreError> {
    Ok(query(sql)
        .bind(tenant.id.as_uuid())
        .bind(tenant.slug.as_str())
        .bind(tenant.name.as_str())
        .bind(maybe(tenant.suspended_at))
        .bind(Time(tenant.created_at))
        .bind(json(&tenant.settings)?)
        .bind(Time(tenant.updated_at)))
}
