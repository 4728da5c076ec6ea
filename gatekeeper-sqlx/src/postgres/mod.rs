//! The repository on PostgreSQL.

mod confinement;
mod dialect;
mod effects;
#[cfg(test)]
mod plans;
#[path = "../repository/mod.rs"]
mod repository;
mod signal;

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use gatekeeper_core::store::{Constraint, RevocationSignal, StoreError};
use sqlx::{
    ConnectOptions as _, Connection as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{Settings, SetupError, settings::Templates};
use repository::{Guard, Rollbacks, Statements, store_error, templates};
use signal::Signal;

type Store = PgRepository;

/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Connections that lay idle for longer are tried before they are used.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// The [`Repository`](gatekeeper_core::store::Repository) on PostgreSQL, 13 and up. Cheap to clone; clones share the
/// connections.
#[derive(Clone)]
pub struct PgRepository(Arc<Inner>);

struct Inner {
    pool: PgPool,
    rollbacks: Rollbacks,
    settings: Settings,
    signal: Signal,
    statements: Arc<Statements>,
    templates: Templates,
}

impl PgRepository {
    /// Connects to `postgres://USER:PASSWORD@HOST/DATABASE` and brings the tables up to date.
    ///
    /// The pool has ten connections. One that was used within the last second is used again without being tried first, which
    /// saves a round trip on every statement; should it be broken, reads and the beginning of a transaction go to another
    /// one by themselves.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub async fn connect(url: &str) -> Result<Self, SetupError> {
        Self::connect_with(url, Settings::new()).await
    }

    /// The same, with settings.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub async fn connect_with(url: &str, settings: Settings) -> Result<Self, SetupError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| SetupError::Url(error.into()))?
            // A debug event for every statement costs more than some statements.
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, about| {
                Box::pin(async move {
                    if about.idle_for > TRUSTED_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .map_err(|error| store_error(error, Constraint::Id))?;
        let repository = Self::on_pool(pool, settings);
        repository.migrate().await?;
        Ok(repository)
    }

    /// Works on the application's own pool. Nothing about its connections is assumed or changed, except that they must reach
    /// the server itself or a proxy that keeps prepared statements apart. Call [`migrate`](Self::migrate) before first use.
    ///
    /// Listening for revocations takes a connection of its own, beside the pool.
    pub fn on_pool(pool: PgPool, settings: Settings) -> Self {
        let channel = settings.channel();
        // On commit; the answer of type `void` is thrown away.
        let notify = format!(" RETURNING pg_notify('{channel}', '')");
        let templates = templates(&settings, &[("{notify}", &notify)]);
        Self(Arc::new(Inner {
            statements: Arc::new(Statements::new(&templates)),
            signal: Signal::new(channel),
            pool,
            rollbacks: Rollbacks::default(),
            settings,
            templates,
        }))
    }

    /// The connections.
    pub fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    /// Whether the database itself keeps tenants apart.
    fn confined(&self) -> bool {
        self.0.settings.confines()
    }

    fn rollbacks(&self) -> &Rollbacks {
        &self.0.rollbacks
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn statements(&self) -> &Arc<Statements> {
        &self.0.statements
    }

    fn templates(&self) -> &Templates {
        &self.0.templates
    }

    /// Nothing to wait for: transactions run side by side.
    #[expect(clippy::unused_async, reason = "SQLite's waits")]
    async fn guard(&self) -> Result<Guard, StoreError> {
        Ok(None)
    }

    fn signal(&self) -> Option<RevocationSignal> {
        self.0.signal.subscribe(&self.0.pool)
    }
}

impl fmt::Debug for PgRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgRepository")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}
