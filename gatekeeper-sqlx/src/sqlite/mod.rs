//! The repository on SQLite.

mod dialect;
mod effects;
#[cfg(test)]
mod plans;
#[cfg_attr(
    feature = "postgres",
    expect(
        clippy::duplicate_mod,
        reason = "the same statements, compiled once for each database"
    )
)]
#[path = "../repository/mod.rs"]
mod repository;

use std::{fmt, path::Path, str::FromStr, sync::Arc, time::Duration};

use gatekeeper_core::store::{Constraint, RevocationSignal, StoreError, StoreErrorKind};
use sqlx::{
    ConnectOptions as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::{sync::Semaphore, time::timeout};

use crate::{Settings, SetupError, error::Failure, settings::Templates};
use repository::{Guard, Rollbacks, Statements, store_error, templates};

type Store = SqliteRepository;

/// How long a writer waits for those before it, and a connection for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections to a file: one writes, the others read at the same time.
const CONNECTIONS: u32 = 5;

/// The [`Repository`](gatekeeper_core::store::Repository) on SQLite. Cheap to clone; clones share the connections.
///
/// Transactions take turns in the order in which they come, since SQLite has one writer at a time; reads go on beside them.
///
/// A caller that holds a transaction and reads beside it, on the repository itself, waits for itself where the database is
/// `sqlite::memory:`, which has one connection.
#[derive(Clone)]
pub struct SqliteRepository(Arc<Inner>);

struct Inner {
    pool: SqlitePool,
    rollbacks: Rollbacks,
    settings: Settings,
    statements: Arc<Statements>,
    templates: Templates,
    writer: Arc<Semaphore>,
}

impl SqliteRepository {
    /// Opens `sqlite://PATH` or `sqlite::memory:` and brings its tables up to date. A file is made where there is none,
    /// readable by its owner alone.
    ///
    /// The journal is a write-ahead log, synchronised on every commit (`synchronous = FULL`): after a power cut, a session
    /// that was ended stays ended and a one-time token that was used stays used. `NORMAL` would be faster and forget the
    /// last commits.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub async fn open(url: &str) -> Result<Self, SetupError> {
        Self::open_with(url, Settings::new()).await
    }

    /// The same, with settings.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub async fn open_with(url: &str, settings: Settings) -> Result<Self, SetupError> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(|error| SetupError::Url(error.into()))?
            .busy_timeout(PATIENCE)
            .foreign_keys(true)
            .synchronous(SqliteSynchronous::Full)
            // A debug event for every statement costs more than some statements.
            .disable_statement_logging();
        let in_memory = url.contains(":memory:") || url.contains("mode=memory");
        let pool = SqlitePoolOptions::new()
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false);
        let (pool, options) = if in_memory {
            // The database lives as long as its one connection.
            let pool = pool
                .max_connections(1)
                .min_connections(1)
                .idle_timeout(None)
                .max_lifetime(None);
            (pool, options)
        } else {
            create_private(options.get_filename())
                .map_err(|error| SetupError::Url(error.into()))?;
            let options = options
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal);
            (pool.max_connections(CONNECTIONS), options)
        };
        let pool = connect(pool, options).await?;
        let repository = Self::on_pool(pool, settings)?;
        repository.migrate().await?;
        Ok(repository)
    }

    /// Works on the application's own pool. Nothing about its connections is changed; they need foreign keys on, which is
    /// sqlx's default. Call [`migrate`](Self::migrate) before first use.
    ///
    /// # Errors
    ///
    /// [`SetupError::Schema`] where the settings name a schema, [`SetupError::RowLevelSecurity`] where they ask for that.
    pub fn on_pool(pool: SqlitePool, settings: Settings) -> Result<Self, SetupError> {
        if settings.schema_name().is_some() {
            return Err(SetupError::Schema);
        }
        if settings.confines() {
            return Err(SetupError::RowLevelSecurity);
        }
        let templates = templates(&settings, &[]);
        Ok(Self(Arc::new(Inner {
            pool,
            rollbacks: Rollbacks::default(),
            statements: Arc::new(Statements::new(&templates)),
            settings,
            templates,
            writer: Arc::new(Semaphore::new(1)),
        })))
    }

    /// The connections.
    pub fn pool(&self) -> &SqlitePool {
        &self.0.pool
    }

    /// Whether the database itself keeps tenants apart: it cannot.
    #[expect(clippy::unused_self, reason = "PostgreSQL's may")]
    const fn confined(&self) -> bool {
        false
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

    /// Waits for the turn to write. SQLite itself would poll for it, in no order, and hold a connection meanwhile.
    async fn guard(&self) -> Result<Guard, StoreError> {
        let turn = timeout(PATIENCE, self.0.writer.clone().acquire_owned());
        match turn.await {
            Ok(permit) => permit
                .map(Some)
                .map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error)),
            Err(elapsed) => Err(StoreError::new(StoreErrorKind::Unavailable, elapsed)),
        }
    }

    /// None: SQLite tells nobody. Other processes on the same file are heard of by asking.
    #[expect(clippy::unused_self, reason = "PostgreSQL's has one")]
    fn signal(&self) -> Option<RevocationSignal> {
        None
    }
}

impl fmt::Debug for SqliteRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteRepository")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

/// Makes the file before SQLite does, which would make it readable for everybody; its journals take after it.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        result => result.map(|_| ()),
    }
}

/// Opens the first connection. Two processes that switch a new file to its write-ahead log at once get in each other's way,
/// and SQLite does not wait for that by itself.
async fn connect(
    pool: SqlitePoolOptions,
    options: SqliteConnectOptions,
) -> Result<SqlitePool, StoreError> {
    let attempts = async {
        loop {
            match pool.clone().connect_with(options.clone()).await {
                Err(error) if Failure::of(&error, dialect::failure) == Failure::Busy => {
                    tracing::debug!(%error, "the database is busy");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                result => return result,
            }
        }
    };
    timeout(PATIENCE, attempts)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
        .map_err(|error| store_error(error, Constraint::Id))
}
