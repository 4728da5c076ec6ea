#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    expect(dead_code, reason = "without a database there is nothing to do")
)]

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
