use std::sync::Arc;

use async_trait::async_trait;
use gatekeeper_core::store::{
    AuditRepository, Constraint, CredentialRepository, OneTimeTokenRepository, OutboxRepository,
    RevocationRepository, RoleRepository, SessionRepository, SigningKeyRepository, StoreError,
    StoreErrorKind, TenantRepository, Transaction, UserRepository,
};
use sqlx::Database;

use super::{
    Query, Statements, bounded,
    dialect::Db,
    rows::{Read, Row, read},
    store_error,
};

/// What a transaction holds besides its connection, and lets go of after it.
pub(in super::super) type Guard = Option<tokio::sync::OwnedSemaphorePermit>;

/// A unit of work; it is every aggregate of itself.
pub(in super::super) struct SqlTransaction {
    // Dropped in this order: the connection begins to roll back before the next writer is let in.
    inner: sqlx::Transaction<'static, Db>,
    pub(in super::super) sql: Arc<Statements>,
    _guard: Guard,
}

impl SqlTransaction {
    pub(in super::super) fn new(
        inner: sqlx::Transaction<'static, Db>,
        sql: Arc<Statements>,
        guard: Guard,
    ) -> Self {
        Self {
            inner,
            sql,
            _guard: guard,
        }
    }

    /// Runs a statement and answers how many rows it touched.
    pub(in super::super) async fn execute(&mut self, query: Query<'_>) -> Result<u64, StoreError> {
        self.execute_or(query, Constraint::Id).await
    }

    /// The same; a doubled key breaks the rule `unique`.
    pub(super) async fn execute_or(
        &mut self,
        query: Query<'_>,
        unique: Constraint,
    ) -> Result<u64, StoreError> {
        bounded(query.execute(&mut *self.inner))
            .await
            .map(|done: <Db as Database>::QueryResult| done.rows_affected())
            .map_err(|error| store_error(error, unique))
    }

    /// Runs a statement that adds a row where its tenant exists. A foreign key would have every writer lock the one row
    /// of the tenant.
    pub(super) async fn execute_in_tenant(&mut self, query: Query<'_>) -> Result<(), StoreError> {
        match self.execute(query).await? {
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
        query: Query<'_>,
    ) -> Result<Vec<T>, StoreError> {
        let rows: Vec<Row> = bounded(query.fetch_all(&mut *self.inner))
            .await
            .map_err(|error| store_error(error, Constraint::Id))?;
        read(&rows)
    }

    /// Runs a statement and answers its one row.
    pub(in super::super) async fn fetch_one<T: Read>(
        &mut self,
        query: Query<'_>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.fetch(query).await?.pop())
    }

    /// Runs several statements, for as long as they take.
    pub(super) async fn run(&mut self, script: String) -> Result<(), StoreError> {
        sqlx::raw_sql(sqlx::AssertSqlSafe(script))
            .execute(&mut *self.inner)
            .await
            .map(|_| ())
            .map_err(|error| store_error(error, Constraint::Id))
    }

    pub(in super::super) async fn end(self) -> Result<(), StoreError> {
        bounded(self.inner.commit())
            .await
            .map_err(|error| store_error(error, Constraint::Id))
    }
}

#[async_trait]
impl Transaction for SqlTransaction {
    fn audit(&mut self) -> &mut dyn AuditRepository {
        self
    }

    fn credentials(&mut self) -> &mut dyn CredentialRepository {
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
