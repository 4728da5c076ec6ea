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
    backup: BackupCode,
}

impl Row for Code {
    type Key = (UserId, BackupCodeId);
    type Index = ();

    fn key(&self) -> Self::Key {
        (self.user_id, self.backup.id)
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.backup_codes
    }

    fn index(&self, (): &mut ()) {}

    fn unindex(&self, (): &mut ()) {}
}

impl State {
    /// A user's factors, by method.
    pub(super) fn factors_of(&self, user: UserId) -> impl Iterator<Item = &MfaCredential> {
        self.factors
            .range((user, String::new())..)
            .take_while(move |row| row.user_id == user)
    }

    /// A user's backup codes, by id.
    pub(super) fn backup_codes_of(&self, user: UserId) -> impl Iterator<Item = &Code> {
        let id = BackupCodeId::from_uuid;
        self.backup_codes
            .range((user, id(Uuid::nil()))..=(user, id(Uuid::max())))
    }
}

#[async_trait]
impl MfaRepository for MemoryTransaction {
    async fn list(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<MfaCredential>, StoreError> {
        let factors = self.state.factors_of(user);
        Ok(factors
            .filter(|row| row.tenant_id == tenant)
            .cloned()
            .collect())
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
        let before: Vec<_> = self.state.backup_codes_of(user).map(Row::key).collect();
        for key in before {
            self.remove::<Code>(key);
        }
        for code in codes {
            let code = Code {
                tenant_id: tenant,
                user_id: user,
                backup: code.clone(),
            };
            if self.state.backup_codes.contains(&code.key()) {
                return Err(conflict(Constraint::Id));
            }
            self.put(code);
        }
        Ok(())
    }

    async fn list_backup_codes(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<BackupCode>, StoreError> {
        let codes = self.state.backup_codes_of(user);
        Ok(codes
            .filter(|row| row.tenant_id == tenant)
            .map(|row| row.backup.clone())
            .collect())
    }

    async fn consume_backup_code(
        &mut self,
        tenant: TenantId,
        user: UserId,
        hash: &SecretString,
    ) -> Result<bool, StoreError> {
        let wanted = hash.expose().as_bytes();
        let mut codes = self.state.backup_codes_of(user);
        let found = codes.find(|row| {
            let same = row.backup.hash.expose().as_bytes().ct_eq(wanted);
            row.tenant_id == tenant && bool::from(same)
        });
        let found = found.map(Row::key);
        drop(codes);
        Ok(found.is_some_and(|key| self.remove::<Code>(key)))
    }
}
