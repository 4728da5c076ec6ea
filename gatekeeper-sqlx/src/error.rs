use gatekeeper_core::store::{Constraint, StoreError, StoreErrorKind};

/// Why a repository could not be made, or its tables not be brought up to date.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A name in the settings is not of the form `[a-z_][a-z0-9_]{0,30}`.
    #[error("{0:?} cannot be a table prefix or a schema: it must be like [a-z_][a-z0-9_]{{0,30}}")]
    Name(String),
    /// A schema was set for a database that has none.
    #[error("SQLite has no schemas")]
    Schema,
    /// Row-level security was asked of a database that has none.
    #[error("SQLite has no row-level security")]
    RowLevelSecurity,
    /// The URL cannot be read, or the file it names cannot be made.
    #[error("the database URL cannot be used")]
    Url(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The application's pool has foreign keys switched off, without which no rule between tables holds.
    #[error("the connections of this SQLite pool have foreign keys switched off")]
    ForeignKeys,
    /// A newer version of this crate has migrated the database.
    #[error(
        "the database was migrated to version {found} by a newer release; this one knows version {known}"
    )]
    Newer {
        /// The version of the database.
        found: i64,
        /// The last version that this release knows.
        known: i64,
    },
    /// A migration was changed after it had been applied.
    #[error("migration {version} was applied in a form other than the one of this release")]
    Changed {
        /// Which one.
        version: i64,
    },
    /// The database failed.
    #[error("the database failed while it was set up")]
    Store(#[source] StoreError),
}

impl From<StoreError> for SetupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a database says of a failed statement, by its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The connection is lost, or about to be: another one may do.
    ConnectionLost,
    /// A unique index holds the key already.
    Duplicate,
    /// A foreign key has nothing to point to.
    Reference,
    /// It cannot be done now: contention, no resources, a server that starts or stops.
    Busy,
    /// Anything else.
    Other,
}

impl Failure {
    /// What an error is, where `by_code` reads the database's own codes.
    pub(crate) fn of(error: &sqlx::Error, by_code: fn(&str) -> Self) -> Self {
        match error {
            sqlx::Error::Database(error) => error.code().map_or(Self::Other, |code| by_code(&code)),
            // A reply that cannot be read leaves the connection out of step with the server.
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
                Self::ConnectionLost
            }
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Tls(_)
            | sqlx::Error::BeginFailed => Self::Busy,
            // `sqlx::Error` is `non_exhaustive`; what is left tells of a schema or a value that is not as expected.
            _ => Self::Other,
        }
    }

    /// The error for callers; a doubled key breaks the rule `unique`.
    pub(crate) fn into_error(self, unique: Constraint, source: sqlx::Error) -> StoreError {
        let kind = match self {
            Self::ConnectionLost | Self::Busy => StoreErrorKind::Unavailable,
            Self::Duplicate => StoreErrorKind::Conflict(unique),
            Self::Reference => StoreErrorKind::Conflict(Constraint::Reference),
            Self::Other => StoreErrorKind::Corrupt,
        };
        StoreError::new(kind, source)
    }
}
