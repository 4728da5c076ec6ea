use async_trait::async_trait;
use gatekeeper_core::{
    model::{Authority, Role, RoleName, TenantId, Timestamp, UserId},
    store::{Constraint, RoleRepository, StoreError},
};

use super::{SqlTransaction, conflict, dialect::Time, query, statements::statements};

statements! {
    find = "SELECT {role} FROM {p}roles r WHERE r.tenant_id = $1 AND r.name = $2";
    insert = "INSERT INTO {p}roles (tenant_id, name, description, system, created_at) \
              VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    insert_permission = "INSERT INTO {p}role_permissions (tenant_id, role, permission) \
                         VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    list = "SELECT {role} FROM {p}roles r WHERE r.tenant_id = $1 ORDER BY r.name";
    // Without a user the time is any: the foreign key then speaks.
    grant = "INSERT INTO {p}user_roles (tenant_id, user_id, role, granted_at, user_created_at) \
             VALUES ($1, $2, $3, $4, COALESCE( \
                 (SELECT created_at FROM {p}users WHERE tenant_id = $1 AND id = $2), $4)) \
             ON CONFLICT DO NOTHING";
    revoke = "DELETE FROM {p}user_roles WHERE tenant_id = $1 AND user_id = $2 AND role = $3";
    authority = "SELECT {authority} FROM {p}users u WHERE u.tenant_id = $1 AND u.id = $2";
}

/// A role to be added.
pub(super) struct NewRole<'a, S> {
    pub(super) tenant_id: TenantId,
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) system: bool,
    pub(super) permissions: &'a [S],
    pub(super) created_at: Timestamp,
}

impl SqlTransaction {
    pub(super) async fn add_role<S: AsRef<str> + Sync>(
        &mut self,
        role: &NewRole<'_, S>,
    ) -> Result<(), StoreError> {
        let insert = query(&self.sql.roles.insert)
            .bind(role.tenant_id.as_uuid())
            .bind(role.name)
            .bind(role.description)
            .bind(role.system)
            .bind(Time(role.created_at));
        if self.execute(insert).await? == 0 {
            return Err(conflict(Constraint::RoleName));
        }
        for permission in role.permissions {
            let insert = query(&self.sql.roles.insert_permission)
                .bind(role.tenant_id.as_uuid())
                .bind(role.name)
                .bind(permission.as_ref());
            self.execute(insert).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl RoleRepository for SqlTransaction {
    async fn find(
        &mut self,
        tenant: TenantId,
        name: &RoleName,
    ) -> Result<Option<Role>, StoreError> {
        let query = query(&self.sql.roles.find)
            .bind(tenant.as_uuid())
            .bind(name.as_str());
        self.fetch_one(query).await
    }

    async fn insert(&mut self, role: &Role) -> Result<(), StoreError> {
        self.add_role(&NewRole {
            tenant_id: role.tenant_id,
            name: role.name.as_str(),
            description: &role.description,
            system: role.system,
            permissions: &role.permissions,
            created_at: role.created_at,
        })
        .await
    }

    async fn list(&mut self, tenant: TenantId) -> Result<Vec<Role>, StoreError> {
        let query = query(&self.sql.roles.list).bind(tenant.as_uuid());
        self.fetch(query).await
    }

    async fn grant(
        &mut self,
        tenant: TenantId,
        user: UserId,
        role: &RoleName,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let query = query(&self.sql.roles.grant)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(role.as_str())
            .bind(Time(now));
        Ok(self.execute(query).await? > 0)
    }

    async fn revoke(
        &mut self,
        tenant: TenantId,
        user: UserId,
        role: &RoleName,
    ) -> Result<bool, StoreError> {
        let query = query(&self.sql.roles.revoke)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(role.as_str());
        Ok(self.execute(query).await? > 0)
    }

    async fn authority(&mut self, tenant: TenantId, user: UserId) -> Result<Authority, StoreError> {
        let query = query(&self.sql.roles.authority)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid());
        Ok(self.fetch_one(query).await?.unwrap_or_default())
    }
}
