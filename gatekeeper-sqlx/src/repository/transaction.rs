use std::sync::Arc;

use async_trait::async_trait;
use gatekeeper_core::store::{
    ApiKeyRepository, AuditRepository, Constraint, CredentialRepository, DeviceRepository,
    GroupRepository, InvitationRepository, LeaseRepository, LockoutRepository, MfaRepository,
    OneTimeTokenRepository, OrganizationRepository, OutboxRepository, RevocationRepository,
    RoleRepository, SessionRepository, SigningKeyRepository, StoreError, StoreErrorKind,
    TenantRepository, Transaction, UserRepository,
};
use sqlx::Database;
use tokio::runtime::Handle;

use super::{
    Call, Rollbacks, Scope, Statements, bounded,
    dialect::Db,
    effects,
    rows::{Read, Row, read},
    store_error,
};

/// What a transaction holds besides its connection, and lets go of after it.
pub(in super::super) type Guard = Option<tokio::sync::OwnedSemaphorePermit>;

/// A unit of work; it is every aggregate of itself.
pub(in super::super) struct SqlTransaction {
    /// There until it is committed or dropped.
    inner: Option<sqlx::Transaction<'static, Db>>,
    pub(in super::super) sql: Arc<Statements>,
    rollbacks: Rollbacks,
    guard: Guard,
    confinement: Confinement,
}

/// Whether the database itself keeps tenants apart, and whose rows it was last told that this transaction is about.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Confinement {
    Off,
    To(Scope),
}

impl SqlTransaction {
    pub(in super::super) fn new(
        inner: sqlx::Transaction<'static, Db>,
        sql: Arc<Statements>,
        rollbacks: Rollbacks,
        guard: Guard,
        confinement: Confinement,
    ) -> Self {
        Self {
            inner: Some(inner),
            sql,
            rollbacks,
            guard,
            confinement,
        }
    }

    /// Tells the database whose rows what follows is about, where it asks and does not know yet.
    async fn enter(&mut self, scope: Scope) -> Result<(), StoreError> {
        let Confinement::To(before) = self.confinement else {
            return Ok(());
        };
        if scope == before || scope == Scope::Shared {
            return Ok(());
        }
        let sql = self.sql.clone();
        if let Some(call) = effects::confine(&sql.effects, scope) {
            bounded(call.query.execute(self.connection()?))
                .await
                .map_err(|error| store_error(error, Constraint::Id))?;
        }
        self.confinement = Confinement::To(scope);
        Ok(())
    }

    fn connection(&mut self) -> Result<&mut <Db as Database>::Connection, StoreError> {
        self.inner
            .as_deref_mut()
            .ok_or_else(|| StoreError::corrupt("the transaction is over"))
    }

    /// Runs a statement and answers how many rows it touched.
    pub(in super::super) async fn execute(&mut self, call: Call<'_>) -> Result<u64, StoreError> {
        self.execute_or(call, Constraint::Id).await
    }

    /// The same; a doubled key breaks the rule `unique`.
    pub(super) async fn execute_or(
        &mut self,
        call: Call<'_>,
        unique: Constraint,
    ) -> Result<u64, StoreError> {
        self.enter(call.scope).await?;
        bounded(call.query.execute(self.connection()?))
            .await
            .map(|done: <Db as Database>::QueryResult| done.rows_affected())
            .map_err(|error| store_error(error, unique))
    }

    /// Runs a statement that adds a row where its tenant exists. A foreign key would have every writer lock the one row
    /// of the tenant.
    pub(super) async fn execute_in_tenant(&mut self, call: Call<'_>) -> Result<(), StoreError> {
        match self.execute(call).await? {
            0 => Err(StoreError::new(
                StoreErrorKind::Conflict(Constraint::Reference),
                "there is no such tenant",
            )),
            _ => Ok(()),
        }
    }

    /// Runs a statement and answers its rows.
    pub(in super::super) async fn fetch<T: Read>(
        &mut self,
        call: Call<'_>,
    ) -> Result<Vec<T>, StoreError> {
        self.enter(call.scope).await?;
        let rows: Vec<Row> = bounded(call.query.fetch_all(self.connection()?))
            .await
            .map_err(|error| store_error(error, Constraint::Id))?;
        read(&rows)
    }

    /// Runs a statement and answers its one row.
    pub(in super::super) async fn fetch_one<T: Read>(
        &mut self,
        call: Call<'_>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.fetch(call).await?.pop())
    }

    /// Runs several statements, for as long as they take.
    pub(in super::super) async fn run(&mut self, script: String) -> Result<(), StoreError> {
        sqlx::raw_sql(sqlx::AssertSqlSafe(script))
            .execute(self.connection()?)
            .await
            .map(|_| ())
            .map_err(|error| store_error(error, Constraint::Id))
    }

    pub(in super::super) async fn end(mut self) -> Result<(), StoreError> {
        let Some(inner) = self.inner.take() else {
            return Ok(());
        };
        bounded(inner.commit())
            .await
            .map_err(|error| store_error(error, Constraint::Id))
    }
}

impl Drop for SqlTransaction {
    fn drop(&mut self) {
        let (Some(inner), Ok(runtime)) = (self.inner.take(), Handle::try_current()) else {
            return;
        };
        let (rollback, guard) = (self.rollbacks.enter(), self.guard.take());
        runtime.spawn(async move {
            if let Err(error) = bounded(inner.rollback()).await {
                tracing::debug!(%error, "a transaction ended with its connection");
            }
            drop((rollback, guard));
        });
    }
}

#[async_trait]
impl Transaction for SqlTransaction {
    fn api_keys(&mut self) -> &mut dyn ApiKeyRepository {
        self
    }

    fn audit(&mut self) -> &mut dyn AuditRepository {
        self
    }

    fn credentials(&mut self) -> &mut dyn CredentialRepository {
        self
    }

    fn devices(&mut self) -> &mut dyn DeviceRepository {
        self
    }

    fn groups(&mut self) -> &mut dyn GroupRepository {
        self
    }

    fn invitations(&mut self) -> &mut dyn InvitationRepository {
        self
    }

    fn leases(&mut self) -> &mut dyn LeaseRepository {
        self
    }

    fn lockouts(&mut self) -> &mut dyn LockoutRepository {
        self
    }

    fn mfa(&mut self) -> &mut dyn MfaRepository {
        self
    }

    fn organizations(&mut self) -> &mut dyn OrganizationRepository {
        self
    }

    fn outbox(&mut self) -> &mut dyn OutboxRepository {
        self
    }

    fn revocations(&mut self) -> &mut dyn RevocationRepository {
        self
    }

    fn roles(&mut self) -> &mut dyn RoleRepository {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self
    }

    fn signing_keys(&mut self) -> &mut dyn SigningKeyRepository {
        self
    }

    fn tenants(&mut self) -> &mut dyn TenantRepository {
        self
    }

    fn tokens(&mut self) -> &mut dyn OneTimeTokenRepository {
        self
    }

    fn users(&mut self) -> &mut dyn UserRepository {
        self
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.end().await
    }
}
