use async_trait::async_trait;

use super::StoreError;
use crate::model::{
    Page, PageRequest, Session, SessionEnd, SessionId, TenantId, Timestamp, UserId,
};

/// Sessions. Rotation is [`Repository::rotate_session`](super::Repository::rotate_session).
#[async_trait]
pub trait SessionRepository: Send {
    /// A session, live or not, held until the transaction ends.
    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        session: SessionId,
    ) -> Result<Option<Session>, StoreError>;

    /// Adds a session.
    ///
    /// # Errors
    ///
    /// `Conflict(Reference)` where the user does not exist in the tenant.
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError>;

    /// Ends a session that is not ended (an expired one too) and answers whether it did.
    async fn end(
        &mut self,
        tenant: TenantId,
        session: SessionId,
        reason: SessionEnd,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Ends every session of a user that is not ended, but for `except`, and answers which.
    async fn end_all_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        except: Option<SessionId>,
        reason: SessionEnd,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Ends every session of the tenant that is not ended, and answers how many.
    async fn end_all_for_tenant(
        &mut self,
        tenant: TenantId,
        reason: SessionEnd,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Ends every session that is not ended and in which this user acts as another, and answers which.
    async fn end_all_by_impersonator(
        &mut self,
        tenant: TenantId,
        impersonator: UserId,
        reason: SessionEnd,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// A user's sessions that are live at `now`, by (`created_at`, id), newest first.
    async fn list_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
        page: PageRequest,
    ) -> Result<Page<Session>, StoreError>;

    /// The ids of a user's sessions that are live at `now`, but for those in which somebody impersonates the user, by (`created_at`, id), oldest first. The caller holds the user's
    /// row, so that none comes to be meanwhile.
    async fn live_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Removes up to `limit` sessions, of all tenants, that ended or expired before `before`.
    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
