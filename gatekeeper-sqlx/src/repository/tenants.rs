use async_trait::async_trait;
use gatekeeper_core::{
    model::{RoleName, Tenant, TenantId},
    store::{Constraint, StoreError, TenantRepository},
};

use super::{
    SqlTransaction, conflict,
    dialect::Time,
    query,
    rows::{json, maybe},
    statements::statements,
};

statements! {
    find = "SELECT {tenant} FROM {p}tenants WHERE id = $1";
    has_slug = "SELECT EXISTS (SELECT 1 FROM {p}tenants WHERE slug = $1)";
    insert = "INSERT INTO {p}tenants ({tenant}) VALUES ($1, $2, $3, $4, $5, $6) \
              ON CONFLICT DO NOTHING";
    update = "UPDATE {p}tenants SET slug = $2, name = $3, suspended_at = $4, created_at = $5, \
                  settings = $6 \
              WHERE id = $1";
}

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
            let role = super::roles::NewRole {
                tenant_id: tenant.id,
                name,
                description,
                system: true,
                permissions,
                created_at: tenant.created_at,
            };
            self.add_role(&role).await?;
        }
        Ok(())
    }

    async fn update(&mut self, tenant: &Tenant) -> Result<bool, StoreError> {
        let update = write(&self.sql.tenants.update, tenant)?;
        Ok(self.execute_or(update, Constraint::TenantSlug).await? > 0)
    }
}

fn write<'q>(sql: &sqlx::SqlStr, tenant: &'q Tenant) -> Result<super::Query<'q>, StoreError> {
    Ok(query(sql)
        .bind(tenant.id.as_uuid())
        .bind(tenant.slug.as_str())
        .bind(tenant.name.as_str())
        .bind(maybe(tenant.suspended_at))
        .bind(Time(tenant.created_at))
        .bind(json(&tenant.settings)?))
}
