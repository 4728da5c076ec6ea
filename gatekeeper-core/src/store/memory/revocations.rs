use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{
    order::{LAST, oldest_until},
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{Revocation, RevocationTarget, SessionId, TenantId, Timestamp, TokenId, UserId},
    store::{RevocationRepository, StoreError},
};

/// A target in an order that puts the revocations of one user side by side, by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Session(SessionId),
    Token(TokenId),
    User(UserId, Timestamp),
    Tenant(Timestamp),
    Authority(UserId, Timestamp),
    TenantAuthority(Timestamp),
}

impl From<RevocationTarget> for Target {
    fn from(target: RevocationTarget) -> Self {
        match target {
            RevocationTarget::Session(id) => Self::Session(id),
            RevocationTarget::Token(id) => Self::Token(id),
            RevocationTarget::User(id, at) => Self::User(id, at),
            RevocationTarget::Tenant(at) => Self::Tenant(at),
            RevocationTarget::Authority(id, at) => Self::Authority(id, at),
            RevocationTarget::TenantAuthority(at) => Self::TenantAuthority(at),
        }
    }
}

type Key = (TenantId, Target);

/// A revocation as a row.
#[derive(Clone)]
pub(super) struct Entry(pub(super) Revocation);

#[derive(Default)]
pub(super) struct RevocationIndex {
    revoked: BTreeSet<(Timestamp, Key)>,
    expiry: BTreeSet<(Timestamp, Key)>,
}

impl Row for Entry {
    type Key = Key;
    type Index = RevocationIndex;

    fn key(&self) -> Key {
        (self.0.tenant_id, self.0.target.into())
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.revocations
    }

    fn index(&self, index: &mut RevocationIndex) {
        index.revoked.insert((self.0.revoked_at, self.key()));
        index.expiry.insert((self.0.expires_at, self.key()));
    }

    fn unindex(&self, index: &mut RevocationIndex) {
        index.revoked.remove(&(self.0.revoked_at, self.key()));
        index.expiry.remove(&(self.0.expires_at, self.key()));
    }
}

impl State {
    pub(super) fn revocations_since(&self, since: Timestamp, now: Timestamp) -> Vec<Revocation> {
        let lowest = TenantId::from_uuid(uuid::Uuid::nil());
        let first = Target::Session(SessionId::from_uuid(uuid::Uuid::nil()));
        self.revocations
            .by()
            .revoked
            .range((since, (lowest, first))..)
            .filter_map(|(_, key)| self.revocations.get(key))
            .filter(|entry| now < entry.0.expires_at)
            .map(|entry| entry.0)
            .collect()
    }

    pub(super) fn is_revoked(
        &self,
        tenant: TenantId,
        target: RevocationTarget,
        now: Timestamp,
    ) -> bool {
        let last = match target {
            // "Everything until T": an entry with a later T covers it as well.
            RevocationTarget::User(id, _) => Target::User(id, LAST),
            RevocationTarget::Tenant(_) => Target::Tenant(LAST),
            RevocationTarget::Authority(id, _) => Target::Authority(id, LAST),
            RevocationTarget::TenantAuthority(_) => Target::TenantAuthority(LAST),
            RevocationTarget::Session(_) | RevocationTarget::Token(_) => target.into(),
        };
        self.revocations
            .range((tenant, target.into())..=(tenant, last))
            .any(|entry| now < entry.0.expires_at)
    }
}

#[async_trait]
impl RevocationRepository for MemoryTransaction {
    async fn insert(&mut self, revocation: &Revocation) -> Result<(), StoreError> {
        self.state.require_tenant(revocation.tenant_id)?;
        let mut entry = Entry(*revocation);
        if let Some(there) = self.state.revocations.get(&entry.key()) {
            entry.0.expires_at = entry.0.expires_at.max(there.0.expires_at);
            // Whoever asks for news since the earlier time must hear of the later expiry.
            entry.0.revoked_at = entry.0.revoked_at.max(there.0.revoked_at);
        }
        self.put(entry);
        self.announce();
        Ok(())
    }

    async fn purge_expired(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let due = oldest_until(&self.state.revocations.by().expiry, now, limit);
        for &key in &due {
            self.remove::<Entry>(key);
        }
        Ok(due.len() as u64)
    }
}
