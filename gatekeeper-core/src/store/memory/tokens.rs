use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{
    conflict,
    order::{LAST, oldest_before},
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{OneTimeToken, OneTimeTokenId, TenantId, Timestamp, TokenHash, TokenPurpose, UserId},
    store::{Constraint, OneTimeTokenRepository, StoreError},
};

#[derive(Default)]
pub(super) struct TokenIndex {
    hash: BTreeMap<[u8; 32], OneTimeTokenId>,
    user: BTreeSet<(UserId, OneTimeTokenId)>,
    over: BTreeSet<(Timestamp, OneTimeTokenId)>,
}

/// When the token was or will be of no more use, whichever way comes first.
fn over_at(token: &OneTimeToken) -> Timestamp {
    token.consumed_at.unwrap_or(LAST).min(token.expires_at)
}

impl Row for OneTimeToken {
    type Key = OneTimeTokenId;
    type Index = TokenIndex;

    fn key(&self) -> OneTimeTokenId {
        self.id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.tokens
    }

    fn index(&self, index: &mut TokenIndex) {
        index.hash.insert(self.hash.0, self.id);
        index.user.insert((self.user_id, self.id));
        index.over.insert((over_at(self), self.id));
    }

    fn unindex(&self, index: &mut TokenIndex) {
        index.hash.remove(&self.hash.0);
        index.user.remove(&(self.user_id, self.id));
        index.over.remove(&(over_at(self), self.id));
    }
}

impl State {
    pub(super) fn tokens_of(&self, user: UserId) -> Vec<OneTimeTokenId> {
        let first = OneTimeTokenId::from_uuid(uuid::Uuid::nil());
        self.tokens
            .by()
            .user
            .range((user, first)..)
            .take_while(|(owner, _)| *owner == user)
            .map(|(_, id)| *id)
            .collect()
    }
}

/// The guard of the one use that a token has.
fn is_usable(
    token: &OneTimeToken,
    tenant: TenantId,
    purpose: TokenPurpose,
    now: Timestamp,
) -> bool {
    token.tenant_id == tenant
        && token.purpose == purpose
        && token.consumed_at.is_none()
        && now < token.expires_at
}

#[async_trait]
impl OneTimeTokenRepository for MemoryTransaction {
    async fn insert(&mut self, token: &OneTimeToken) -> Result<(), StoreError> {
        self.state.require_user(token.tenant_id, token.user_id)?;
        let tokens = &self.state.tokens;
        if tokens.contains(&token.id) || tokens.by().hash.contains_key(&token.hash.0) {
            return Err(conflict(Constraint::Id));
        }
        self.put(token.clone());
        Ok(())
    }

    async fn find(
        &mut self,
        tenant: TenantId,
        purpose: TokenPurpose,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let Some(id) = self.state.tokens.by().hash.get(&hash.0).copied() else {
            return Ok(None);
        };
        let token = self.state.tokens.get(&id);
        Ok(token
            .filter(|row| is_usable(row, tenant, purpose, now))
            .cloned())
    }

    async fn consume(
        &mut self,
        tenant: TenantId,
        purpose: TokenPurpose,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        // Looked up by SHA-256 of 256 random bits: how long the search takes tells nothing of the token.
        let Some(id) = self.state.tokens.by().hash.get(&hash.0).copied() else {
            return Ok(None);
        };
        Ok(self.change::<OneTimeToken>(&id, |row| {
            let usable = is_usable(row, tenant, purpose, now);
            if usable {
                row.consumed_at = Some(now);
            }
            usable
        }))
    }

    async fn revoke_all_for_user(
        &mut self,
        tenant: TenantId,
        user: UserId,
        purposes: &[TokenPurpose],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut revoked = 0;
        for id in self.state.tokens_of(user) {
            let changed = self.change::<OneTimeToken>(&id, |row| {
                let unused = row.tenant_id == tenant
                    && purposes.contains(&row.purpose)
                    && row.consumed_at.is_none();
                if unused {
                    row.consumed_at = Some(now);
                }
                unused
            });
            revoked += u64::from(changed.is_some());
        }
        Ok(revoked)
    }

    async fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let due = oldest_before(&self.state.tokens.by().over, before, limit);
        for &id in &due {
            self.remove::<OneTimeToken>(id);
        }
        Ok(due.len() as u64)
    }
}
