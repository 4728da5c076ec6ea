use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{
    conflict,
    mfa::Code,
    order::{newest_first, rows_for},
    roles::Grant,
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{
        Cursor, Device, ExternalIdentity, FormerPassword, MfaCredential, NormalizedEmail,
        OneTimeToken, Page, PageRequest, PasswordCredential, Session, TenantId, Timestamp, User,
        UserId,
    },
    store::{Constraint, StoreError, UserFilter, UserRepository},
};

#[derive(Default)]
pub(super) struct UserIndex {
    email: BTreeMap<(TenantId, NormalizedEmail), UserId>,
    created: BTreeSet<(TenantId, Timestamp, UserId)>,
}

impl Row for User {
    type Key = UserId;
    type Index = UserIndex;

    fn key(&self) -> UserId {
        self.id
    }

    fn table(state: &mut State) -> &mut Table<Self> {
        &mut state.users
    }

    fn index(&self, index: &mut UserIndex) {
        index
            .email
            .insert((self.tenant_id, self.email.normalized().clone()), self.id);
        index
            .created
            .insert((self.tenant_id, self.created_at, self.id));
    }

    fn unindex(&self, index: &mut UserIndex) {
        index
            .email
            .remove(&(self.tenant_id, self.email.normalized().clone()));
        index
            .created
            .remove(&(self.tenant_id, self.created_at, self.id));
    }
}

impl State {
    pub(super) fn user(&self, tenant: TenantId, user: UserId) -> Option<&User> {
        self.users.get(&user).filter(|row| row.tenant_id == tenant)
    }

    pub(super) fn user_by_email(&self, tenant: TenantId, email: &NormalizedEmail) -> Option<&User> {
        let id = self.users.by().email.get(&(tenant, email.clone()))?;
        self.users.get(id)
    }

    pub(super) fn require_user(&self, tenant: TenantId, user: UserId) -> Result<(), StoreError> {
        match self.user(tenant, user) {
            Some(_) => Ok(()),
            None => Err(conflict(Constraint::Reference)),
        }
    }

    fn email_is_anothers(&self, user: &User) -> bool {
        self.user_by_email(user.tenant_id, user.email.normalized())
            .is_some_and(|holder| holder.id != user.id)
    }
}

#[async_trait]
impl UserRepository for MemoryTransaction {
    async fn find(&mut self, tenant: TenantId, user: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.state.user(tenant, user).cloned())
    }

    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Option<User>, StoreError> {
        Ok(self.state.user(tenant, user).cloned())
    }

    async fn find_by_email(
        &mut self,
        tenant: TenantId,
        email: &NormalizedEmail,
    ) -> Result<Option<User>, StoreError> {
        Ok(self.state.user_by_email(tenant, email).cloned())
    }

    async fn insert(&mut self, user: &User) -> Result<(), StoreError> {
        self.state.require_tenant(user.tenant_id)?;
        if self.state.users.contains(&user.id) {
            return Err(conflict(Constraint::Id));
        }
        if self.state.email_is_anothers(user) {
            return Err(conflict(Constraint::UserEmail));
        }
        self.put(user.clone());
        Ok(())
    }

    async fn update(&mut self, user: &User) -> Result<bool, StoreError> {
        if self.state.user(user.tenant_id, user.id).is_none() {
            return Ok(false);
        }
        if self.state.email_is_anothers(user) {
            return Err(conflict(Constraint::UserEmail));
        }
        self.put(user.clone());
        Ok(true)
    }

    async fn delete(&mut self, tenant: TenantId, user: UserId) -> Result<bool, StoreError> {
        if self.state.user(tenant, user).is_none() {
            return Ok(false);
        }
        self.remove::<PasswordCredential>(user);
        let former: Vec<_> = self.state.former_passwords_of(user).map(Row::key).collect();
        for key in former {
            self.remove::<FormerPassword>(key);
        }
        let factors: Vec<_> = self.state.factors_of(user).map(Row::key).collect();
        for key in factors {
            self.remove::<MfaCredential>(key);
        }
        let codes: Vec<_> = self.state.backup_codes_of(user).map(Row::key).collect();
        for key in codes {
            self.remove::<Code>(key);
        }
        for device in self.state.devices_of(user) {
            self.remove::<Device>(device);
        }
        for key in self.state.identities_of(user) {
            self.remove::<ExternalIdentity>(key);
        }
        for session in self.state.sessions_of(user) {
            self.remove::<Session>(session);
        }
        for token in self.state.tokens_of(user) {
            self.remove::<OneTimeToken>(token);
        }
        for grant in self.state.grants_of(user) {
            self.remove::<Grant>(grant);
        }
        Ok(self.remove::<User>(user))
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        filter: &UserFilter,
        page: PageRequest,
    ) -> Result<Page<User>, StoreError> {
        let state = &self.state;
        let rows = newest_first(
            &state.users.by().created,
            tenant,
            page.after,
            UserId::from_uuid,
        )
        .filter_map(|id| state.users.get(&id))
        .filter(|user| {
            filter
                .active
                .is_none_or(|active| active == user.is_active())
                && filter
                    .role
                    .as_ref()
                    .is_none_or(|role| state.has_role(user, role))
        })
        .take(rows_for(page))
        .cloned()
        .collect();
        Ok(Page::from_rows(rows, page.limit, |user| Cursor {
            at: user.created_at,
            id: user.id.as_uuid(),
        }))
    }
}
