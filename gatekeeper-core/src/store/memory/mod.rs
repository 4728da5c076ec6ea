//! The store in memory, for tests, demonstrations and embedding without persistence.
//!
//! One transaction runs at a time: it holds the whole store from [`begin`](crate::store::Repository::begin) until it is
//! committed or dropped. What it writes goes into the tables at once, and what stood there before goes into its undo log,
//! so that a commit costs nothing and a rollback costs what was changed, however much is stored.
//!
//! A task that holds a transaction must not ask the repository for anything else until it has ended it: it would wait for
//! itself.

mod api_keys;
mod audit;
mod credentials;
mod devices;
mod groups;
mod invitations;
mod leases;
mod lockouts;
mod mfa;
mod order;
mod organizations;
mod outbox;
mod revocations;
mod roles;
mod search;
mod sessions;
mod signing_keys;
mod state;
mod table;
mod tenants;
mod tokens;
mod transaction;
mod users;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use tokio::sync::{Mutex, MutexGuard, watch};

use self::{state::State, transaction::MemoryTransaction};
use super::{
    Constraint, Repository, RevocationSignal, RotatedSession, SessionRotation, StoreError,
    StoreErrorKind, Transaction,
};
use crate::{
    lockout::{LockoutKey, LockoutState},
    model::{
        Account, ApiKey, ApiKeyId, Authority, NormalizedEmail, OrganizationId, Revocation,
        RevocationTarget, Session, SessionId, Tenant, TenantId, TenantSlug, Timestamp, User,
        UserId,
    },
};

/// A store in memory. Clones share what is stored; it is gone with the last of them.
///
/// It begins with what the other stores begin with after their migrations: the default tenant and its system roles.
///
/// ```
/// use gatekeeper_core::{model::{TenantId, TenantSlug}, store::{Repository, memory::MemoryRepository}};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let repository = MemoryRepository::new();
/// let slug = TenantSlug::parse("default").ok_or("not a slug")?;
/// let tenant = repository.find_tenant(&slug).await?.ok_or("no default tenant")?;
/// assert_eq!(tenant.id, TenantId::DEFAULT);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MemoryRepository {
    state: Arc<Mutex<State>>,
    news: watch::Sender<(u64, bool)>,
}

impl MemoryRepository {
    /// A store that holds the default tenant and its system roles.
    pub fn new() -> Self {
        Self {
            state: Arc::new(Mutex::new(State::seeded())),
            news: watch::Sender::new((0, true)),
        }
    }

    async fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().await
    }

    async fn transaction(&self) -> MemoryTransaction {
        MemoryTransaction::new(
            Arc::clone(&self.state).lock_owned().await,
            self.news.clone(),
        )
    }
}

impl Default for MemoryRepository {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryRepository {
    // What is stored is nobody's to print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRepository").finish_non_exhaustive()
    }
}

#[async_trait]
impl Repository for MemoryRepository {
    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError> {
        Ok(Box::new(self.transaction().await))
    }

    async fn find_account_by_email(
        &self,
        tenant: TenantId,
        email: &NormalizedEmail,
    ) -> Result<Option<Account>, StoreError> {
        let state = self.state().await;
        Ok(state
            .user_by_email(tenant, email)
            .map(|user| state.account(user)))
    }

    async fn find_account(
        &self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Option<Account>, StoreError> {
        let state = self.state().await;
        Ok(state.user(tenant, user).map(|user| state.account(user)))
    }

    async fn find_authority(
        &self,
        tenant: TenantId,
        user: UserId,
        organization: Option<OrganizationId>,
    ) -> Result<Option<Authority>, StoreError> {
        let state = self.state().await;
        let found = state
            .user(tenant, user)
            .filter(|user| User::is_active(user));
        Ok(found.map(|user| state.authority(tenant, user.id, organization)))
    }

    async fn find_api_key(
        &self,
        tenant: TenantId,
        key: ApiKeyId,
    ) -> Result<Option<(ApiKey, Account)>, StoreError> {
        Ok(self.state().await.api_key_with_owner(tenant, key))
    }

    async fn touch_api_key(
        &self,
        tenant: TenantId,
        key: ApiKeyId,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.transaction().await;
        let touched = transaction.touch(tenant, key, now, unless_since);
        transaction.finish();
        Ok(touched)
    }

    async fn find_session(
        &self,
        tenant: TenantId,
        session: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        Ok(self.state().await.session(tenant, session).cloned())
    }

    async fn rotate_session(
        &self,
        rotation: &SessionRotation,
    ) -> Result<Option<RotatedSession>, StoreError> {
        let mut transaction = self.transaction().await;
        let rotated = transaction.rotate(rotation);
        transaction.finish();
        Ok(rotated)
    }

    async fn lockout_state(&self, key: &LockoutKey) -> Result<LockoutState, StoreError> {
        Ok(self.state().await.lockout(key))
    }

    async fn find_tenant_by_id(&self, tenant: TenantId) -> Result<Option<Tenant>, StoreError> {
        Ok(self.state().await.tenants.get(&tenant).cloned())
    }

    async fn find_tenant(&self, slug: &TenantSlug) -> Result<Option<Tenant>, StoreError> {
        Ok(self.state().await.tenant_by_slug(slug).cloned())
    }

    async fn revocations_since(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Revocation>, StoreError> {
        Ok(self.state().await.revocations_since(since, now))
    }

    async fn is_revoked(
        &self,
        tenant: TenantId,
        targets: &[RevocationTarget],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let state = self.state().await;
        Ok(targets
            .iter()
            .any(|target| state.is_revoked(tenant, *target, now)))
    }

    fn revocation_signal(&self) -> Option<RevocationSignal> {
        Some(self.news.subscribe())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn name(&self) -> &'static str {
        "memory"
    }
}

fn conflict(constraint: Constraint) -> StoreError {
    StoreError::new(
        StoreErrorKind::Conflict(constraint),
        format!("{constraint:?} does not hold"),
    )
}
