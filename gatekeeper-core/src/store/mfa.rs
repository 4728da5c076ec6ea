use async_trait::async_trait;

use super::StoreError;
use crate::model::{BackupCode, MfaCredential, SecretString, TenantId, Timestamp, UserId};

/// Second factors. The caller holds the user's row for everything but [`advance`](Self::advance) and
/// [`consume_backup_code`](Self::consume_backup_code), which are guarded statements.
#[async_trait]
pub trait MfaRepository: Send {
    /// A user's factors, confirmed or not, sorted by method.
    async fn list(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<MfaCredential>, StoreError>;

    /// Adds a factor, in place of an unconfirmed one of the same method.
    ///
    /// # Errors
    ///
    /// `Conflict(MfaMethod)` where a confirmed one stands there; `Conflict(Reference)` where the user does not exist.
    async fn put(&mut self, credential: &MfaCredential) -> Result<(), StoreError>;

    /// Confirms a factor that is not confirmed, and takes `counter` as used. Answers whether it did.
    async fn confirm(
        &mut self,
        tenant: TenantId,
        user: UserId,
        method: &str,
        counter: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Raises the counter of a confirmed factor to `counter`, where it stands below: one guarded statement, so that of any
    /// number of callers with the same time step one is let in (RFC 6238 section 5.2).
    async fn advance(
        &mut self,
        tenant: TenantId,
        user: UserId,
        method: &str,
        counter: i64,
    ) -> Result<bool, StoreError>;

    /// Removes a factor; answers whether there was one.
    async fn delete(
        &mut self,
        tenant: TenantId,
        user: UserId,
        method: &str,
    ) -> Result<bool, StoreError>;

    /// Puts these backup codes in the place of all that the user has; none of them removes all.
    ///
    /// # Errors
    ///
    /// `Conflict(Reference)` where the user does not exist in the tenant.
    async fn replace_backup_codes(
        &mut self,
        tenant: TenantId,
        user: UserId,
        codes: &[BackupCode],
    ) -> Result<(), StoreError>;

    /// The user's unused codes, sorted by id.
    async fn list_backup_codes(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<BackupCode>, StoreError>;

    /// Uses up the code with this hash: one guarded statement; of any number of callers one gets it.
    async fn consume_backup_code(
        &mut self,
        tenant: TenantId,
        user: UserId,
        hash: &SecretString,
    ) -> Result<bool, StoreError>;
}
