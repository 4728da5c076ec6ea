use async_trait::async_trait;
use gatekeeper_core::{
    model::{
        ExternalIdentity, FormerPassword, PasswordCredential, SecretString, TenantId, Timestamp,
        UserId,
    },
    store::{Constraint, CredentialRepository, StoreError},
};

use super::{SqlTransaction, conflict, dialect::Time, rows::maybe, statements::statements, within};

statements! {
    find_password = "SELECT {password} FROM {p}passwords \
                     WHERE tenant_id = $1 AND user_id = $2";
    set_password = "INSERT INTO {p}passwords ({password}) VALUES ($1, $2, $3, $4, $5) \
                    ON CONFLICT (tenant_id, user_id) \
                    DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at, \
                        must_change_since = excluded.must_change_since";
    replace_hash = "UPDATE {p}passwords SET hash = $4 \
                    WHERE tenant_id = $1 AND user_id = $2 AND hash = $3";
    add_former = "INSERT INTO {p}former_passwords ({former_password}) \
                  VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    forget_former = "DELETE FROM {p}former_passwords WHERE tenant_id = $1 AND user_id = $2 \
                     AND id NOT IN (SELECT id FROM {p}former_passwords \
                         WHERE tenant_id = $1 AND user_id = $2 ORDER BY id DESC LIMIT $3)";
    former_passwords = "SELECT {former_password} FROM {p}former_passwords \
                        WHERE tenant_id = $1 AND user_id = $2 ORDER BY id DESC LIMIT $3";
    require_password_change = "UPDATE {p}passwords SET must_change_since = $3 \
                               WHERE tenant_id = $1 AND user_id = $2 \
                               AND must_change_since IS NULL";
    delete_password = "DELETE FROM {p}passwords WHERE tenant_id = $1 AND user_id = $2";
    find_identity = "SELECT {identity} FROM {p}external_identities \
                     WHERE tenant_id = $1 AND provider = $2 AND subject = $3";
    insert_identity = "INSERT INTO {p}external_identities ({identity}) \
                       VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    list_identities = "SELECT {identity} FROM {p}external_identities \
                       WHERE tenant_id = $1 AND user_id = $2 ORDER BY provider, subject";
}

#[async_trait]
impl CredentialRepository for SqlTransaction {
    async fn find_password(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Option<PasswordCredential>, StoreError> {
        let query = within(tenant, &self.sql.credentials.find_password)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid());
        self.fetch_one(query).await
    }

    async fn set_password(&mut self, password: &PasswordCredential) -> Result<(), StoreError> {
        let query = within(password.tenant_id, &self.sql.credentials.set_password)
            .bind(password.tenant_id.as_uuid())
            .bind(password.user_id.as_uuid())
            .bind(password.hash.expose())
            .bind(Time(password.changed_at))
            .bind(maybe(password.must_change_since));
        self.execute(query).await.map(|_| ())
    }

    async fn replace_hash(
        &mut self,
        tenant: TenantId,
        user: UserId,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<bool, StoreError> {
        let query = within(tenant, &self.sql.credentials.replace_hash)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(old.expose())
            .bind(new.expose());
        Ok(self.execute(query).await? > 0)
    }

    async fn add_former_password(
        &mut self,
        former: &FormerPassword,
        keep: u32,
    ) -> Result<(), StoreError> {
        let sql = self.sql.clone();
        let (tenant, user) = (former.tenant_id, former.user_id.as_uuid());
        let add = within(tenant, &sql.credentials.add_former)
            .bind(tenant.as_uuid())
            .bind(user)
            .bind(former.id.as_uuid())
            .bind(former.hash.expose())
            .bind(Time(former.replaced_at));
        if self.execute(add).await? == 0 {
            return Err(conflict(Constraint::Id));
        }
        let forget = within(tenant, &sql.credentials.forget_former)
            .bind(tenant.as_uuid())
            .bind(user)
            .bind(i64::from(keep));
        self.execute(forget).await.map(|_| ())
    }

    async fn former_passwords(
        &mut self,
        tenant: TenantId,
        user: UserId,
        limit: u32,
    ) -> Result<Vec<FormerPassword>, StoreError> {
        let query = within(tenant, &self.sql.credentials.former_passwords)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(i64::from(limit));
        self.fetch(query).await
    }

    async fn require_password_change(
        &mut self,
        tenant: TenantId,
        user: UserId,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let query = within(tenant, &self.sql.credentials.require_password_change)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(Time(since));
        Ok(self.execute(query).await? > 0)
    }

    async fn delete_password(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        let query = within(tenant, &self.sql.credentials.delete_password)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid());
        Ok(self.execute(query).await? > 0)
    }

    async fn find_identity(
        &mut self,
        tenant: TenantId,
        provider: &str,
        subject: &str,
    ) -> Result<Option<ExternalIdentity>, StoreError> {
        let query = within(tenant, &self.sql.credentials.find_identity)
            .bind(tenant.as_uuid())
            .bind(provider)
            .bind(subject);
        self.fetch_one(query).await
    }

    async fn insert_identity(&mut self, identity: &ExternalIdentity) -> Result<(), StoreError> {
        let query = within(identity.tenant_id, &self.sql.credentials.insert_identity)
            .bind(identity.tenant_id.as_uuid())
            .bind(identity.provider.as_str())
            .bind(identity.subject.as_str())
            .bind(identity.user_id.as_uuid())
            .bind(Time(identity.created_at));
        match self.execute(query).await? {
            0 => Err(conflict(Constraint::ExternalIdentity)),
            _ => Ok(()),
        }
    }

    async fn list_identities(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<ExternalIdentity>, StoreError> {
        let query = within(tenant, &self.sql.credentials.list_identities)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid());
        self.fetch(query).await
    }
}
