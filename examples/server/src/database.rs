use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use gatekeeper_core::{model::SecretString, store::Repository};
use gatekeeper_sqlx::{PgRepository, SetupError, SqliteRepository};

use crate::failure::{Failure, chain};

/// Where everything is kept.
pub(crate) enum Database {
    /// SQLite in a file.
    File(PathBuf),
    /// SQLite in memory.
    Memory,
    /// PostgreSQL; the URL holds a password.
    Postgres(SecretString),
}

impl Database {
    /// Reads a URL. An error does not repeat it.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url
            .split_once(':')
            .ok_or("must be a URL: sqlite://PATH or postgres://...")?;
        match scheme {
            "postgres" | "postgresql" if rest.starts_with("//") => {
                Ok(Self::Postgres(SecretString::new(url)))
            }
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path == ":memory:" {
                    return Ok(Self::Memory);
                }
                // The rest of the URL is handed to the driver, to which these mean something.
                if path.is_empty() || path.contains(['?', '#', '%']) || path.ends_with('/') {
                    return Err("the path of an SQLite file must be plain: no ?, # or %".to_owned());
                }
                Ok(Self::File(PathBuf::from(path)))
            }
            _ => Err("must begin with sqlite:// or postgres://".to_owned()),
        }
    }

    /// Opens it and brings its tables up to date.
    pub(crate) async fn open(
        &self,
        row_level_security: bool,
    ) -> Result<Arc<dyn Repository>, Failure> {
        let settings = gatekeeper_sqlx::Settings::new().row_level_security(row_level_security);
        let opened: Result<Arc<dyn Repository>, SetupError> = match self {
            Self::File(path) => SqliteRepository::open(&format!("sqlite://{}", path.display()))
                .await
                .map(|repository| Arc::new(repository) as _),
            Self::Memory => SqliteRepository::open("sqlite::memory:")
                .await
                .map(|repository| Arc::new(repository) as _),
            Self::Postgres(url) => PgRepository::connect_with(url.expose(), settings)
                .await
                .map(|repository| Arc::new(repository) as _),
        };
        opened.map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &SetupError) -> Failure {
        match (self, error) {
            // The cause may quote the URL.
            (Self::Postgres(_), SetupError::Url(_)) => Failure::Usage(
                "GATEKEEPER_DATABASE_URL: must be postgres://USER:PASSWORD@HOST:PORT/DATABASE"
                    .to_owned(),
            ),
            _ => Failure::failed(
                "database.unavailable",
                format!("the database {self} cannot be opened: {}", chain(error)),
            ),
        }
    }

    /// The directory that the file is in.
    pub(crate) fn directory(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            }),
            Self::Memory | Self::Postgres(_) => None,
        }
    }

    /// Whether there is something in it already, as far as a look at the file tells.
    pub(crate) fn holds_data(&self) -> bool {
        match self {
            Self::File(path) => std::fs::metadata(path).is_ok_and(|file| file.len() > 0),
            Self::Memory => false,
            Self::Postgres(_) => true,
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::File(PathBuf::from("gatekeeper.db"))
    }
}

/// Without user, password and parameters.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "sqlite://{}", path.display()),
            Self::Memory => f.write_str("sqlite::memory:"),
            Self::Postgres(url) => {
                let rest = url.expose().split_once("://").map_or("", |(_, rest)| rest);
                let rest = rest.split(['?', '#']).next().unwrap_or("");
                // A password may hold an unescaped slash or at sign: nothing before the last one is shown.
                let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
                write!(f, "postgres://{rest}")
            }
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_what_follows_the_scheme() {
        for (url, path, directory) in [
            ("sqlite://gatekeeper.db", "gatekeeper.db", "."),
            ("sqlite:gatekeeper.db", "gatekeeper.db", "."),
            ("sqlite://data/a b.db", "data/a b.db", "data"),
            ("sqlite:///var/lib/g.db", "/var/lib/g.db", "/var/lib"),
        ] {
            let database = Database::parse(url).unwrap();
            let Database::File(found) = &database else {
                panic!("{url}");
            };
            assert_eq!(found, Path::new(path));
            assert_eq!(database.directory(), Some(Path::new(directory)));
        }
        for url in ["sqlite::memory:", "sqlite://:memory:"] {
            assert!(matches!(Database::parse(url), Ok(Database::Memory)));
        }
        for url in [
            "",
            "gatekeeper.db",
            "mysql://x",
            "sqlite:",
            "sqlite://",
            "sqlite://a?mode=ro",
            "sqlite://a%20b",
            "sqlite://a/",
            "postgres:x",
        ] {
            assert!(Database::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://user:hunter2@db.example.org:5432/auth",
            "postgres://user:hunter2@db.example.org:5432/auth?password=hunter2",
            "postgres://user:hun@ter2/hunter2@db.example.org:5432/auth",
            "postgresql://db.example.org:5432/auth?user=x&password=hunter2#hunter2",
        ] {
            let database = Database::parse(url).unwrap();
            let shown = format!("{database} {database:?}");
            assert_eq!(
                shown,
                "postgres://db.example.org:5432/auth Database(postgres://db.example.org:5432/auth)"
            );
        }
    }
}
