use async_trait::async_trait;

use super::StoreError;
use crate::model::{
    ExternalIdentity, FormerPassword, NormalizedEmail, Page, PageRequest, PasswordCredential,
    SearchCursor, SearchPage, SecretString, TenantId, Timestamp, User, UserId,
};

/// Which users a list holds. `None` everywhere means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Active (`true`) or disabled (`false`) ones alone.
    pub active: Option<bool>,
    /// Those with this role granted directly.
    pub role: Option<String>,
}

/// What a search is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSearch {
    /// Users who have a [search term](User::search_terms) that begins with this: lower case, 1 to 64 bytes.
    pub prefix: String,
    /// Which of them.
    pub filter: UserFilter,
    /// After which item: the page holds what sorts strictly after it.
    pub after: Option<SearchCursor>,
    /// How many items, 1 to [`MAX_PAGE`](crate::model::MAX_PAGE).
    pub limit: u32,
}

/// Users.
#[async_trait]
pub trait UserRepository: Send {
    /// The user with this id.
    async fn find(&mut self, tenant: TenantId, user: UserId) -> Result<Option<User>, StoreError>;

    /// The user with this id, held until the transaction ends.
    async fn find_for_update(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Option<User>, StoreError>;

    /// The user with this address, compared exactly.
    async fn find_by_email(
        &mut self,
        tenant: TenantId,
        email: &NormalizedEmail,
    ) -> Result<Option<User>, StoreError>;

    /// Adds a user.
    ///
    /// # Errors
    ///
    /// `Conflict(UserEmail)`, `Conflict(Id)`, `Conflict(Reference)` where the tenant does not exist.
    async fn insert(&mut self, user: &User) -> Result<(), StoreError>;

    /// Writes the whole row. The caller holds it through [`find_for_update`](Self::find_for_update). Answers whether there
    /// was one.
    ///
    /// # Errors
    ///
    /// `Conflict(UserEmail)` where the address is another's.
    async fn update(&mut self, user: &User) -> Result<bool, StoreError>;

    /// Removes a user with passwords, identities, second factors, devices, sessions, one-time tokens, roles,
    /// memberships and API keys. The audit trail stays.
    async fn delete(&mut self, tenant: TenantId, user: UserId) -> Result<bool, StoreError>;

    /// Users by (`created_at`, id), newest first.
    async fn list(
        &mut self,
        tenant: TenantId,
        filter: &UserFilter,
        page: PageRequest,
    ) -> Result<Page<User>, StoreError>;

    /// Users by the term that was found and the id; each once, by the first of its terms. Looks at no more than some thousand rows
    /// for a page, which may therefore be short.
    async fn search(
        &mut self,
        tenant: TenantId,
        search: &UserSearch,
    ) -> Result<SearchPage<User>, StoreError>;

    /// Keeps what the user is found by ([`User::search_terms`]). [`insert`](Self::insert) does so by itself;
    /// [`update`](Self::update) does not, and whoever changes name or address calls this.
    async fn update_search(&mut self, user: &User) -> Result<(), StoreError>;

    /// How many users there are, but never more than `up_to`: what it costs is bounded by that.
    async fn count(
        &mut self,
        tenant: TenantId,
        filter: &UserFilter,
        up_to: u32,
    ) -> Result<u32, StoreError>;
}

/// What users prove themselves with.
#[async_trait]
pub trait CredentialRepository: Send {
    /// A user's password.
    async fn find_password(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Option<PasswordCredential>, StoreError>;

    /// Sets a user's password, whether or not there was one.
    ///
    /// # Errors
    ///
    /// `Conflict(Reference)` where the user does not exist in the tenant.
    async fn set_password(&mut self, password: &PasswordCredential) -> Result<(), StoreError>;

    /// Puts `new` where `old` still stands, and answers whether it did: a rehash must never undo a change of password
    /// that came in between. `changed_at` stays.
    async fn replace_hash(
        &mut self,
        tenant: TenantId,
        user: UserId,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<bool, StoreError>;

    /// Adds a former password, then removes all but the newest `keep` of its user.
    ///
    /// # Errors
    ///
    /// `Conflict(Reference)` where the user does not exist in the tenant.
    async fn add_former_password(
        &mut self,
        former: &FormerPassword,
        keep: u32,
    ) -> Result<(), StoreError>;

    /// Up to `limit` former passwords of a user, newest first.
    async fn former_passwords(
        &mut self,
        tenant: TenantId,
        user: UserId,
        limit: u32,
    ) -> Result<Vec<FormerPassword>, StoreError>;

    /// Says since when the password may only be changed, where the user has one and it is not said yet. Answers whether it did.
    async fn require_password_change(
        &mut self,
        tenant: TenantId,
        user: UserId,
        since: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Removes a user's password.
    async fn delete_password(&mut self, tenant: TenantId, user: UserId)
    -> Result<bool, StoreError>;

    /// The account an outside identity signs in to.
    async fn find_identity(
        &mut self,
        tenant: TenantId,
        provider: &str,
        subject: &str,
    ) -> Result<Option<ExternalIdentity>, StoreError>;

    /// Links an outside identity.
    ///
    /// # Errors
    ///
    /// `Conflict(ExternalIdentity)` where it is linked already, `Conflict(Reference)` where the user does not exist.
    async fn insert_identity(&mut self, identity: &ExternalIdentity) -> Result<(), StoreError>;

    /// A user's outside identities, sorted by provider and subject.
    async fn list_identities(
        &mut self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<ExternalIdentity>, StoreError>;
}
