use async_trait::async_trait;
use gatekeeper_core::{
    model::{Authority, OrganizationId, Role, RoleName, TenantId, Timestamp, UserId},
    store::{Constraint, RoleRepository, StoreError},
};

use super::{
    SqlTransaction, conflict,
    dialect::{List, Time},
    rows::{InOrganization, in_organization},
    statements::statements,
    within,
};

statements! {
    find = "SELECT {role} FROM {p}roles r WHERE r.tenant_id = $1 AND r.name = $2";
    insert = "INSERT INTO {p}roles (tenant_id, name, description, system, created_at, updated_at) \
              VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    update = "UPDATE {p}roles SET description = $3, updated_at = $4 \
              WHERE tenant_id = $1 AND name = $2";
    delete = "DELETE FROM {p}roles WHERE tenant_id = $1 AND name = $2";
    forget_permissions = "DELETE FROM {p}role_permissions WHERE tenant_id = $1 AND role = $2";
    insert_permissions = "INSERT INTO {p}role_permissions (tenant_id, role, permission) \
                          SELECT $1, $2, value FROM {each_open}$3{each_close} \
                          WHERE TRUE ON CONFLICT DO NOTHING";
    forget_inherits = "DELETE FROM {p}role_inherits WHERE tenant_id = $1 AND role = $2";
    insert_inherits = "INSERT INTO {p}role_inherits (tenant_id, role, inherits) \
                       SELECT $1, $2, value FROM {each_open}$3{each_close}";
    forget_closure = "DELETE FROM {p}role_closure WHERE tenant_id = $1 AND role = $2";
    insert_closure = "INSERT INTO {p}role_closure (tenant_id, role, stands_for) \
                      SELECT $1, $2, value FROM {each_open}$3{each_close}";
    has_other_holder = "SELECT EXISTS (SELECT 1 FROM {p}user_roles ur \
                            CROSS JOIN {p}users u \
                            WHERE u.tenant_id = ur.tenant_id AND u.id = ur.user_id \
                            AND ur.tenant_id = $1 AND ur.role = $2 AND ur.user_id <> $3 \
                            AND u.disabled_at IS NULL)";
    granted = "SELECT role FROM {p}user_roles WHERE tenant_id = $1 AND user_id = $2 ORDER BY role";
    list = "SELECT {role} FROM {p}roles r WHERE r.tenant_id = $1 ORDER BY r.name";
    // Without a user the time is any: the foreign key then speaks.
    grant = "INSERT INTO {p}user_roles (tenant_id, user_id, role, granted_at, user_created_at) \
             VALUES ($1, $2, $3, $4, COALESCE( \
                 (SELECT created_at FROM {p}users WHERE tenant_id = $1 AND id = $2), $4)) \
             ON CONFLICT DO NOTHING";
    revoke = "DELETE FROM {p}user_roles WHERE tenant_id = $1 AND user_id = $2 AND role = $3";
    authority = "SELECT {authority} FROM {p}users u WHERE u.tenant_id = $1 AND u.id = $2";
    authority_in = &format!(
        "SELECT {{authority}}, {} FROM {{p}}users u WHERE u.tenant_id = $1 AND u.id = $2",
        in_organization("$3")
    );
}

/// The names as they are stored.
pub(super) fn names(roles: &[RoleName]) -> Vec<String> {
    roles.iter().map(|role| role.as_str().to_owned()).collect()
}

/// A role to be added.
pub(super) struct NewRole<'a> {
    pub(super) tenant_id: TenantId,
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) system: bool,
    pub(super) permissions: Vec<String>,
    pub(super) inherits: Vec<String>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl SqlTransaction {
    /// Adds a role that stands for itself alone.
    pub(super) async fn add_role(&mut self, role: NewRole<'_>) -> Result<(), StoreError> {
        let sql = self.sql.clone();
        let tenant = role.tenant_id;
        let insert = within(tenant, &sql.roles.insert)
            .bind(tenant.as_uuid())
            .bind(role.name)
            .bind(role.description)
            .bind(role.system)
            .bind(Time(role.created_at))
            .bind(Time(role.updated_at));
        if self.execute(insert).await? == 0 {
            return Err(conflict(Constraint::RoleName));
        }
        for (sql, list) in [
            (&sql.roles.insert_permissions, role.permissions),
            (&sql.roles.insert_inherits, role.inherits),
            (&sql.roles.insert_closure, vec![role.name.to_owned()]),
        ] {
            self.put_all(sql, tenant, role.name, list).await?;
        }
        Ok(())
    }

    /// Adds what belongs to a role.
    async fn put_all(
        &mut self,
        sql: &sqlx::SqlStr,
        tenant: TenantId,
        role: &str,
        list: Vec<String>,
    ) -> Result<(), StoreError> {
        if list.is_empty() {
            return Ok(());
        }
        let call = within(tenant, sql)
            .bind(tenant.as_uuid())
            .bind(role)
            .bind(List(list));
        self.execute(call).await.map(|_| ())
    }

    /// Puts a list in place of the one before.
    async fn replace_all(
        &mut self,
        (forget, insert): (&sqlx::SqlStr, &sqlx::SqlStr),
        tenant: TenantId,
        role: &RoleName,
        list: Vec<String>,
    ) -> Result<(), StoreError> {
        let forget = within(tenant, forget)
            .bind(tenant.as_uuid())
            .bind(role.as_str());
        self.execute(forget).await?;
        self.put_all(insert, tenant, role.as_str(), list).await
    }
}

#[async_trait]
impl RoleRepository for SqlTransaction {
    async fn find(
        &mut self,
        tenant: TenantId,
        name: &RoleName,
    ) -> Result<Option<Role>, StoreError> {
        let call = within(tenant, &self.sql.roles.find)
            .bind(tenant.as_uuid())
            .bind(name.as_str());
        self.fetch_one(call).await
    }

    async fn insert(&mut self, role: &Role) -> Result<(), StoreError> {
        self.add_role(NewRole {
            tenant_id: role.tenant_id,
            name: role.name.as_str(),
            description: &role.description,
            system: role.system,
            permissions: role.permissions.clone(),
            inherits: names(&role.inherits),
            created_at: role.created_at,
            updated_at: role.updated_at,
        })
        .await
    }

    async fn update(&mut self, role: &Role) -> Result<bool, StoreError> {
        let sql = self.sql.clone();
        let tenant = role.tenant_id;
        let update = within(tenant, &sql.roles.update)
            .bind(tenant.as_uuid())
            .bind(role.name.as_str())
            .bind(role.description.as_str())
            .bind(Time(role.updated_at));
        if self.execute(update).await? == 0 {
            return Ok(false);
        }
        let sql = &sql.roles;
        for (statements, list) in [
            (
                (&sql.forget_permissions, &sql.insert_permissions),
                role.permissions.clone(),
            ),
            (
                (&sql.forget_inherits, &sql.insert_inherits),
                names(&role.inherits),
            ),
        ] {
            self.replace_all(statements, tenant, &role.name, list)
                .await?;
        }
        Ok(true)
    }

    async fn delete(&mut self, tenant: TenantId, name: &RoleName) -> Result<bool, StoreError> {
        let call = within(tenant, &self.sql.roles.delete)
            .bind(tenant.as_uuid())
            .bind(name.as_str());
        Ok(self.execute(call).await? > 0)
    }

    async fn set_closure(
        &mut self,
        tenant: TenantId,
        name: &RoleName,
        closure: &[RoleName],
    ) -> Result<(), StoreError> {
        let sql = self.sql.clone();
        let statements = (&sql.roles.forget_closure, &sql.roles.insert_closure);
        self.replace_all(statements, tenant, name, names(closure))
            .await
    }

    async fn has_other_holder(
        &mut self,
        tenant: TenantId,
        role: &RoleName,
        except: UserId,
    ) -> Result<bool, StoreError> {
        let call = within(tenant, &self.sql.roles.has_other_holder)
            .bind(tenant.as_uuid())
            .bind(role.as_str())
            .bind(except.as_uuid());
        let other: Option<bool> = self.fetch_one(call).await?;
        other.ok_or_else(|| StoreError::corrupt("no answer"))
    }

    async fn granted(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<RoleName>, StoreError> {
        let call = within(tenant, &self.sql.roles.granted)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid());
        self.fetch(call).await
    }

    async fn list(&mut self, tenant: TenantId) -> Result<Vec<Role>, StoreError> {
        let call = within(tenant, &self.sql.roles.list).bind(tenant.as_uuid());
        self.fetch(call).await
    }

    async fn grant(
        &mut self,
        tenant: TenantId,
        user: UserId,
        role: &RoleName,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let call = within(tenant, &self.sql.roles.grant)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(role.as_str())
            .bind(Time(now));
        Ok(self.execute(call).await? > 0)
    }

    async fn revoke(
        &mut self,
        tenant: TenantId,
        user: UserId,
        role: &RoleName,
    ) -> Result<bool, StoreError> {
        let call = within(tenant, &self.sql.roles.revoke)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(role.as_str());
        Ok(self.execute(call).await? > 0)
    }

    async fn authority(
        &mut self,
        tenant: TenantId,
        user: UserId,
        organization: Option<OrganizationId>,
    ) -> Result<Authority, StoreError> {
        let sql = self.sql.clone();
        let call = |sql| {
            within(tenant, sql)
                .bind(tenant.as_uuid())
                .bind(user.as_uuid())
        };
        let authority = match organization {
            None => self.fetch_one(call(&sql.roles.authority)).await?,
            Some(id) => {
                let call = call(&sql.roles.authority_in).bind(id.as_uuid());
                let found: Option<InOrganization> = self.fetch_one(call).await?;
                found.map(|found| found.0)
            }
        };
        Ok(authority.unwrap_or_default())
    }
}
