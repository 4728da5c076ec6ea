#![doc = include_str!("../README.md")]

mod error;
mod migrations;
#[cfg(feature = "postgres")]
mod postgres;
mod settings;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use error::SetupError;
#[cfg(feature = "postgres")]
pub use postgres::PgRepository;
pub use settings::Settings;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteRepository;
