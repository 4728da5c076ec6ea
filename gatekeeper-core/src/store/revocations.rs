use async_trait::async_trait;

use super::StoreError;
use crate::model::{Revocation, Timestamp};

/// Access tokens that are refused before they expire.
///
/// Written in the transaction that ends the session or closes the account, so that no crash can leave one without the
/// other. Where the store can tell other nodes (PostgreSQL's `NOTIFY`), it does so on commit.
#[async_trait]
pub trait RevocationRepository: Send {
    /// Adds an entry; adding the same again is no error and keeps the later of the two expiries.
    async fn insert(&mut self, revocation: &Revocation) -> Result<(), StoreError>;

    /// Removes up to `limit` entries that are expired at `now`, of all tenants.
    async fn purge_expired(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
