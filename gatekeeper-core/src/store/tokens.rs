use async_trait::async_trait;

use super::StoreError;
use crate::model::{OneTimeToken, TenantId, Timestamp, TokenHash, TokenPurpose, UserId};

/// One-time tokens.
#[async_trait]
pub trait OneTimeTokenRepository: Send {
    /// Adds a token.
    ///
    /// # Errors
    ///
    /// `Conflict(Reference)` where the user does not exist in the tenant.
    async fn insert(&mut self, token: &OneTimeToken) -> Result<(), StoreError>;

    /// The token that [`consume`](Self::consume) would use, left as it is: to check what comes with it first.
    async fn find(
        &mut self,
        tenant: TenantId,
        purpose: TokenPurpose,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError>;

    /// Uses a token: the one with this hash, of this tenant and this purpose, neither consumed nor expired at `now`. One
    /// guarded statement; of any number of concurrent callers one gets it.
    async fn consume(
        &mut self,
        tenant: TenantId,
        purpose: TokenPurpose,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError>;

    /// Makes every unused token void that this user has for one of these purposes; answers how many.
    async fn revoke_all_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        purposes: &[TokenPurpose],
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Removes up to `limit` tokens, of all tenants, that expired or were consumed before `before`.
    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
