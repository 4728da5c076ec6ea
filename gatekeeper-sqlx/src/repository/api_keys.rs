use async_trait::async_trait;
use gatekeeper_core::{
    model::{ApiKey, ApiKeyId, Cursor, IpNet, Page, PageRequest, TenantId, Timestamp, UserId},
    store::{ApiKeyRepository, Constraint, StoreError},
};
use uuid::Uuid;

use super::{
    SqlTransaction, across, conflict,
    dialect::Time,
    lists::counted,
    rows::{json, maybe},
    statements::statements,
    users::{bound, limit},
    within,
};

statements! {
    find = "SELECT {api_key} FROM {p}api_keys k WHERE k.tenant_id = $1 AND k.id = $2";
    find_for_update =
        "SELECT {api_key} FROM {p}api_keys k WHERE k.tenant_id = $1 AND k.id = $2{for_update}";
    insert = "INSERT INTO {p}api_keys (id, tenant_id, user_id, name, prefix, hash, permissions, \
                  networks, created_by, created_at, expires_at, last_used_at, revoked_at, \
                  replaced_by) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
              ON CONFLICT DO NOTHING";
    replace = "UPDATE {p}api_keys SET replaced_by = $3, expires_at = CASE \
                   WHEN expires_at < $4 THEN expires_at ELSE $4 END \
               WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL AND replaced_by IS NULL";
    revoke = "UPDATE {p}api_keys SET revoked_at = $3 \
              WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL";
    revoke_all_for_user = "UPDATE {p}api_keys SET revoked_at = $3 \
                           WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL \
                           RETURNING id";
    list_for_user = "SELECT {api_key} FROM {p}api_keys k \
                     WHERE k.tenant_id = $1 AND k.user_id = $2 AND (k.created_at, k.id) < ($3, $4) \
                     ORDER BY k.created_at DESC, k.id DESC LIMIT $5";
    count_live = "SELECT COUNT(*) FROM {p}api_keys \
                  WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL \
                  AND (expires_at IS NULL OR expires_at > $3)";
    touch = "UPDATE {p}api_keys SET last_used_at = $3 \
             WHERE tenant_id = $1 AND id = $2 AND (last_used_at IS NULL OR last_used_at < $4)";
    purge_expired = "DELETE FROM {p}api_keys WHERE id IN (SELECT id FROM ( \
                         SELECT id FROM (SELECT id FROM {p}api_keys \
                             WHERE expires_at < $1 ORDER BY expires_at LIMIT $2{skip_locked}) AS a \
                         UNION SELECT id FROM (SELECT id FROM {p}api_keys \
                             WHERE revoked_at < $1 ORDER BY revoked_at LIMIT $2{skip_locked}) AS b \
                     ) AS old LIMIT $2)";
}

impl SqlTransaction {
    /// Notes a use; see `Repository::touch_api_key`.
    pub(super) async fn touch(
        &mut self,
        tenant: TenantId,
        key: ApiKeyId,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<bool, StoreError> {
        let call = within(tenant, &self.sql.api_keys.touch)
            .bind(tenant.as_uuid())
            .bind(key.as_uuid())
            .bind(Time(now))
            .bind(Time(unless_since));
        Ok(self.execute(call).await? > 0)
    }
}

#[async_trait]
impl ApiKeyRepository for SqlTransaction {
    async fn find(
        &mut self,
        tenant: TenantId,
        key: ApiKeyId,
    ) -> Result<Option<ApiKey>, StoreError> {
        let call = within(tenant, &self.sql.api_keys.find)
            .bind(tenant.as_uuid())
            .bind(key.as_uuid());
        self.fetch_one(call).await
    }

    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        key: ApiKeyId,
    ) -> Result<Option<ApiKey>, StoreError> {
        let call = within(tenant, &self.sql.api_keys.find_for_update)
            .bind(tenant.as_uuid())
            .bind(key.as_uuid());
        self.fetch_one(call).await
    }

    async fn insert(&mut self, key: &ApiKey) -> Result<(), StoreError> {
        let networks: Vec<String> = key.networks.iter().map(IpNet::to_string).collect();
        let call = within(key.tenant_id, &self.sql.api_keys.insert)
            .bind(key.id.as_uuid())
            .bind(key.tenant_id.as_uuid())
            .bind(key.user_id.as_uuid())
            .bind(key.name.as_str())
            .bind(key.prefix.as_str())
            .bind(key.hash.as_slice())
            .bind(json(&key.permissions)?)
            .bind(networks.join(" "))
            .bind(key.created_by.map(|user| user.as_uuid()))
            .bind(Time(key.created_at))
            .bind(maybe(key.expires_at))
            .bind(maybe(key.last_used_at))
            .bind(maybe(key.revoked_at))
            .bind(key.replaced_by.map(|key| key.as_uuid()));
        match self.execute(call).await? {
            0 => Err(conflict(Constraint::Id)),
            _ => Ok(()),
        }
    }

    async fn replace(
        &mut self,
        tenant: TenantId,
        key: ApiKeyId,
        by: ApiKeyId,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let call = within(tenant, &self.sql.api_keys.replace)
            .bind(tenant.as_uuid())
            .bind(key.as_uuid())
            .bind(by.as_uuid())
            .bind(Time(expires_at));
        Ok(self.execute(call).await? > 0)
    }

    async fn revoke(
        &mut self,
        tenant: TenantId,
        key: ApiKeyId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let call = within(tenant, &self.sql.api_keys.revoke)
            .bind(tenant.as_uuid())
            .bind(key.as_uuid())
            .bind(Time(now));
        Ok(self.execute(call).await? > 0)
    }

    async fn revoke_all_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<ApiKeyId>, StoreError> {
        let call = within(tenant, &self.sql.api_keys.revoke_all_for_user)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(Time(now));
        let revoked: Vec<Uuid> = self.fetch(call).await?;
        Ok(revoked.into_iter().map(ApiKeyId::from_uuid).collect())
    }

    async fn list_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, StoreError> {
        let (at, id) = bound(page);
        let call = within(tenant, &self.sql.api_keys.list_for_user)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(at)
            .bind(id)
            .bind(limit(page));
        let keys: Vec<ApiKey> = self.fetch(call).await?;
        Ok(Page::from_rows(keys, page.limit, |key| Cursor {
            at: key.created_at,
            id: key.id.as_uuid(),
        }))
    }

    async fn count_live(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let call = within(tenant, &self.sql.api_keys.count_live)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(Time(now));
        counted(self.fetch_one(call).await?)
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let call = across(&self.sql.api_keys.purge_expired)
            .bind(Time(before))
            .bind(i64::from(limit));
        self.execute(call).await
    }
}
