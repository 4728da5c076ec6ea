use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{
    conflict,
    groups::GroupMember,
    mfa::Code,
    order::{count_up_to, newest_first, rows_for},
    roles::Grant,
    search::SearchTerms,
    state::State,
    table::{Row, Table},
    transaction::MemoryTransaction,
};
use crate::{
    model::{
        ApiKey, Cursor, Device, ExternalIdentity, FormerPassword, Membership, MfaCredential,
        NormalizedEmail, OneTimeToken, Page, PageRequest, PasswordCredential, SearchPage, Session,
        TenantId, Timestamp, User, UserId,
    },
    store::{Constraint, StoreError, UserFilter, UserRepository, UserSearch},
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

    pub(super) fn passes(&self, user: &User, filter: &UserFilter) -> bool {
        let role = filter.role.as_ref();
        filter
            .active
            .is_none_or(|active| active == user.is_active())
            && role.is_none_or(|role| self.has_role(user, role))
    }

    /// The users that a filter lets through, newest first, beyond the cursor.
    fn filtered_users<'a>(
        &'a self,
        tenant: TenantId,
        filter: &'a UserFilter,
        after: Option<Cursor>,
    ) -> impl Iterator<Item = &'a User> {
        let created = &self.users.by().created;
        newest_first(created, tenant, after, UserId::from_uuid)
            .filter_map(|id| self.users.get(&id))
            .filter(|user| self.passes(user, filter))
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
        self.put(SearchTerms::of(user));
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
        for member in self.state.group_memberships_of(user) {
            self.remove::<GroupMember>(member);
        }
        for member in self.state.memberships_of(user) {
            self.remove::<Membership>(member);
        }
        for key in self.state.api_keys_of(user) {
            self.remove::<ApiKey>(key);
        }
        self.remove::<SearchTerms>(user);
        Ok(self.remove::<User>(user))
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        filter: &UserFilter,
        page: PageRequest,
    ) -> Result<Page<User>, StoreError> {
        let rows = self
            .state
            .filtered_users(tenant, filter, page.after)
            .take(rows_for(page))
            .cloned()
            .collect();
        Ok(Page::from_rows(rows, page.limit, |user| Cursor {
            at: user.created_at,
            id: user.id.as_uuid(),
        }))
    }

    async fn search(
        &mut self,
        tenant: TenantId,
        search: &UserSearch,
    ) -> Result<SearchPage<User>, StoreError> {
        Ok(self.state.search_users(tenant, search))
    }

    async fn update_search(&mut self, user: &User) -> Result<(), StoreError> {
        self.state.require_user(user.tenant_id, user.id)?;
        self.put(SearchTerms::of(user));
        Ok(())
    }

    async fn count(
        &mut self,
        tenant: TenantId,
        filter: &UserFilter,
        up_to: u32,
    ) -> Result<u32, StoreError> {
        let users = self.state.filtered_users(tenant, filter, None);
        Ok(count_up_to(users, up_to))
    }
}
