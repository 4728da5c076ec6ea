//! The reads and the write that are single statements of their own.

use super::{
    Call, Scope, across, bounded,
    dialect::{self, Db, Time},
    effects, query, revocations,
    rows::{InOrganization, Read, Row, in_organization, read},
    statements::statements,
    store_error,
    transaction::Confinement,
    within,
};
use crate::error::Failure;
use async_trait::async_trait;
use gatekeeper_core::{
    lockout::{LockoutKey, LockoutState},
    model::{
        Account, ApiKey, ApiKeyId, Authority, NormalizedEmail, OrganizationId, Revocation,
        RevocationTarget, Session, SessionId, Tenant, TenantId, TenantSlug, Timestamp, UserId,
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
    authority = "SELECT {authority} FROM {p}users u \
                 WHERE u.tenant_id = $1 AND u.id = $2 AND u.disabled_at IS NULL";
    authority_in = &format!(
        "SELECT {{authority}}, {} FROM {{p}}users u \
         WHERE u.tenant_id = $1 AND u.id = $2 AND u.disabled_at IS NULL",
        in_organization("$3")
    );
    api_key = "SELECT {api_key}, {user}, {authority} FROM {p}api_keys k \
               JOIN {p}users u ON u.tenant_id = k.tenant_id AND u.id = k.user_id \
               WHERE k.tenant_id = $1 AND k.id = $2";
    session = "SELECT {session} FROM {p}sessions s WHERE s.tenant_id = $1 AND s.id = $2";
    tenant = "SELECT {tenant} FROM {p}tenants WHERE slug = $1";
    tenant_by_id = "SELECT {tenant} FROM {p}tenants WHERE id = $1";
    lockout = "SELECT {lockout} FROM {p}lockouts WHERE digest = $1";
    revocations_since = "SELECT {revocation} FROM {p}revocations \
                         WHERE revoked_at >= $1 AND expires_at > $2";
    // As many at once as there are kinds of targets.
    is_revoked = &format!(
        "SELECT {}",
        (0..AT_ONCE)
            .map(|n| {
                let (kind, target, not_after) = (3 * n + 3, 3 * n + 4, 3 * n + 5);
                format!(
                    "EXISTS (SELECT 1 FROM {{p}}revocations WHERE tenant_id = $1 \
                     AND expires_at > $2 AND kind = ${kind} AND target = ${target} \
                     AND not_after >= ${not_after})"
                )
            })
            .collect::<Vec<_>>()
            .join(" OR ")
    );
    // Reads a table, so that a database without the schema is not called ready.
    ping = "SELECT version FROM {p}migrations LIMIT 1";
}

/// How many targets one statement asks for.
const AT_ONCE: usize = 6;

/// Reads with one statement, again where the connection turned out to be lost: each failure takes one such connection
/// out of the pool, so after as many as it has one is new.
///
/// Where the database itself keeps tenants apart, it is told first whose rows are meant, in a transaction, so that nothing of
/// that stays with the connection.
pub(in super::super) async fn fetch<'q, T: Read>(
    store: &Store,
    call: impl Fn() -> Call<'q>,
) -> Result<Vec<T>, StoreError> {
    let scope = call().scope;
    if store.confined() && scope != Scope::Shared {
        let mut transaction = store.start_in(scope).await?;
        let rows = transaction.fetch(call()).await?;
        transaction.end().await?;
        return Ok(rows);
    }
    let pool = store.pool();
    let attempts = pool.options().get_max_connections();
    let rows: Vec<Row> = bounded(async {
        for _ in 0..attempts {
            match call().query.fetch_all(pool).await {
                Err(error) if is_lost(&error) => tracing::debug!(%error, "a connection was lost"),
                result => return result,
            }
        }
        call().query.fetch_all(pool).await
    })
    .await
    .map_err(|error| store_error(error, Constraint::Id))?;
    read(&rows)
}

async fn begin(
    pool: &sqlx::Pool<Db>,
    statement: sqlx::SqlStr,
) -> Result<sqlx::Transaction<'static, Db>, StoreError> {
    let attempts = pool.options().get_max_connections();
    bounded(async {
        for _ in 0..attempts {
            match pool.begin_with(statement.clone()).await {
                Err(error) if is_lost(&error) => tracing::debug!(%error, "a connection was lost"),
                result => return result,
            }
        }
        pool.begin_with(statement).await
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
        self.start_in(Scope::Shared).await
    }

    /// The same; the database learns with the beginning whose rows it is about.
    pub(in super::super) async fn start_in(
        &self,
        scope: Scope,
    ) -> Result<super::SqlTransaction, StoreError> {
        let guard = self.guard().await?;
        self.rollbacks().done().await;
        let confinement = if self.confined() {
            Confinement::To(scope)
        } else {
            Confinement::Off
        };
        let inner = begin(self.pool(), effects::begin(self, scope)).await?;
        Ok(super::SqlTransaction::new(
            inner,
            self.statements().clone(),
            self.rollbacks().clone(),
            guard,
            confinement,
        ))
    }

    async fn one<'q, T: Read>(&self, call: impl Fn() -> Call<'q>) -> Result<Option<T>, StoreError> {
        Ok(fetch(self, call).await?.pop())
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
        self.one(|| {
            within(tenant, sql)
                .bind(tenant.as_uuid())
                .bind(email.as_str())
        })
        .await
    }

    async fn find_account(
        &self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Option<Account>, StoreError> {
        let sql = &self.statements().single.account_by_id;
        self.one(|| {
            within(tenant, sql)
                .bind(tenant.as_uuid())
                .bind(user.as_uuid())
        })
        .await
    }

    async fn find_authority(
        &self,
        tenant: TenantId,
        user: UserId,
        organization: Option<OrganizationId>,
    ) -> Result<Option<Authority>, StoreError> {
        let sql = &self.statements().single;
        let call = |sql| {
            within(tenant, sql)
                .bind(tenant.as_uuid())
                .bind(user.as_uuid())
        };
        let Some(organization) = organization else {
            return self.one(|| call(&sql.authority)).await;
        };
        let found: Option<InOrganization> = self
            .one(|| call(&sql.authority_in).bind(organization.as_uuid()))
            .await?;
        Ok(found.map(|found| found.0))
    }

    async fn find_api_key(
        &self,
        tenant: TenantId,
        key: ApiKeyId,
    ) -> Result<Option<(ApiKey, Account)>, StoreError> {
        let sql = &self.statements().single.api_key;
        self.one(|| {
            within(tenant, sql)
                .bind(tenant.as_uuid())
                .bind(key.as_uuid())
        })
        .await
    }

    async fn touch_api_key(
        &self,
        tenant: TenantId,
        key: ApiKeyId,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.start_in(Scope::Tenant(tenant)).await?;
        let touched = transaction.touch(tenant, key, now, unless_since).await?;
        transaction.end().await?;
        Ok(touched)
    }

    async fn find_session(
        &self,
        tenant: TenantId,
        session: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let sql = &self.statements().single.session;
        self.one(|| {
            within(tenant, sql)
                .bind(tenant.as_uuid())
                .bind(session.as_uuid())
        })
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
        fetch(self, || across(sql).bind(Time(since)).bind(Time(now))).await
    }

    async fn is_revoked(
        &self,
        tenant: TenantId,
        targets: &[RevocationTarget],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = &self.statements().single.is_revoked;
        for some in targets.chunks(AT_ONCE) {
            let found: Option<bool> = self
                .one(|| {
                    some.iter()
                        .cycle()
                        .take(AT_ONCE)
                        .map(revocations::key)
                        .fold(
                            within(tenant, sql).bind(tenant.as_uuid()).bind(Time(now)),
                            |call, (kind, target, not_after)| {
                                call.bind(kind).bind(target).bind(Time(not_after))
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
