use async_trait::async_trait;
use gatekeeper_core::{
    model::{Device, DeviceId, MAX_PAGE, TenantId, Timestamp, UserId},
    store::{DeviceRepository, StoreError},
};

use super::{SqlTransaction, across, dialect::Time, rows::maybe, statements::statements, within};

statements! {
    find = "SELECT {device} FROM {p}devices WHERE tenant_id = $1 AND user_id = $2 AND id = $3";
    put = "INSERT INTO {p}devices ({device}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
           ON CONFLICT (tenant_id, user_id, id) DO UPDATE SET \
               user_agent = excluded.user_agent, created_at = excluded.created_at, \
               last_seen_at = excluded.last_seen_at, expires_at = excluded.expires_at, \
               trusted_until = excluded.trusted_until, revoked_at = excluded.revoked_at";
    list = "SELECT {device} FROM {p}devices \
            WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3 \
            ORDER BY created_at DESC, id DESC LIMIT $4";
    revoke = "UPDATE {p}devices SET revoked_at = $4 \
              WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND revoked_at IS NULL";
    distrust_all = "UPDATE {p}devices SET trusted_until = NULL \
                    WHERE tenant_id = $1 AND user_id = $2 AND trusted_until IS NOT NULL";
    revoke_all = "UPDATE {p}devices SET revoked_at = $3 \
                  WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL";
    purge_expired = "DELETE FROM {p}devices WHERE (tenant_id, user_id, id) IN ( \
                         SELECT tenant_id, user_id, id FROM ( \
                             SELECT tenant_id, user_id, id FROM ( \
                                 SELECT tenant_id, user_id, id FROM {p}devices \
                                 WHERE expires_at < $1 \
                                 ORDER BY expires_at LIMIT $2{skip_locked}) AS a \
                             UNION SELECT tenant_id, user_id, id FROM ( \
                                 SELECT tenant_id, user_id, id FROM {p}devices \
                                 WHERE revoked_at < $1 \
                                 ORDER BY revoked_at LIMIT $2{skip_locked}) AS b \
                         ) AS old LIMIT $2)";
}

#[async_trait]
impl DeviceRepository for SqlTransaction {
    async fn find(
        &mut self,
        tenant: TenantId,
        user: UserId,
        device: DeviceId,
    ) -> Result<Option<Device>, StoreError> {
        let query = within(tenant, &self.sql.devices.find)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(device.as_uuid());
        self.fetch_one(query).await
    }

    async fn put(&mut self, device: &Device) -> Result<(), StoreError> {
        let query = within(device.tenant_id, &self.sql.devices.put)
            .bind(device.tenant_id.as_uuid())
            .bind(device.user_id.as_uuid())
            .bind(device.id.as_uuid())
            .bind(device.user_agent.as_deref())
            .bind(Time(device.created_at))
            .bind(Time(device.last_seen_at))
            .bind(Time(device.expires_at))
            .bind(maybe(device.trusted_until))
            .bind(maybe(device.revoked_at));
        self.execute(query).await.map(|_| ())
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Device>, StoreError> {
        let query = within(tenant, &self.sql.devices.list)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(Time(now))
            .bind(i64::from(MAX_PAGE));
        self.fetch(query).await
    }

    async fn revoke(
        &mut self,
        tenant: TenantId,
        user: UserId,
        device: DeviceId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let query = within(tenant, &self.sql.devices.revoke)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(device.as_uuid())
            .bind(Time(now));
        Ok(self.execute(query).await? > 0)
    }

    async fn distrust_all(&mut self, tenant: TenantId, user: UserId) -> Result<u64, StoreError> {
        let query = within(tenant, &self.sql.devices.distrust_all)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid());
        self.execute(query).await
    }

    async fn revoke_all(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let query = within(tenant, &self.sql.devices.revoke_all)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(Time(now));
        self.execute(query).await
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let query = across(&self.sql.devices.purge_expired)
            .bind(Time(before))
            .bind(i64::from(limit));
        self.execute(query).await
    }
}
