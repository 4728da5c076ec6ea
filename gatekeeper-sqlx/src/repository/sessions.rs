use async_trait::async_trait;
use gatekeeper_core::{
    model::{
        AuthMethod, Cursor, Page, PageRequest, Session, SessionEnd, SessionId, TenantId, Timestamp,
        UserId,
    },
    store::{SessionRepository, StoreError},
};
use uuid::Uuid;

use super::{
    SqlTransaction, across,
    dialect::Time,
    rows::maybe,
    statements::statements,
    users::{bound, limit},
    within,
};

statements! {
    find_for_update = "SELECT {session} FROM {p}sessions s \
                       WHERE s.tenant_id = $1 AND s.id = $2{for_update}";
    insert = "INSERT INTO {p}sessions (id, tenant_id, user_id, generation, rotated_at, created_at, \
                  authenticated_at, methods, mfa_verified_at, last_seen_at, idle_expires_at, \
                  idle_expiry_hour, absolute_expires_at, ended_at, end_reason, ip, user_agent, \
                  device_id, organization_id, impersonator, impersonated_from, \
                  impersonation_reason) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
                  $18, $19, $20, $21, $22)";
    end = "UPDATE {p}sessions SET ended_at = $3, end_reason = $4 \
           WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL";
    end_all_for_user = "UPDATE {p}sessions SET ended_at = $4, end_reason = $5 \
                        WHERE tenant_id = $1 AND user_id = $2 AND id <> $3 AND ended_at IS NULL \
                        RETURNING id";
    end_all_by_impersonator = "UPDATE {p}sessions SET ended_at = $3, end_reason = $4 \
                               WHERE tenant_id = $1 AND impersonator = $2 AND ended_at IS NULL \
                               RETURNING id";
    end_all_for_tenant = "UPDATE {p}sessions SET ended_at = $2, end_reason = $3 \
                          WHERE tenant_id = $1 AND ended_at IS NULL";
    list_for_user = "SELECT {session} FROM {p}sessions s \
                     WHERE s.tenant_id = $1 AND s.user_id = $2 AND s.ended_at IS NULL \
                     AND (s.created_at, s.id) < ($3, $4) \
                     AND s.idle_expires_at > $5 AND s.absolute_expires_at > $5 \
                     ORDER BY s.created_at DESC, s.id DESC LIMIT $6";
    live_for_user = "SELECT s.id FROM {p}sessions s \
                     WHERE s.tenant_id = $1 AND s.user_id = $2 AND s.ended_at IS NULL \
                     AND s.idle_expires_at > $3 AND s.absolute_expires_at > $3 \
                     AND s.impersonator IS NULL ORDER BY s.created_at, s.id";
    // Each branch reads one index, oldest first, and stops.
    purge_expired = "DELETE FROM {p}sessions WHERE id IN (SELECT id FROM ( \
                         SELECT id FROM (SELECT id FROM {p}sessions \
                             WHERE ended_at < $1 ORDER BY ended_at LIMIT $3{skip_locked}) AS a \
                         UNION SELECT id FROM (SELECT id FROM {p}sessions \
                             WHERE absolute_expires_at < $1 \
                             ORDER BY absolute_expires_at LIMIT $3{skip_locked}) AS b \
                         UNION SELECT id FROM (SELECT id FROM {p}sessions \
                             WHERE idle_expiry_hour <= $2 AND idle_expires_at < $1 \
                             ORDER BY idle_expiry_hour LIMIT $3{skip_locked}) AS c \
                     ) AS old LIMIT $3)";
}

/// The hour an instant is in: what idle expiry is indexed by.
pub(in super::super) const fn hour(at: Timestamp) -> i64 {
    at.as_unix_seconds().div_euclid(3_600)
}

#[async_trait]
impl SessionRepository for SqlTransaction {
    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        session: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let query = within(tenant, &self.sql.sessions.find_for_update)
            .bind(tenant.as_uuid())
            .bind(session.as_uuid());
        self.fetch_one(query).await
    }

    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        let methods: Vec<&str> = session
            .methods
            .iter()
            .copied()
            .map(AuthMethod::as_str)
            .collect();
        let impersonation = session.impersonation.as_ref();
        let query = within(session.tenant_id, &self.sql.sessions.insert)
            .bind(session.id.as_uuid())
            .bind(session.tenant_id.as_uuid())
            .bind(session.user_id.as_uuid())
            .bind(session.generation)
            .bind(Time(session.rotated_at))
            .bind(Time(session.created_at))
            .bind(Time(session.authenticated_at))
            .bind(methods.join(" "))
            .bind(maybe(session.mfa_verified_at))
            .bind(Time(session.last_seen_at))
            .bind(Time(session.idle_expires_at))
            .bind(hour(session.idle_expires_at))
            .bind(Time(session.absolute_expires_at))
            .bind(maybe(session.ended_at))
            .bind(session.end_reason.map(SessionEnd::as_str))
            .bind(session.ip.map(|ip| ip.to_string()))
            .bind(session.user_agent.as_deref())
            .bind(session.device_id.map(|device| device.as_uuid()))
            .bind(session.organization_id.map(|id| id.as_uuid()))
            .bind(impersonation.map(|by| by.by.as_uuid()))
            .bind(impersonation.map(|by| by.from.as_uuid()))
            .bind(impersonation.map(|by| by.reason.as_str()));
        self.execute(query).await.map(|_| ())
    }

    async fn end(
        &mut self,
        tenant: TenantId,
        session: SessionId,
        reason: SessionEnd,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let query = within(tenant, &self.sql.sessions.end)
            .bind(tenant.as_uuid())
            .bind(session.as_uuid())
            .bind(Time(now))
            .bind(reason.as_str());
        Ok(self.execute(query).await? > 0)
    }

    async fn end_all_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        except: Option<SessionId>,
        reason: SessionEnd,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let query = within(tenant, &self.sql.sessions.end_all_for_user)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(except.map_or_else(Uuid::nil, |session| session.as_uuid()))
            .bind(Time(now))
            .bind(reason.as_str());
        let ended: Vec<Uuid> = self.fetch(query).await?;
        Ok(ended.into_iter().map(SessionId::from_uuid).collect())
    }

    async fn end_all_by_impersonator(
        &mut self,
        tenant: TenantId,
        impersonator: UserId,
        reason: SessionEnd,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let query = within(tenant, &self.sql.sessions.end_all_by_impersonator)
            .bind(tenant.as_uuid())
            .bind(impersonator.as_uuid())
            .bind(Time(now))
            .bind(reason.as_str());
        let ended: Vec<Uuid> = self.fetch(query).await?;
        Ok(ended.into_iter().map(SessionId::from_uuid).collect())
    }

    async fn end_all_for_tenant(
        &mut self,
        tenant: TenantId,
        reason: SessionEnd,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let query = within(tenant, &self.sql.sessions.end_all_for_tenant)
            .bind(tenant.as_uuid())
            .bind(Time(now))
            .bind(reason.as_str());
        self.execute(query).await
    }

    async fn list_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
        page: PageRequest,
    ) -> Result<Page<Session>, StoreError> {
        let (at, id) = bound(page);
        let query = within(tenant, &self.sql.sessions.list_for_user)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(at)
            .bind(id)
            .bind(Time(now))
            .bind(limit(page));
        let sessions: Vec<Session> = self.fetch(query).await?;
        Ok(Page::from_rows(sessions, page.limit, |session| Cursor {
            at: session.created_at,
            id: session.id.as_uuid(),
        }))
    }

    async fn live_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let query = within(tenant, &self.sql.sessions.live_for_user)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(Time(now));
        let live: Vec<Uuid> = self.fetch(query).await?;
        Ok(live.into_iter().map(SessionId::from_uuid).collect())
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let query = across(&self.sql.sessions.purge_expired)
            .bind(Time(before))
            .bind(hour(before))
            .bind(i64::from(limit));
        self.execute(query).await
    }
}
