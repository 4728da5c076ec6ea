use async_trait::async_trait;
use gatekeeper_core::{
    model::{BackupCode, MfaCredential, SecretString, TenantId, Timestamp, UserId},
    store::{Constraint, MfaRepository, StoreError},
};

use super::{SqlTransaction, conflict, dialect::Time, rows::maybe, statements::statements, within};

statements! {
    list = "SELECT {mfa_credential} FROM {p}mfa_credentials \
            WHERE tenant_id = $1 AND user_id = $2 ORDER BY method";
    put = "INSERT INTO {p}mfa_credentials AS m ({mfa_credential}) \
           VALUES ($1, $2, $3, $4, $5, $6, $7) \
           ON CONFLICT (tenant_id, user_id, method) DO UPDATE SET \
               sealed = excluded.sealed, created_at = excluded.created_at, \
               confirmed_at = excluded.confirmed_at, counter = excluded.counter \
           WHERE m.confirmed_at IS NULL";
    confirm = "UPDATE {p}mfa_credentials SET confirmed_at = $5, counter = $4 \
               WHERE tenant_id = $1 AND user_id = $2 AND method = $3 AND confirmed_at IS NULL";
    advance = "UPDATE {p}mfa_credentials SET counter = $4 \
               WHERE tenant_id = $1 AND user_id = $2 AND method = $3 \
               AND confirmed_at IS NOT NULL AND counter < $4";
    delete = "DELETE FROM {p}mfa_credentials \
              WHERE tenant_id = $1 AND user_id = $2 AND method = $3";
    list_codes = "SELECT {backup_code} FROM {p}backup_codes \
                  WHERE tenant_id = $1 AND user_id = $2 ORDER BY id";
    delete_codes = "DELETE FROM {p}backup_codes WHERE tenant_id = $1 AND user_id = $2";
    insert_code = "INSERT INTO {p}backup_codes (tenant_id, user_id, {backup_code}) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    consume_code = "DELETE FROM {p}backup_codes \
                    WHERE tenant_id = $1 AND user_id = $2 AND hash = $3";
}

#[async_trait]
impl MfaRepository for SqlTransaction {
    async fn list(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<MfaCredential>, StoreError> {
        let query = within(tenant, &self.sql.mfa.list)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid());
        self.fetch(query).await
    }

    async fn put(&mut self, credential: &MfaCredential) -> Result<(), StoreError> {
        let query = within(credential.tenant_id, &self.sql.mfa.put)
            .bind(credential.tenant_id.as_uuid())
            .bind(credential.user_id.as_uuid())
            .bind(credential.method.as_str())
            .bind(credential.sealed.as_slice())
            .bind(Time(credential.created_at))
            .bind(maybe(credential.confirmed_at))
            .bind(credential.counter);
        match self.execute(query).await? {
            0 => Err(conflict(Constraint::MfaMethod)),
            _ => Ok(()),
        }
    }

    async fn confirm(
        &mut self,
        tenant: TenantId,
        user: UserId,
        method: &str,
        counter: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let query = within(tenant, &self.sql.mfa.confirm)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(method)
            .bind(counter)
            .bind(Time(now));
        Ok(self.execute(query).await? > 0)
    }

    async fn advance(
        &mut self,
        tenant: TenantId,
        user: UserId,
        method: &str,
        counter: i64,
    ) -> Result<bool, StoreError> {
        let query = within(tenant, &self.sql.mfa.advance)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(method)
            .bind(counter);
        Ok(self.execute(query).await? > 0)
    }

    async fn delete(
        &mut self,
        tenant: TenantId,
        user: UserId,
        method: &str,
    ) -> Result<bool, StoreError> {
        let query = within(tenant, &self.sql.mfa.delete)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(method);
        Ok(self.execute(query).await? > 0)
    }

    async fn replace_backup_codes(
        &mut self,
        tenant: TenantId,
        user: UserId,
        codes: &[BackupCode],
    ) -> Result<(), StoreError> {
        let sql = self.sql.clone();
        let delete = within(tenant, &sql.mfa.delete_codes)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid());
        self.execute(delete).await?;
        for code in codes {
            let insert = within(tenant, &sql.mfa.insert_code)
                .bind(tenant.as_uuid())
                .bind(user.as_uuid())
                .bind(code.id.as_uuid())
                .bind(code.hash.expose())
                .bind(Time(code.created_at));
            if self.execute(insert).await? == 0 {
                return Err(conflict(Constraint::Id));
            }
        }
        Ok(())
    }

    async fn list_backup_codes(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<BackupCode>, StoreError> {
        let query = within(tenant, &self.sql.mfa.list_codes)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid());
        self.fetch(query).await
    }

    async fn consume_backup_code(
        &mut self,
        tenant: TenantId,
        user: UserId,
        hash: &SecretString,
    ) -> Result<bool, StoreError> {
        let query = within(tenant, &self.sql.mfa.consume_code)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(hash.expose());
        Ok(self.execute(query).await? > 0)
    }
}
