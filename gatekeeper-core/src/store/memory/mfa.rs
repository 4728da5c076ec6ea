use std::collections::BTreeSet;

use async_trait::async_trait;
use subtle::ConstantTimeEq;

use super::{
    conflict,
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{BackupCode, BackupCodeId, MfaCredential, SecretString, TenantId, Timestamp, UserId},
    store::{Constraint, MfaRepository, StoreError},
};

impl Row for MfaCredential {
    type Key = (UserId, String);
    type Index = ();

    fn key(&self) -> Self::Key {
        (self.user_id, self.method.clone())
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.factors
    }

    fn index(&self, (): &mut ()) {}

    fn unindex(&self, (): &mut ()) {}
}

/// A backup code and whose it is.
#[derive(Clone)]
pub(super) struct Code {
    tenant_id: TenantId,
    user_id: UserId,
    code: BackupCode,
}

#[derive(Default)]
pub(super) struct CodeIndex {
    user: BTreeSet<(UserId, BackupCodeId)>,
}

impl Row for Code {
    type Key = BackupCodeId;
    type Index = CodeIndex;

    fn key(&self) -> BackupCodeId {
        self.code.id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.backup_codes
    }

    fn index(&self, index: &mut CodeIndex) {
        index.user.insert((self.user_id, self.code.id));
    }

    fn unindex(&self, index: &mut CodeIndex) {
        index.user.remove(&(self.user_id, self.code.id));
    }
}

impl State {
    /// A user's factors, by method.
    pub(super) fn factors_of(&self, user: UserId) -> Vec<MfaCredential> {
        self.factors
            .range((user, String::new())..)
            .take_while(|row| row.user_id == user)
            .cloned()
            .collect()
    }

    /// The ids of a user's backup codes, sorted.
    pub(super) fn backup_codes_of(&self, user: UserId) -> Vec<BackupCodeId> {
        let first = BackupCodeId::from_uuid(uuid::Uuid::nil());
        self.backup_codes
            .by()
            .user
            .range((user, first)..)
            .take_while(|(owner, _)| *owner == user)
            .map(|(_, id)| *id)
            .collect()
    }
}

#[async_trait]
impl MfaRepository for MemoryTransaction {
    async fn list(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<MfaCredential>, StoreError> {
        let mut factors = self.state.factors_of(user);
        factors.retain(|row| row.tenant_id == tenant);
        Ok(factors)
    }

    async fn put(&mut self, credential: &MfaCredential) -> Result<(), StoreError> {
        self.state
            .require_user(credential.tenant_id, credential.user_id)?;
        let there = self.state.factors.get(&credential.key());
        if there.is_some_and(|row| row.confirmed_at.is_some()) {
            return Err(conflict(Constraint::MfaMethod));
        }
        self.put(credential.clone());
        Ok(())
    }

    async fn confirm(
        &mut self,
        tenant: TenantId,
        user: UserId,
        method: &str,
        counter: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let confirmed = self.change::<MfaCredential>(&(user, method.to_owned()), |row| {
            let waits = row.tenant_id == tenant && row.confirmed_at.is_none();
            if waits {
                row.confirmed_at = Some(now);
                row.counter = counter;
            }
            waits
        });
        Ok(confirmed.is_some())
    }

    async fn advance(
        &mut self,
        tenant: TenantId,
        user: UserId,
        method: &str,
        counter: i64,
    ) -> Result<bool, StoreError> {
        let advanced = self.change::<MfaCredential>(&(user, method.to_owned()), |row| {
            let stands_below =
                row.tenant_id == tenant && row.confirmed_at.is_some() && row.counter < counter;
            if stands_below {
                row.counter = counter;
            }
            stands_below
        });
        Ok(advanced.is_some())
    }

    async fn delete(
        &mut self,
        tenant: TenantId,
        user: UserId,
        method: &str,
    ) -> Result<bool, StoreError> {
        let key = (user, method.to_owned());
        let there = self.state.factors.get(&key);
        if there.is_none_or(|row| row.tenant_id != tenant) {
            return Ok(false);
        }
        Ok(self.remove::<MfaCredential>(key))
    }

    async fn replace_backup_codes(
        &mut self,
        tenant: TenantId,
        user: UserId,
        codes: &[BackupCode],
    ) -> Result<(), StoreError> {
        if self.state.user(tenant, user).is_none() {
            // Nothing of nobody's can be removed; there is nobody to give codes to.
            return match codes {
                [] => Ok(()),
                [..] => Err(conflict(Constraint::Reference)),
            };
        }
        for id in self.state.backup_codes_of(user) {
            self.remove::<Code>(id);
        }
        for code in codes {
            if self.state.backup_codes.contains(&code.id) {
                return Err(conflict(Constraint::Id));
            }
            self.put(Code {
                tenant_id: tenant,
                user_id: user,
                code: code.clone(),
            });
        }
        Ok(())
    }

    async fn list_backup_codes(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<BackupCode>, StoreError> {
        let ids = self.state.backup_codes_of(user);
        Ok(ids
            .iter()
            .filter_map(|id| self.state.backup_codes.get(id))
            .filter(|row| row.tenant_id == tenant)
            .map(|row| row.code.clone())
            .collect())
    }

    async fn consume_backup_code(
        &mut self,
        tenant: TenantId,
        user: UserId,
        hash: &SecretString,
    ) -> Result<bool, StoreError> {
        let wanted = hash.expose().as_bytes();
        let found = self.state.backup_codes_of(user).into_iter().find(|id| {
            self.state.backup_codes.get(id).is_some_and(|row| {
                let same = row.code.hash.expose().as_bytes().ct_eq(wanted);
                row.tenant_id == tenant && bool::from(same)
            })
        });
        Ok(found.is_some_and(|id| self.remove::<Code>(id)))
    }
}
