use async_trait::async_trait;
use gatekeeper_core::{
    model::{OneTimeToken, TenantId, Timestamp, TokenHash, TokenPurpose, UserId},
    store::{OneTimeTokenRepository, StoreError},
};

use super::{
    SqlTransaction, across,
    dialect::{List, Time},
    rows::{json, maybe},
    statements::statements,
    within,
};

statements! {
    insert = "INSERT INTO {p}one_time_tokens ({one_time_token}) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    find = "SELECT {one_time_token} FROM {p}one_time_tokens \
            WHERE hash = $3 AND tenant_id = $1 AND purpose = $2 \
            AND consumed_at IS NULL AND expires_at > $4";
    consume = "UPDATE {p}one_time_tokens SET consumed_at = $4 \
               WHERE hash = $3 AND tenant_id = $1 AND purpose = $2 \
               AND consumed_at IS NULL AND expires_at > $4 \
               RETURNING {one_time_token}";
    revoke_all_for_user = "UPDATE {p}one_time_tokens SET consumed_at = $4 \
                           WHERE tenant_id = $1 AND user_id = $2 AND consumed_at IS NULL \
                           AND purpose {in_list_open}$3{in_list_close}";
    purge_expired = "DELETE FROM {p}one_time_tokens WHERE id IN (SELECT id FROM ( \
                         SELECT id FROM (SELECT id FROM {p}one_time_tokens \
                             WHERE expires_at < $1 ORDER BY expires_at LIMIT $2{skip_locked}) AS a \
                         UNION SELECT id FROM (SELECT id FROM {p}one_time_tokens \
                             WHERE consumed_at < $1 ORDER BY consumed_at LIMIT $2{skip_locked}) AS b \
                     ) AS old LIMIT $2)";
}

fn by_hash<'q>(
    sql: &sqlx::SqlStr,
    tenant: TenantId,
    purpose: TokenPurpose,
    hash: &'q TokenHash,
    now: Timestamp,
) -> super::Call<'q> {
    within(tenant, sql)
        .bind(tenant.as_uuid())
        .bind(purpose.as_str())
        .bind(hash.0.as_slice())
        .bind(Time(now))
}

#[async_trait]
impl OneTimeTokenRepository for SqlTransaction {
    async fn insert(&mut self, token: &OneTimeToken) -> Result<(), StoreError> {
        let query = within(token.tenant_id, &self.sql.tokens.insert)
            .bind(token.id.as_uuid())
            .bind(token.tenant_id.as_uuid())
            .bind(token.purpose.as_str())
            .bind(token.user_id.as_uuid())
            .bind(token.hash.0.as_slice())
            .bind(json(&token.payload)?)
            .bind(Time(token.created_at))
            .bind(Time(token.expires_at))
            .bind(maybe(token.consumed_at));
        self.execute(query).await.map(|_| ())
    }

    async fn find(
        &mut self,
        tenant: TenantId,
        purpose: TokenPurpose,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let query = by_hash(&self.sql.tokens.find, tenant, purpose, hash, now);
        self.fetch_one(query).await
    }

    async fn consume(
        &mut self,
        tenant: TenantId,
        purpose: TokenPurpose,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let query = by_hash(&self.sql.tokens.consume, tenant, purpose, hash, now);
        self.fetch_one(query).await
    }

    async fn revoke_all_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        purposes: &[TokenPurpose],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let purposes = purposes
            .iter()
            .map(|purpose| purpose.as_str().to_owned())
            .collect();
        let query = within(tenant, &self.sql.tokens.revoke_all_for_user)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(List(purposes))
            .bind(Time(now));
        self.execute(query).await
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let query = across(&self.sql.tokens.purge_expired)
            .bind(Time(before))
            .bind(i64::from(limit));
        self.execute(query).await
    }
}
