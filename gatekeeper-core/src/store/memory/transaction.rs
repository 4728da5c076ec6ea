use async_trait::async_trait;
use tokio::sync::{OwnedMutexGuard, watch};

use super::{state::State, table::Row};
use crate::store::{
    ApiKeyRepository, AuditRepository, CredentialRepository, DeviceRepository, GroupRepository,
    InvitationRepository, LeaseRepository, LockoutRepository, MfaRepository,
    OneTimeTokenRepository, OrganizationRepository, OutboxRepository, RevocationRepository,
    RoleRepository, SessionRepository, SigningKeyRepository, StoreError, TenantRepository,
    Transaction, UserRepository,
};

type Undo = Box<dyn FnOnce(&mut State) + Send + Sync>;

/// The store, held, with what takes it back to where it was.
pub(super) struct MemoryTransaction {
    pub(super) state: OwnedMutexGuard<State>,
    undo: Vec<Undo>,
    news: watch::Sender<(u64, bool)>,
    has_news: bool,
}

impl MemoryTransaction {
    pub(super) const fn new(
        state: OwnedMutexGuard<State>,
        news: watch::Sender<(u64, bool)>,
    ) -> Self {
        Self {
            state,
            undo: Vec::new(),
            news,
            has_news: false,
        }
    }

    /// Adds a row, or replaces the one with its key.
    pub(super) fn put<R: Row>(&mut self, row: R) {
        self.set(row.key(), Some(row));
    }

    /// Removes a row and answers whether there was one.
    pub(super) fn remove<R: Row>(&mut self, key: R::Key) -> bool {
        self.set::<R>(key, None)
    }

    /// Removes the rows that are so.
    pub(super) fn remove_where<R: Row>(&mut self, wanted: impl Fn(&R) -> bool) {
        for key in R::table(&mut self.state).keys(wanted) {
            self.remove::<R>(key);
        }
    }

    fn set<R: Row>(&mut self, key: R::Key, row: Option<R>) -> bool {
        let before = R::table(&mut self.state).set(&key, row);
        let existed = before.is_some();
        self.undo.push(Box::new(move |state| {
            R::table(state).set(&key, before);
        }));
        existed
    }

    /// Changes the row in place, if it is there and `change` says that it did.
    pub(super) fn change<R: Row>(
        &mut self,
        key: &R::Key,
        change: impl FnOnce(&mut R) -> bool,
    ) -> Option<R> {
        let mut row = R::table(&mut self.state).get(key).cloned()?;
        if !change(&mut row) {
            return None;
        }
        self.put(row.clone());
        Some(row)
    }

    /// Says on commit that there are revocations to be read.
    pub(super) const fn announce(&mut self) {
        self.has_news = true;
    }

    pub(super) fn finish(mut self) {
        self.undo.clear();
        let news = self.has_news.then(|| self.news.clone());
        // Let go of the store first: whoever is woken wants to read it.
        drop(self);
        if let Some(news) = news {
            news.send_modify(|(count, _)| *count = count.wrapping_add(1));
        }
    }
}

impl Drop for MemoryTransaction {
    fn drop(&mut self) {
        for undo in self.undo.drain(..).rev() {
            undo(&mut self.state);
        }
    }
}

#[async_trait]
impl Transaction for MemoryTransaction {
    fn api_keys(&mut self) -> &mut dyn ApiKeyRepository {
        self
    }

    fn audit(&mut self) -> &mut dyn AuditRepository {
        self
    }

    fn credentials(&mut self) -> &mut dyn CredentialRepository {
        self
    }

    fn devices(&mut self) -> &mut dyn DeviceRepository {
        self
    }

    fn groups(&mut self) -> &mut dyn GroupRepository {
        self
    }

    fn invitations(&mut self) -> &mut dyn InvitationRepository {
        self
    }

    fn leases(&mut self) -> &mut dyn LeaseRepository {
        self
    }

    fn lockouts(&mut self) -> &mut dyn LockoutRepository {
        self
    }

    fn mfa(&mut self) -> &mut dyn MfaRepository {
        self
    }

    fn organizations(&mut self) -> &mut dyn OrganizationRepository {
        self
    }

    fn outbox(&mut self) -> &mut dyn OutboxRepository {
        self
    }

    fn revocations(&mut self) -> &mut dyn RevocationRepository {
        self
    }

    fn roles(&mut self) -> &mut dyn RoleRepository {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self
    }

    fn signing_keys(&mut self) -> &mut dyn SigningKeyRepository {
        self
    }

    fn tenants(&mut self) -> &mut dyn TenantRepository {
        self
    }

    fn tokens(&mut self) -> &mut dyn OneTimeTokenRepository {
        self
    }

    fn users(&mut self) -> &mut dyn UserRepository {
        self
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.finish();
        Ok(())
    }
}
