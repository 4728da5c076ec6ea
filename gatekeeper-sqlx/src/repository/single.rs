//! The reads and the write that are single statements of their own.

use super::{
    Query, bounded,
    dialect::{self, Db, Time},
    effects, query, revocations,
    rows::{Read, Row, read},
    statements::statements,
    store_error,
};
use crate::error::Failure;
use async_trait::async_trait;
use gatekeeper_core::{
    lockout::{LockoutKey, LockoutState},
    model::{
        Account, NormalizedEmail, Revocation, RevocationTarget, Session, SessionId, Tenant,
        TenantId, TenantSlug, Timestamp, UserId,
    },
    store::{
        Constraint, Repository, RevocationSignal, RotatedSession, SessionRotation, StoreError,
        Transaction,
    },
};

type Store = super::super::Store;

statements! {
    account_by_email = "SELECT {account} WHERE u.tenant_id = $1 AND u.email_normalized = $2";
    account_by_id = "SELECT {account} WHERE u.tenant_id = $1 AND u.id = $2";
    session = "SELECT {session} FROM {p}sessions s WHERE s.tenant_id = $1 AND s.id = $2";
    tenant = "SELECT {tenant} FROM {p}tenants WHERE slug = $1";
    tenant_by_id = "SELECT {tenant} FROM {p}tenants WHERE id = $1";
    lockout = "SELECT {lockout} FROM {p}lockouts WHERE digest = $1";
    revocations_since = "SELECT {revocation} FROM {p}revocations \
                         WHERE revoked_at >= $1 AND expires_at > $2";
    // Three at once: a token, its session, its user.
    is_revoked = "SELECT EXISTS (SELECT 1 FROM {p}revocations WHERE tenant_id = $1 \
                      AND expires_at > $2 AND kind = $3 AND target = $4 AND not_after >= $5) \
                  OR EXISTS (SELECT 1 FROM {p}revocations WHERE tenant_id = $1 \
                      AND expires_at > $2 AND kind = $6 AND target = $7 AND not_after >= $8) \
                  OR EXISTS (SELECT 1 FROM {p}revocations WHERE tenant_id = $1 \
                      AND expires_at > $2 AND kind = $9 AND target = $10 AND not_after >= $11)";
    // Reads a table, so that a database without the schema is not called ready.
    ping = "SELECT version FROM {p}migrations LIMIT 1";
}

/// Reads with one statement, again where the connection turned out to be lost: each failure takes one such connection
/// out of the pool, so after as many as it has one is new.
pub(in super::super) async fn fetch<'q, T: Read>(
    pool: &sqlx::Pool<Db>,
    query: impl Fn() -> Query<'q>,
) -> Result<Vec<T>, StoreError> {
    let attempts = pool.options().get_max_connections();
    let rows: Vec<Row> = bounded(async {
        for _ in 0..attempts {
            match query().fetch_all(pool).await {
                Err(error) if is_lost(&error) => tracing::debug!(%error, "a connection was lost"),
                result => return result,
            }
        }
        query().fetch_all(pool).await
    })
    .await
    .map_err(|error| store_error(error, Constraint::Id))?;
    read(&rows)
}

async fn begin(pool: &sqlx::Pool<Db>) -> Result<sqlx::Transaction<'static, Db>, StoreError> {
    let attempts = pool.options().get_max_connections();
    bounded(async {
        for _ in 0..attempts {
            match pool.begin_with(dialect::BEGIN).await {
                Err(error) if is_lost(&error) => tracing::debug!(%error, "a connection was lost"),
                result => return result,
            }
        }
        pool.begin_with(dialect::BEGIN).await
    })
    .await
    .map_err(|error| store_error(error, Constraint::Id))
}

fn is_lost(error: &sqlx::Error) -> bool {
    Failure::of(error, dialect::failure) == Failure::ConnectionLost
}

impl Store {
    /// Begins a transaction of our own type.
    pub(in super::super) async fn start(&self) -> Result<super::SqlTransaction, StoreError> {
        let guard = self.guard().await?;
        self.rollbacks().done().await;
        let inner = begin(self.pool()).await?;
        Ok(super::SqlTransaction::new(
            inner,
            self.statements().clone(),
            self.rollbacks().clone(),
            guard,
        ))
    }

    async fn one<'q, T: Read>(
        &self,
        query: impl Fn() -> Query<'q>,
    ) -> Result<Option<T>, StoreError> {
        Ok(fetch(self.pool(), query).await?.pop())
    }
}

#[async_trait]
impl Repository for Store {
    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError> {
        Ok(Box::new(self.start().await?))
    }

    async fn find_account_by_email(
        &self,
        tenant: TenantId,
        email: &NormalizedEmail,
    ) -> Result<Option<Account>, StoreError> {
        let sql = &self.statements().single.account_by_email;
        self.one(|| query(sql).bind(tenant.as_uuid()).bind(email.as_str()))
            .await
    }

    async fn find_account(
        &self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Option<Account>, StoreError> {
        let sql = &self.statements().single.account_by_id;
        self.one(|| query(sql).bind(tenant.as_uuid()).bind(user.as_uuid()))
            .await
    }

    async fn find_session(
        &self,
        tenant: TenantId,
        session: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let sql = &self.statements().single.session;
        self.one(|| query(sql).bind(tenant.as_uuid()).bind(session.as_uuid()))
            .await
    }

    async fn rotate_session(
        &self,
        rotation: &SessionRotation,
    ) -> Result<Option<RotatedSession>, StoreError> {
        effects::rotate_session(self, rotation).await
    }

    async fn lockout_state(&self, key: &LockoutKey) -> Result<LockoutState, StoreError> {
        let sql = &self.statements().single.lockout;
        let found = self.one(|| query(sql).bind(key.0.as_slice())).await?;
        Ok(found.unwrap_or_default())
    }

    async fn find_tenant_by_id(&self, tenant: TenantId) -> Result<Option<Tenant>, StoreError> {
        let sql = &self.statements().single.tenant_by_id;
        self.one(|| query(sql).bind(tenant.as_uuid())).await
    }

    async fn find_tenant(&self, slug: &TenantSlug) -> Result<Option<Tenant>, StoreError> {
        let sql = &self.statements().single.tenant;
        self.one(|| query(sql).bind(slug.as_str())).await
    }

    async fn revocations_since(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Revocation>, StoreError> {
        let sql = &self.statements().single.revocations_since;
        fetch(self.pool(), || query(sql).bind(Time(since)).bind(Time(now))).await
    }

    async fn is_revoked(
        &self,
        tenant: TenantId,
        targets: &[RevocationTarget],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = &self.statements().single.is_revoked;
        for three in targets.chunks(3) {
            let found: Option<bool> = self
                .one(|| {
                    three.iter().cycle().take(3).map(revocations::key).fold(
                        query(sql).bind(tenant.as_uuid()).bind(Time(now)),
                        |query, (kind, target, not_after)| {
                            query.bind(kind).bind(target).bind(Time(not_after))
                        },
                    )
                })
                .await?;
            // No row at all would be an answer that nobody gave: not "not revoked".
            if found.ok_or_else(|| StoreError::corrupt("no answer"))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn revocation_signal(&self) -> Option<RevocationSignal> {
        self.signal()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let sql = &self.statements().single.ping;
        let version: Option<i64> = self.one(|| query(sql)).await?;
        version
            .map(|_| ())
            .ok_or_else(|| StoreError::corrupt("the database has no schema"))
    }

    fn name(&self) -> &'static str {
        dialect::NAME
    }
}
