use async_trait::async_trait;
use gatekeeper_core::{
    model::{Revocation, RevocationTarget, Timestamp},
    store::{RevocationRepository, StoreError},
};
use uuid::Uuid;

use super::{SqlTransaction, across, dialect::Time, statements::statements, within};

statements! {
    // The same again counts as written now, so that who asks for what is new hears of the later expiry.
    insert = "INSERT INTO {p}revocations AS r ({revocation}) \
              SELECT $1, $2, $3, $4, $5, $6 \
              WHERE EXISTS (SELECT 1 FROM {p}tenants WHERE id = $1) \
              ON CONFLICT (tenant_id, kind, target, not_after) DO UPDATE SET \
                  revoked_at = {greatest}(r.revoked_at, excluded.revoked_at), \
                  expires_at = {greatest}(r.expires_at, excluded.expires_at){notify}";
    purge_expired = "DELETE FROM {p}revocations \
                     WHERE (tenant_id, kind, target, not_after) IN ( \
                         SELECT tenant_id, kind, target, not_after FROM {p}revocations \
                         WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2{skip_locked})";
}

/// What stands as the target where all of a tenant is meant.
const EVERYBODY: Uuid = Uuid::nil();

/// A target as the columns `kind`, `target` and `not_after`.
pub(super) const fn key(target: &RevocationTarget) -> (&'static str, Uuid, Timestamp) {
    const NONE: Timestamp = Timestamp::from_unix_micros(0);
    match target {
        RevocationTarget::Token(token) => ("token", token.as_uuid(), NONE),
        RevocationTarget::Session(session) => ("session", session.as_uuid(), NONE),
        RevocationTarget::User(user, not_after) => ("user", user.as_uuid(), *not_after),
        RevocationTarget::Tenant(not_after) => ("tenant", EVERYBODY, *not_after),
        RevocationTarget::Authority(user, not_after) => ("authority", user.as_uuid(), *not_after),
        RevocationTarget::TenantAuthority(not_after) => ("tenant_authority", EVERYBODY, *not_after),
    }
}

#[async_trait]
impl RevocationRepository for SqlTransaction {
    async fn insert(&mut self, revocation: &Revocation) -> Result<(), StoreError> {
        let (kind, target, not_after) = key(&revocation.target);
        let query = within(revocation.tenant_id, &self.sql.revocations.insert)
            .bind(revocation.tenant_id.as_uuid())
            .bind(kind)
            .bind(target)
            .bind(Time(not_after))
            .bind(Time(revocation.revoked_at))
            .bind(Time(revocation.expires_at));
        self.execute_in_tenant(query).await
    }

    async fn purge_expired(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let query = across(&self.sql.revocations.purge_expired)
            .bind(Time(now))
            .bind(i64::from(limit));
        self.execute(query).await
    }
}
