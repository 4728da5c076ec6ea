//! The contracts of core in SQL, written once and compiled for each database: `sqlite` and `postgres` include this module by
//! path, and differ in their `dialect`.
//!
//! Statements that return rows are always read to their end. A write that returns a row has not happened before that.

mod api_keys;
mod audit;
mod call;
mod chain;
mod columns;
mod credentials;
mod devices;
mod groups;
mod invitations;
mod leases;
mod lists;
mod lockouts;
mod mfa;
mod migrate;
mod organizations;
mod outbox;
mod revocations;
mod roles;
mod rollbacks;
pub(super) mod rows;
mod search;
mod sessions;
mod signing_keys;
mod single;
mod statements;
mod tenants;
mod tokens;
mod transaction;
#[cfg(test)]
pub(super) mod upgrade;
mod users;

use std::{future::Future, time::Duration};

use gatekeeper_core::store::{Constraint, StoreError, StoreErrorKind};

use super::{
    dialect::{self, Db},
    effects,
};
use crate::error::Failure;

pub(super) use call::{Call, Scope, across, query, within};
pub(super) use rollbacks::Rollbacks;
pub(super) use sessions::hour;
pub(super) use single::fetch;
pub(super) use statements::{Statements, statements, templates};
pub(super) use transaction::{Guard, SqlTransaction};

/// A statement of sqlx with what is bound to it.
pub(super) type Query<'q> = sqlx::query::Query<'q, Db, <Db as sqlx::Database>::Arguments>;

/// How long a statement may take. A server that went away without a word is found out by this alone.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs something that the database may never answer.
pub(super) async fn bounded<T>(
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(STATEMENT_TIMEOUT, work).await {
        Ok(result) => result,
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

/// An error of this database as one of the contract; a doubled key breaks the rule `unique`.
pub(super) fn store_error(error: sqlx::Error, unique: Constraint) -> StoreError {
    Failure::of(&error, dialect::failure).into_error(unique, error)
}

/// Answers with a conflict that the statement itself kept from being an error, which on PostgreSQL would have spoilt the
/// transaction.
fn conflict(constraint: Constraint) -> StoreError {
    StoreError::new(
        StoreErrorKind::Conflict(constraint),
        "the key is there already",
    )
}
