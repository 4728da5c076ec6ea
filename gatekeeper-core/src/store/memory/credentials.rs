use std::collections::BTreeSet;

use async_trait::async_trait;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{
    conflict,
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{
        ExternalIdentity, FormerPassword, PasswordCredential, PasswordHistoryId, SecretString,
        TenantId, Timestamp, UserId,
    },
    store::{Constraint, CredentialRepository, StoreError},
};

impl Row for PasswordCredential {
    type Key = UserId;
    type Index = ();

    fn key(&self) -> UserId {
        self.user_id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.passwords
    }

    fn index(&self, (): &mut ()) {}

    fn unindex(&self, (): &mut ()) {}
}

impl Row for FormerPassword {
    type Key = (UserId, PasswordHistoryId);
    type Index = ();

    fn key(&self) -> Self::Key {
        (self.user_id, self.id)
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.former_passwords
    }

    fn index(&self, (): &mut ()) {}

    fn unindex(&self, (): &mut ()) {}
}

/// Tenant, provider, subject.
pub(super) type IdentityKey = (TenantId, String, String);

#[derive(Default)]
pub(super) struct IdentityIndex {
    user: BTreeSet<(UserId, IdentityKey)>,
}

impl Row for ExternalIdentity {
    type Key = IdentityKey;
    type Index = IdentityIndex;

    fn key(&self) -> IdentityKey {
        (self.tenant_id, self.provider.clone(), self.subject.clone())
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.identities
    }

    fn index(&self, index: &mut IdentityIndex) {
        index.user.insert((self.user_id, self.key()));
    }

    fn unindex(&self, index: &mut IdentityIndex) {
        index.user.remove(&(self.user_id, self.key()));
    }
}

impl State {
    pub(super) fn password(&self, tenant: TenantId, user: UserId) -> Option<&PasswordCredential> {
        self.passwords
            .get(&user)
            .filter(|row| row.tenant_id == tenant)
    }

    /// A user's former passwords, newest first: their ids count up with time.
    pub(super) fn former_passwords_of(
        &self,
        user: UserId,
    ) -> impl DoubleEndedIterator<Item = &FormerPassword> {
        let id = PasswordHistoryId::from_uuid;
        self.former_passwords
            .range((user, id(Uuid::nil()))..=(user, id(Uuid::max())))
            .rev()
    }

    /// The keys of a user's identities, by provider and subject.
    pub(super) fn identities_of(&self, user: UserId) -> Vec<IdentityKey> {
        let first = TenantId::from_uuid(Uuid::nil());
        self.identities
            .by()
            .user
            .range((user, (first, String::new(), String::new()))..)
            .take_while(|(owner, _)| *owner == user)
            .map(|(_, key)| key.clone())
            .collect()
    }
}

#[async_trait]
impl CredentialRepository for MemoryTransaction {
    async fn find_password(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Option<PasswordCredential>, StoreError> {
        Ok(self.state.password(tenant, user).cloned())
    }

    async fn set_password(&mut self, password: &PasswordCredential) -> Result<(), StoreError> {
        self.state
            .require_user(password.tenant_id, password.user_id)?;
        self.put(password.clone());
        Ok(())
    }

    async fn replace_hash(
        &mut self,
        tenant: TenantId,
        user: UserId,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<bool, StoreError> {
        let changed = self.change::<PasswordCredential>(&user, |row| {
            let stands = row.hash.expose().as_bytes().ct_eq(old.expose().as_bytes());
            if row.tenant_id != tenant || !bool::from(stands) {
                return false;
            }
            row.hash = new.clone();
            true
        });
        Ok(changed.is_some())
    }

    async fn add_former_password(
        &mut self,
        former: &FormerPassword,
        keep: u32,
    ) -> Result<(), StoreError> {
        self.state.require_user(former.tenant_id, former.user_id)?;
        if self.state.former_passwords.contains(&former.key()) {
            return Err(conflict(Constraint::Id));
        }
        self.put(former.clone());
        let all = self.state.former_passwords_of(former.user_id);
        let surplus: Vec<_> = all.skip(keep as usize).map(Row::key).collect();
        for key in surplus {
            self.remove::<FormerPassword>(key);
        }
        Ok(())
    }

    async fn former_passwords(
        &mut self,
        tenant: TenantId,
        user: UserId,
        limit: u32,
    ) -> Result<Vec<FormerPassword>, StoreError> {
        Ok(self
            .state
            .former_passwords_of(user)
            .filter(|row| row.tenant_id == tenant)
            .take(limit as usize)
            .cloned()
            .collect())
    }

    async fn require_password_change(
        &mut self,
        tenant: TenantId,
        user: UserId,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let said = self.change::<PasswordCredential>(&user, |row| {
            let unsaid = row.tenant_id == tenant && row.must_change_since.is_none();
            if unsaid {
                row.must_change_since = Some(since);
            }
            unsaid
        });
        Ok(said.is_some())
    }

    async fn delete_password(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        if self.state.password(tenant, user).is_none() {
            return Ok(false);
        }
        Ok(self.remove::<PasswordCredential>(user))
    }

    async fn find_identity(
        &mut self,
        tenant: TenantId,
        provider: &str,
        subject: &str,
    ) -> Result<Option<ExternalIdentity>, StoreError> {
        let key = (tenant, provider.to_owned(), subject.to_owned());
        Ok(self.state.identities.get(&key).cloned())
    }

    async fn insert_identity(&mut self, identity: &ExternalIdentity) -> Result<(), StoreError> {
        self.state
            .require_user(identity.tenant_id, identity.user_id)?;
        if self.state.identities.contains(&identity.key()) {
            return Err(conflict(Constraint::ExternalIdentity));
        }
        self.put(identity.clone());
        Ok(())
    }

    async fn list_identities(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<ExternalIdentity>, StoreError> {
        Ok(self
            .state
            .identities_of(user)
            .iter()
            .filter(|(owner, _, _)| *owner == tenant)
            .filter_map(|key| self.state.identities.get(key).cloned())
            .collect())
    }
}
