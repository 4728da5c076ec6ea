use std::{fmt, sync::Arc};

use async_trait::async_trait;
use gatekeeper_core::{
    lockout::{LockoutKey, LockoutState},
    model::{
        Account, ApiKey, ApiKeyId, AuditEvent, AuditHead, AuditSeal, Authority, BackupCode, Cursor,
        Device, DeviceId, EventId, ExternalIdentity, FormerPassword, Group, GroupId, Invitation,
        InvitationId, KeyId, MailId, Membership, MfaCredential, NormalizedEmail, OneTimeToken,
        Organization, OrganizationId, OutboxEntry, OutboxState, Page, PageRequest,
        PasswordCredential, Revocation, RevocationTarget, Role, RoleName, SearchPage, SecretString,
        Session, SessionEnd, SessionId, StoredSigningKey, Tenant, TenantId, TenantSlug, Timestamp,
        TokenHash, TokenPurpose, User, UserId,
    },
    store::{
        ApiKeyRepository, AuditFilter, AuditRepository, CredentialRepository, DeviceRepository,
        GroupRepository, InvitationFilter, InvitationRepository, LeaseRepository,
        LockoutRepository, MfaRepository, OneTimeTokenRepository, OrganizationRepository,
        OutboxRepository, Repository, RevocationRepository, RevocationSignal, RoleRepository,
        RotatedSession, SessionRepository, SessionRotation, SigningKeyRepository, StoreError,
        TenantRepository, Transaction, UserFilter, UserRepository, UserSearch,
    },
};

use super::plan::{Fault, Plan, failure};

/// A store that counts the calls to it and to its transactions, and fails where it was told to. Clones share the count.
///
/// Counted is everything that may fail: `begin`, `commit`, the single statements of a repository and the methods of its
/// aggregates. The first call is number 1.
#[derive(Clone)]
pub struct FaultyRepository {
    inner: Arc<dyn Repository>,
    plan: Arc<Plan>,
}

impl FaultyRepository {
    /// Wraps a store; nothing goes wrong until it is [armed](Self::arm).
    pub fn wrap(inner: Arc<dyn Repository>) -> Self {
        Self {
            inner,
            plan: Arc::default(),
        }
    }

    /// How many calls there were since the last [`arm`](Self::arm) or [`reset`](Self::reset).
    pub fn calls(&self) -> u64 {
        self.plan.calls()
    }

    /// Begins to count anew, and makes the call of this number (the first is 1) go wrong, once.
    pub fn arm(&self, call: u64, fault: Fault) {
        self.plan.arm(call, fault);
    }

    /// Lets everything go right again; the count goes on.
    pub fn disarm(&self) {
        self.plan.disarm();
    }

    /// Lets everything go right, and begins to count anew.
    pub fn reset(&self) {
        self.plan.reset();
    }

    /// Whether the armed fault has happened.
    pub fn fired(&self) -> bool {
        self.plan.fired()
    }
}

impl fmt::Debug for FaultyRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyRepository")
            .field("inner", &self.inner)
            .field("plan", &self.plan)
            .finish()
    }
}

/// What is left of a call when its fault has had its say.
enum Step {
    Through,
    /// Do it, and say that it failed.
    LoseAnswer,
}

async fn step(plan: &Plan) -> Result<Step, Fault> {
    match plan.next() {
        None => Ok(Step::Through),
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            Ok(Step::Through)
        }
        Some(Fault::FailAfter) => Ok(Step::LoseAnswer),
        Some(fault @ (Fault::Fail | Fault::Cut)) => Err(fault),
    }
}

impl FaultyRepository {
    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match step(&self.plan).await {
            Ok(Step::Through) => call.await,
            Ok(Step::LoseAnswer) => {
                call.await?;
                Err(failure("the connection died on the answer"))
            }
            Err(_) => Err(failure("the call was refused")),
        }
    }
}

#[async_trait]
impl Repository for FaultyRepository {
    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError> {
        let inner = self.call(self.inner.begin()).await?;
        Ok(Box::new(FaultyTransaction {
            inner: Some(inner),
            plan: Arc::clone(&self.plan),
        }))
    }

    async fn find_account_by_email(
        &self,
        tenant: TenantId,
        email: &NormalizedEmail,
    ) -> Result<Option<Account>, StoreError> {
        self.call(self.inner.find_account_by_email(tenant, email))
            .await
    }

    async fn find_account(
        &self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Option<Account>, StoreError> {
        self.call(self.inner.find_account(tenant, user)).await
    }

    async fn find_authority(
        &self,
        tenant: TenantId,
        user: UserId,
        organization: Option<OrganizationId>,
    ) -> Result<Option<Authority>, StoreError> {
        self.call(self.inner.find_authority(tenant, user, organization))
            .await
    }

    async fn find_api_key(
        &self,
        tenant: TenantId,
        key: ApiKeyId,
    ) -> Result<Option<(ApiKey, Account)>, StoreError> {
        self.call(self.inner.find_api_key(tenant, key)).await
    }

    async fn touch_api_key(
        &self,
        tenant: TenantId,
        key: ApiKeyId,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call(self.inner.touch_api_key(tenant, key, now, unless_since))
            .await
    }

    async fn find_session(
        &self,
        tenant: TenantId,
        session: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        self.call(self.inner.find_session(tenant, session)).await
    }

    async fn rotate_session(
        &self,
        rotation: &SessionRotation,
    ) -> Result<Option<RotatedSession>, StoreError> {
        self.call(self.inner.rotate_session(rotation)).await
    }

    async fn lockout_state(&self, key: &LockoutKey) -> Result<LockoutState, StoreError> {
        self.call(self.inner.lockout_state(key)).await
    }

    async fn find_tenant_by_id(&self, tenant: TenantId) -> Result<Option<Tenant>, StoreError> {
        self.call(self.inner.find_tenant_by_id(tenant)).await
    }

    async fn find_tenant(&self, slug: &TenantSlug) -> Result<Option<Tenant>, StoreError> {
        self.call(self.inner.find_tenant(slug)).await
    }

    async fn revocations_since(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Revocation>, StoreError> {
        self.call(self.inner.revocations_since(since, now)).await
    }

    async fn is_revoked(
        &self,
        tenant: TenantId,
        targets: &[RevocationTarget],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call(self.inner.is_revoked(tenant, targets, now)).await
    }

    fn revocation_signal(&self) -> Option<RevocationSignal> {
        self.inner.revocation_signal()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.call(self.inner.ping()).await
    }

    fn name(&self) -> &'static str {
        self.inner.name()
    }
}

/// A transaction with a plan over it. Without the one inside the connection is dead.
struct FaultyTransaction {
    inner: Option<Box<dyn Transaction>>,
    plan: Arc<Plan>,
}

impl FaultyTransaction {
    async fn step(&mut self) -> Result<Step, StoreError> {
        match step(&self.plan).await {
            Ok(step) => Ok(step),
            Err(fault) => {
                if fault == Fault::Cut {
                    self.inner = None;
                }
                Err(failure("the call was refused"))
            }
        }
    }

    fn inner(&mut self) -> Result<&mut Box<dyn Transaction>, StoreError> {
        self.inner.as_mut().ok_or_else(dead)
    }
}

fn dead() -> StoreError {
    failure("the connection is dead")
}

#[async_trait]
impl Transaction for FaultyTransaction {
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

    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        let step = self.step().await?;
        let inner = self.inner.take().ok_or_else(dead)?;
        inner.commit().await?;
        match step {
            Step::Through => Ok(()),
            Step::LoseAnswer => Err(failure("the connection died on the answer")),
        }
    }
}

/// An aggregate's methods, each handed on to the transaction inside.
macro_rules! aggregate {
    ($aggregate:ident: $repository:ident {
        $(fn $method:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*
    }) => {
        #[async_trait]
        impl $repository for FaultyTransaction {
            $(async fn $method(&mut self, $($argument: $type),*) -> Result<$answer, StoreError> {
                let step = self.step().await?;
                let answer = self.inner()?.$aggregate().$method($($argument),*).await?;
                match step {
                    Step::Through => Ok(answer),
                    Step::LoseAnswer => {
                        self.inner = None;
                        Err(failure("the connection died on the answer"))
                    }
                }
            })*
        }
    };
}

aggregate! { api_keys: ApiKeyRepository {
    fn find(tenant: TenantId, key: ApiKeyId) -> Option<ApiKey>;
    fn find_for_update(tenant: TenantId, key: ApiKeyId) -> Option<ApiKey>;
    fn insert(key: &ApiKey) -> ();
    fn replace(tenant: TenantId, key: ApiKeyId, by: ApiKeyId, expires_at: Timestamp) -> bool;
    fn revoke(tenant: TenantId, key: ApiKeyId, now: Timestamp) -> bool;
    fn revoke_all_for_user(tenant: TenantId, user: UserId, now: Timestamp) -> Vec<ApiKeyId>;
    fn list_for_user(tenant: TenantId, user: UserId, page: PageRequest) -> Page<ApiKey>;
    fn count_live(tenant: TenantId, user: UserId, now: Timestamp) -> u32;
    fn purge_expired(before: Timestamp, limit: u32) -> u64;
}}

aggregate! { audit: AuditRepository {
    fn append(event: &AuditEvent) -> ();
    fn list(tenant: TenantId, filter: &AuditFilter, page: PageRequest) -> Page<AuditEvent>;
    fn count(tenant: TenantId, filter: &AuditFilter, up_to: u32) -> u32;
    fn unsealed(before: Timestamp, limit: u32) -> Vec<AuditEvent>;
    fn head_for_update(tenant: TenantId) -> Option<AuditHead>;
    fn set_head(head: &AuditHead) -> ();
    fn heads(after: Option<TenantId>, limit: u32) -> Vec<AuditHead>;
    fn seal(tenant: TenantId, event: EventId, seal: &AuditSeal) -> bool;
    fn sealed(tenant: TenantId, after: i64, limit: u32) -> Vec<AuditEvent>;
    fn purge_sealed(tenant: TenantId, sequence: i64) -> u64;
    fn erase(tenant: TenantId, user: UserId, now: Timestamp, limit: u32) -> u64;
}}

aggregate! { credentials: CredentialRepository {
    fn find_password(tenant: TenantId, user: UserId) -> Option<PasswordCredential>;
    fn set_password(password: &PasswordCredential) -> ();
    fn replace_hash(tenant: TenantId, user: UserId, old: &SecretString, new: &SecretString) -> bool;
    fn add_former_password(former: &FormerPassword, keep: u32) -> ();
    fn former_passwords(tenant: TenantId, user: UserId, limit: u32) -> Vec<FormerPassword>;
    fn require_password_change(tenant: TenantId, user: UserId, since: Timestamp) -> bool;
    fn delete_password(tenant: TenantId, user: UserId) -> bool;
    fn find_identity(tenant: TenantId, provider: &str, subject: &str) -> Option<ExternalIdentity>;
    fn insert_identity(identity: &ExternalIdentity) -> ();
    fn list_identities(tenant: TenantId, user: UserId) -> Vec<ExternalIdentity>;
}}

aggregate! { devices: DeviceRepository {
    fn find(tenant: TenantId, user: UserId, device: DeviceId) -> Option<Device>;
    fn put(device: &Device) -> ();
    fn list(tenant: TenantId, user: UserId, now: Timestamp) -> Vec<Device>;
    fn revoke(tenant: TenantId, user: UserId, device: DeviceId, now: Timestamp) -> bool;
    fn distrust_all(tenant: TenantId, user: UserId) -> u64;
    fn revoke_all(tenant: TenantId, user: UserId, now: Timestamp) -> u64;
    fn purge_expired(before: Timestamp, limit: u32) -> u64;
}}

aggregate! { groups: GroupRepository {
    fn find(tenant: TenantId, group: GroupId) -> Option<Group>;
    fn find_for_update(tenant: TenantId, group: GroupId) -> Option<Group>;
    fn insert(group: &Group) -> ();
    fn update(group: &Group) -> bool;
    fn delete(tenant: TenantId, group: GroupId) -> bool;
    fn list(tenant: TenantId, page: PageRequest) -> Page<Group>;
    fn add_member(tenant: TenantId, group: GroupId, user: UserId, now: Timestamp) -> bool;
    fn remove_member(tenant: TenantId, group: GroupId, user: UserId) -> bool;
    fn members(tenant: TenantId, group: GroupId, page: PageRequest) -> Page<Cursor>;
    fn list_for_user(tenant: TenantId, user: UserId) -> Vec<Group>;
    fn any_with_role(tenant: TenantId, role: &RoleName) -> bool;
}}

aggregate! { invitations: InvitationRepository {
    fn find(tenant: TenantId, invitation: InvitationId) -> Option<Invitation>;
    fn find_for_update(tenant: TenantId, invitation: InvitationId) -> Option<Invitation>;
    fn find_by_hash(tenant: TenantId, hash: &TokenHash, now: Timestamp) -> Option<Invitation>;
    fn insert(invitation: &Invitation) -> ();
    fn set_hash(tenant: TenantId, invitation: InvitationId, hash: &TokenHash, now: Timestamp) -> bool;
    fn renew(tenant: TenantId, invitation: InvitationId, now: Timestamp, expires_at: Timestamp) -> bool;
    fn accept(tenant: TenantId, hash: &TokenHash, user: UserId, now: Timestamp) -> Option<Invitation>;
    fn revoke(tenant: TenantId, invitation: InvitationId, now: Timestamp) -> bool;
    fn revoke_all_for_email(tenant: TenantId, email: &NormalizedEmail, organization: Option<OrganizationId>, now: Timestamp) -> u64;
    fn erase_for_email(tenant: TenantId, email: &NormalizedEmail, limit: u32) -> u64;
    fn list(tenant: TenantId, filter: &InvitationFilter, page: PageRequest) -> Page<Invitation>;
    fn purge_expired(before: Timestamp, limit: u32) -> u64;
}}

aggregate! { leases: LeaseRepository {
    fn acquire(name: &str, holder: &str, now: Timestamp, until: Timestamp) -> bool;
    fn release(name: &str, holder: &str) -> ();
}}

aggregate! { lockouts: LockoutRepository {
    fn hold(key: &LockoutKey, now: Timestamp) -> LockoutState;
    fn set(key: &LockoutKey, state: &LockoutState, now: Timestamp) -> ();
    fn delete(key: &LockoutKey) -> bool;
    fn purge_expired(before: Timestamp, limit: u32) -> u64;
}}

aggregate! { mfa: MfaRepository {
    fn list(tenant: TenantId, user: UserId) -> Vec<MfaCredential>;
    fn put(credential: &MfaCredential) -> ();
    fn confirm(tenant: TenantId, user: UserId, method: &str, counter: i64, now: Timestamp) -> bool;
    fn advance(tenant: TenantId, user: UserId, method: &str, counter: i64) -> bool;
    fn delete(tenant: TenantId, user: UserId, method: &str) -> bool;
    fn replace_backup_codes(tenant: TenantId, user: UserId, codes: &[BackupCode]) -> ();
    fn list_backup_codes(tenant: TenantId, user: UserId) -> Vec<BackupCode>;
    fn consume_backup_code(tenant: TenantId, user: UserId, hash: &SecretString) -> bool;
}}

aggregate! { organizations: OrganizationRepository {
    fn find(tenant: TenantId, organization: OrganizationId) -> Option<Organization>;
    fn find_for_update(tenant: TenantId, organization: OrganizationId) -> Option<Organization>;
    fn insert(organization: &Organization) -> ();
    fn update(organization: &Organization) -> bool;
    fn delete(tenant: TenantId, organization: OrganizationId) -> bool;
    fn list(tenant: TenantId, page: PageRequest) -> Page<Organization>;
    fn put_member(membership: &Membership) -> bool;
    fn remove_member(tenant: TenantId, organization: OrganizationId, user: UserId) -> bool;
    fn find_member(tenant: TenantId, organization: OrganizationId, user: UserId) -> Option<Membership>;
    fn members(tenant: TenantId, organization: OrganizationId, page: PageRequest) -> Page<Membership>;
    fn list_for_user(tenant: TenantId, user: UserId, page: PageRequest) -> Page<(Organization, Membership)>;
}}

aggregate! { outbox: OutboxRepository {
    fn enqueue(entry: &OutboxEntry) -> ();
    fn claim(now: Timestamp, lease_until: Timestamp, limit: u32) -> Vec<OutboxEntry>;
    fn complete(id: MailId, attempt: i32, now: Timestamp) -> bool;
    fn fail(id: MailId, attempt: i32, error: &str, retry_at: Option<Timestamp>, now: Timestamp) -> bool;
    fn list(tenant: TenantId, state: OutboxState, page: PageRequest) -> Page<OutboxEntry>;
    fn discard(tenant: TenantId, id: MailId, now: Timestamp) -> bool;
    fn revive(tenant: TenantId, id: MailId, now: Timestamp) -> bool;
    fn purge_expired(before: Timestamp, limit: u32) -> u64;
}}

aggregate! { revocations: RevocationRepository {
    fn insert(revocation: &Revocation) -> ();
    fn purge_expired(now: Timestamp, limit: u32) -> u64;
}}

aggregate! { roles: RoleRepository {
    fn find(tenant: TenantId, name: &RoleName) -> Option<Role>;
    fn insert(role: &Role) -> ();
    fn update(role: &Role) -> bool;
    fn delete(tenant: TenantId, name: &RoleName) -> bool;
    fn set_closure(tenant: TenantId, name: &RoleName, closure: &[RoleName]) -> ();
    fn has_other_holder(tenant: TenantId, role: &RoleName, except: UserId) -> bool;
    fn granted(tenant: TenantId, user: UserId) -> Vec<RoleName>;
    fn list(tenant: TenantId) -> Vec<Role>;
    fn grant(tenant: TenantId, user: UserId, role: &RoleName, now: Timestamp) -> bool;
    fn revoke(tenant: TenantId, user: UserId, role: &RoleName) -> bool;
    fn authority(tenant: TenantId, user: UserId, organization: Option<OrganizationId>) -> Authority;
}}

aggregate! { sessions: SessionRepository {
    fn find_for_update(tenant: TenantId, session: SessionId) -> Option<Session>;
    fn insert(session: &Session) -> ();
    fn end(tenant: TenantId, session: SessionId, reason: SessionEnd, now: Timestamp) -> bool;
    fn end_all_for_user(tenant: TenantId, user: UserId, except: Option<SessionId>, reason: SessionEnd, now: Timestamp) -> Vec<SessionId>;
    fn end_all_by_impersonator(tenant: TenantId, impersonator: UserId, reason: SessionEnd, now: Timestamp) -> Vec<SessionId>;
    fn end_all_for_tenant(tenant: TenantId, reason: SessionEnd, now: Timestamp) -> u64;
    fn live_for_user(tenant: TenantId, user: UserId, now: Timestamp) -> Vec<SessionId>;
    fn list_for_user(tenant: TenantId, user: UserId, now: Timestamp, page: PageRequest) -> Page<Session>;
    fn purge_expired(before: Timestamp, limit: u32) -> u64;
}}

aggregate! { signing_keys: SigningKeyRepository {
    fn list_for_update() -> Vec<StoredSigningKey>;
    fn list() -> Vec<StoredSigningKey>;
    fn insert(key: &StoredSigningKey) -> ();
    fn retire(key: KeyId, at: Timestamp) -> bool;
}}

aggregate! { tenants: TenantRepository {
    fn find(tenant: TenantId) -> Option<Tenant>;
    fn find_for_update(tenant: TenantId) -> Option<Tenant>;
    fn list(page: PageRequest) -> Page<Tenant>;
    fn delete(tenant: TenantId) -> bool;
    fn insert(tenant: &Tenant) -> ();
    fn update(tenant: &Tenant) -> bool;
}}

aggregate! { tokens: OneTimeTokenRepository {
    fn insert(token: &OneTimeToken) -> ();
    fn find(tenant: TenantId, purpose: TokenPurpose, hash: &TokenHash, now: Timestamp) -> Option<OneTimeToken>;
    fn consume(tenant: TenantId, purpose: TokenPurpose, hash: &TokenHash, now: Timestamp) -> Option<OneTimeToken>;
    fn revoke_all_for_user(tenant: TenantId, user: UserId, purposes: &[TokenPurpose], now: Timestamp) -> u64;
    fn purge_expired(before: Timestamp, limit: u32) -> u64;
}}

aggregate! { users: UserRepository {
    fn find(tenant: TenantId, user: UserId) -> Option<User>;
    fn find_for_update(tenant: TenantId, user: UserId) -> Option<User>;
    fn find_by_email(tenant: TenantId, email: &NormalizedEmail) -> Option<User>;
    fn insert(user: &User) -> ();
    fn update(user: &User) -> bool;
    fn delete(tenant: TenantId, user: UserId) -> bool;
    fn list(tenant: TenantId, filter: &UserFilter, page: PageRequest) -> Page<User>;
    fn search(tenant: TenantId, search: &UserSearch) -> SearchPage<User>;
    fn update_search(user: &User) -> ();
    fn count(tenant: TenantId, filter: &UserFilter, up_to: u32) -> u32;
}}
