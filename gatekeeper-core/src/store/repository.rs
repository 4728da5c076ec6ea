use std::{fmt, net::IpAddr, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{
    ApiKeyRepository, AuditRepository, CredentialRepository, DeviceRepository, GroupRepository,
    InvitationRepository, LeaseRepository, LockoutRepository, MfaRepository,
    OneTimeTokenRepository, OrganizationRepository, OutboxRepository, RevocationRepository,
    RoleRepository, SessionRepository, SigningKeyRepository, StoreError, TenantRepository,
    UserRepository,
};
use crate::lockout::{LockoutKey, LockoutState};
use crate::model::{
    Account, ApiKey, ApiKeyId, Authority, NormalizedEmail, OrganizationId, Revocation,
    RevocationTarget, Session, SessionId, Tenant, TenantId, TenantSlug, Timestamp, UserId,
};

/// Wakes whoever follows revocations: the value changes whenever another node may have written some. `false` says that
/// the store has lost its source of news and cannot promise them.
pub type RevocationSignal = watch::Receiver<(u64, bool)>;

/// The store of everything. Cheap to share; implementations pool their connections.
///
/// Beside [`begin`](Self::begin) it has the few reads and the one write that are so frequent that they are single
/// statements of their own.
#[async_trait]
pub trait Repository: Send + Sync + fmt::Debug {
    /// Begins a transaction. Reads in it see its own writes; what `_for_update` methods return is held until it ends.
    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError>;

    /// What a sign-in needs, by address. No organisation is active in its authority.
    async fn find_account_by_email(
        &self,
        tenant: TenantId,
        email: &NormalizedEmail,
    ) -> Result<Option<Account>, StoreError>;

    /// The same, by id.
    async fn find_account(
        &self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Option<Account>, StoreError>;

    /// What a user may do, with this organisation as the active one; `None` where there is no such user, or it is disabled.
    async fn find_authority(
        &self,
        tenant: TenantId,
        user: UserId,
        organization: Option<OrganizationId>,
    ) -> Result<Option<Authority>, StoreError>;

    /// What a request with an API key needs: the key, live or not, and its owner. The owner's password is not read.
    async fn find_api_key(
        &self,
        tenant: TenantId,
        key: ApiKeyId,
    ) -> Result<Option<(ApiKey, Account)>, StoreError>;

    /// Notes that a key was used, where the last note is from before `unless_since`. Answers whether it did.
    async fn touch_api_key(
        &self,
        tenant: TenantId,
        key: ApiKeyId,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<bool, StoreError>;

    /// A session, live or not.
    async fn find_session(
        &self,
        tenant: TenantId,
        session: SessionId,
    ) -> Result<Option<Session>, StoreError>;

    /// Advances a session by one generation: a compare-and-swap in one statement.
    ///
    /// Succeeds where the session exists in the tenant, is live at `now`, stands at `generation`, and its user is
    /// active. `None` says that one of these does not hold; nothing was then written.
    async fn rotate_session(
        &self,
        rotation: &SessionRotation,
    ) -> Result<Option<RotatedSession>, StoreError>;

    /// How a counter of failures stands; zero where there is none.
    async fn lockout_state(&self, key: &LockoutKey) -> Result<LockoutState, StoreError>;

    /// A tenant by its id.
    async fn find_tenant_by_id(&self, tenant: TenantId) -> Result<Option<Tenant>, StoreError>;

    /// A tenant by its slug.
    async fn find_tenant(&self, slug: &TenantSlug) -> Result<Option<Tenant>, StoreError>;

    /// Every revocation written at or after `since` that has not expired at `now`, of all tenants. For the process's own
    /// set of revocations.
    async fn revocations_since(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Revocation>, StoreError>;

    /// Whether one of these is revoked at `now`, asked of the store itself. For when the process's own set may be stale.
    ///
    /// A target with a time matches where a stored one of the same kind (and user) has a time at or after the one given.
    async fn is_revoked(
        &self,
        tenant: TenantId,
        targets: &[RevocationTarget],
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// A signal that revocations may have been written by another node, where the store can give one.
    fn revocation_signal(&self) -> Option<RevocationSignal> {
        None
    }

    /// Whether the store answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// A name for logs and the readiness report: `memory`, `sqlite`, `postgres`.
    fn name(&self) -> &'static str;
}

/// A unit of work. Dropped without [`commit`](Self::commit), it never happened.
#[async_trait]
pub trait Transaction: Send {
    /// API keys.
    fn api_keys(&mut self) -> &mut dyn ApiKeyRepository;
    /// The audit trail.
    fn audit(&mut self) -> &mut dyn AuditRepository;
    /// Passwords and outside identities.
    fn credentials(&mut self) -> &mut dyn CredentialRepository;
    /// Devices that users signed in with.
    fn devices(&mut self) -> &mut dyn DeviceRepository;
    /// Groups.
    fn groups(&mut self) -> &mut dyn GroupRepository;
    /// Invitations.
    fn invitations(&mut self) -> &mut dyn InvitationRepository;
    /// Who does what one node at a time does.
    fn leases(&mut self) -> &mut dyn LeaseRepository;
    /// Counters of failures.
    fn lockouts(&mut self) -> &mut dyn LockoutRepository;
    /// Second factors.
    fn mfa(&mut self) -> &mut dyn MfaRepository;
    /// Organisations inside a tenant.
    fn organizations(&mut self) -> &mut dyn OrganizationRepository;
    /// Effects to be carried out afterwards.
    fn outbox(&mut self) -> &mut dyn OutboxRepository;
    /// Revoked access tokens.
    fn revocations(&mut self) -> &mut dyn RevocationRepository;
    /// Roles and who has them.
    fn roles(&mut self) -> &mut dyn RoleRepository;
    /// Sessions.
    fn sessions(&mut self) -> &mut dyn SessionRepository;
    /// Signing keys.
    fn signing_keys(&mut self) -> &mut dyn SigningKeyRepository;
    /// Tenants.
    fn tenants(&mut self) -> &mut dyn TenantRepository;
    /// One-time tokens.
    fn tokens(&mut self) -> &mut dyn OneTimeTokenRepository;
    /// Users.
    fn users(&mut self) -> &mut dyn UserRepository;

    /// Makes everything of this transaction durable and visible, at once.
    ///
    /// # Errors
    ///
    /// After an error the caller does not know whether it was committed (the connection may have died on the answer).
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// Advance a session from `generation` to the next.
#[derive(Clone, Copy, Debug)]
pub struct SessionRotation {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The session.
    pub session_id: SessionId,
    /// The generation it must stand at.
    pub generation: i64,
    /// The instant: becomes `rotated_at` and `last_seen_at`.
    pub now: Timestamp,
    /// The new `idle_expires_at` is `now` plus this.
    pub idle_lifetime: Duration,
    /// The caller's address, kept where it is known.
    pub ip: Option<IpAddr>,
}

/// A session after its rotation, with what its next access token says.
#[derive(Clone, Debug)]
pub struct RotatedSession {
    /// The session as it now is.
    pub session: Session,
    /// Its user and what they may do with the session's organisation as the active one; the password is not read.
    pub account: Account,
}
