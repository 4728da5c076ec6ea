use async_trait::async_trait;
use gatekeeper_core::{
    model::{
        Cursor, NormalizedEmail, Page, PageRequest, SearchPage, TenantId, Timestamp, User, UserId,
    },
    store::{Constraint, StoreError, UserFilter, UserRepository, UserSearch},
};
use sqlx::SqlStr;
use uuid::Uuid;

use super::{
    Call, SqlTransaction, across, conflict,
    dialect::Time,
    lists::counted,
    rows::{json, maybe},
    statements::statements,
    within,
};
use crate::settings::Templates;

statements! {
    find = "SELECT {user} FROM {p}users u WHERE u.tenant_id = $1 AND u.id = $2";
    find_for_update =
        "SELECT {user} FROM {p}users u WHERE u.tenant_id = $1 AND u.id = $2{for_update}";
    find_by_email =
        "SELECT {user} FROM {p}users u WHERE u.tenant_id = $1 AND u.email_normalized = $2";
    has_id = "SELECT EXISTS (SELECT 1 FROM {p}users WHERE id = $1)";
    insert = "INSERT INTO {p}users (id, tenant_id, email, email_normalized, email_verified_at, \
                  name, locale, avatar_url, metadata, disabled_at, created_at, updated_at, \
                  last_sign_in_at, mfa_enabled_at, kind) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
              ON CONFLICT DO NOTHING";
    update = "UPDATE {p}users SET email = $3, email_normalized = $4, email_verified_at = $5, \
                  name = $6, locale = $7, avatar_url = $8, metadata = $9, disabled_at = $10, \
                  created_at = $11, updated_at = $12, last_sign_in_at = $13, \
                  mfa_enabled_at = $14, kind = $15 \
              WHERE id = $1 AND tenant_id = $2";
    delete = "DELETE FROM {p}users WHERE tenant_id = $1 AND id = $2";
}

/// What is asked of users, for each combination of filters: one statement for all of them could use no index.
#[derive(Debug)]
pub(in super::super) struct Lists {
    all: ByState,
    of_role: ByState,
    count_all: ByState,
    count_of_role: ByState,
}

/// By whether the account is active.
#[derive(Debug)]
pub(super) struct ByState {
    any: SqlStr,
    active: SqlStr,
    disabled: SqlStr,
}

impl Lists {
    pub(in super::super) fn new(templates: &Templates) -> Self {
        const OF_ROLE: &str = "{p}user_roles r CROSS JOIN {p}users u \
             WHERE u.tenant_id = r.tenant_id AND u.id = r.user_id AND r.tenant_id = $1";
        Self {
            all: ByState::new(
                templates,
                "SELECT {user} FROM {p}users u \
                 WHERE u.tenant_id = $1 AND (u.created_at, u.id) < ($2, $3)",
                "ORDER BY u.created_at DESC, u.id DESC LIMIT $4",
            ),
            of_role: ByState::new(
                templates,
                &format!(
                    "SELECT {{user}} FROM {OF_ROLE} AND r.role = $5 \
                     AND (r.user_created_at, r.user_id) < ($2, $3)"
                ),
                "ORDER BY r.user_created_at DESC, r.user_id DESC LIMIT $4",
            ),
            count_all: ByState::new(
                templates,
                "SELECT COUNT(*) FROM (SELECT 1 FROM {p}users u WHERE u.tenant_id = $1",
                "LIMIT $2) AS few",
            ),
            count_of_role: ByState::new(
                templates,
                &format!("SELECT COUNT(*) FROM (SELECT 1 FROM {OF_ROLE} AND r.role = $3"),
                "LIMIT $2) AS few",
            ),
        }
    }
}

#[cfg(test)]
impl Lists {
    pub(super) fn all(&self) -> Vec<&str> {
        [&self.all, &self.of_role]
            .into_iter()
            .flat_map(ByState::all)
            .collect()
    }

    pub(super) fn counts(&self) -> Vec<&str> {
        [&self.count_all, &self.count_of_role]
            .into_iter()
            .flat_map(ByState::all)
            .collect()
    }
}

impl ByState {
    pub(super) fn new(templates: &Templates, select: &str, order: &str) -> Self {
        let sql = |state: &str| templates.sql(&format!("{select} {state} {order}"));
        Self {
            any: sql(""),
            active: sql("AND u.disabled_at IS NULL"),
            disabled: sql("AND u.disabled_at IS NOT NULL"),
        }
    }

    pub(super) const fn choose(&self, active: Option<bool>) -> &SqlStr {
        match active {
            None => &self.any,
            Some(true) => &self.active,
            Some(false) => &self.disabled,
        }
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<&str> {
        let all = [&self.any, &self.active, &self.disabled];
        all.map(SqlStr::as_str).to_vec()
    }
}

/// What a page's items sort before: its cursor, or the end of everything.
pub(super) fn bound(page: PageRequest) -> (Time, Uuid) {
    page.after.map_or(
        (Time(Timestamp::from_unix_micros(i64::MAX)), Uuid::max()),
        |cursor| (Time(cursor.at), cursor.id),
    )
}

/// How many rows to ask for: one more than wanted tells whether there are more.
pub(super) fn limit(page: PageRequest) -> i64 {
    i64::from(page.limit) + 1
}

#[async_trait]
impl UserRepository for SqlTransaction {
    async fn find(&mut self, tenant: TenantId, user: UserId) -> Result<Option<User>, StoreError> {
        let query = within(tenant, &self.sql.users.find)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid());
        self.fetch_one(query).await
    }

    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Option<User>, StoreError> {
        let query = within(tenant, &self.sql.users.find_for_update)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid());
        self.fetch_one(query).await
    }

    async fn find_by_email(
        &mut self,
        tenant: TenantId,
        email: &NormalizedEmail,
    ) -> Result<Option<User>, StoreError> {
        let query = within(tenant, &self.sql.users.find_by_email)
            .bind(tenant.as_uuid())
            .bind(email.as_str());
        self.fetch_one(query).await
    }

    async fn insert(&mut self, user: &User) -> Result<(), StoreError> {
        let insert = write(&self.sql.users.insert, user)?;
        if self.execute(insert).await? == 1 {
            return self.put_terms(user).await;
        }
        let has_id = across(&self.sql.users.has_id).bind(user.id.as_uuid());
        let same_id: Option<bool> = self.fetch_one(has_id).await?;
        Err(conflict(if same_id == Some(true) {
            Constraint::Id
        } else {
            Constraint::UserEmail
        }))
    }

    async fn update(&mut self, user: &User) -> Result<bool, StoreError> {
        // The id stays, so the address is the one key that can be doubled.
        let update = write(&self.sql.users.update, user)?;
        Ok(self.execute_or(update, Constraint::UserEmail).await? > 0)
    }

    async fn delete(&mut self, tenant: TenantId, user: UserId) -> Result<bool, StoreError> {
        let query = within(tenant, &self.sql.users.delete)
            .bind(tenant.as_uuid())
            .bind(user.as_uuid());
        Ok(self.execute(query).await? > 0)
    }

    async fn list(
        &mut self,
        tenant: TenantId,
        filter: &UserFilter,
        page: PageRequest,
    ) -> Result<Page<User>, StoreError> {
        let lists = &self.sql.user_lists;
        let (at, id) = bound(page);
        let all = |by_state: &ByState| {
            within(tenant, by_state.choose(filter.active))
                .bind(tenant.as_uuid())
                .bind(at)
                .bind(id)
                .bind(limit(page))
        };
        let query = match &filter.role {
            None => all(&lists.all),
            Some(role) => all(&lists.of_role).bind(role.as_str()),
        };
        let users: Vec<User> = self.fetch(query).await?;
        Ok(Page::from_rows(users, page.limit, |user| Cursor {
            at: user.created_at,
            id: user.id.as_uuid(),
        }))
    }

    async fn search(
        &mut self,
        tenant: TenantId,
        search: &UserSearch,
    ) -> Result<SearchPage<User>, StoreError> {
        self.search_users(tenant, search).await
    }

    async fn update_search(&mut self, user: &User) -> Result<(), StoreError> {
        self.forget_terms(user).await?;
        self.put_terms(user).await
    }

    async fn count(
        &mut self,
        tenant: TenantId,
        filter: &UserFilter,
        up_to: u32,
    ) -> Result<u32, StoreError> {
        let lists = &self.sql.user_lists;
        let count = |by_state: &ByState| {
            within(tenant, by_state.choose(filter.active))
                .bind(tenant.as_uuid())
                .bind(i64::from(up_to))
        };
        let call = match &filter.role {
            None => count(&lists.count_all),
            Some(role) => count(&lists.count_of_role).bind(role.as_str()),
        };
        counted(self.fetch_one(call).await?)
    }
}

fn write<'q>(sql: &SqlStr, user: &User) -> Result<Call<'q>, StoreError> {
    Ok(within(user.tenant_id, sql)
        .bind(user.id.as_uuid())
        .bind(user.tenant_id.as_uuid())
        .bind(user.email.as_str())
        .bind(user.email.normalized().as_str())
        .bind(maybe(user.email_verified_at))
        .bind(user.name.as_deref())
        .bind(user.locale.as_deref())
        .bind(user.avatar_url.as_deref())
        .bind(json(&user.metadata)?)
        .bind(maybe(user.disabled_at))
        .bind(Time(user.created_at))
        .bind(Time(user.updated_at))
        .bind(maybe(user.last_sign_in_at))
        .bind(maybe(user.mfa_enabled_at))
        .bind(user.kind.as_str()))
}
