//! Access tokens that are refused although their signature and times are sound: those of ended sessions, closed
//! accounts, suspended tenants, and single ones; and those whose roles and permissions are out of date.
//!
//! A revocation is written in the transaction that ends the session
//! ([`RevocationRepository`](crate::store::RevocationRepository)); after its commit it is [published](Blacklist::publish)
//! to the blacklist of this process, and other processes hear of it. A check is answered in memory; where the memory may
//! be behind, the answer is [`BlacklistVerdict::Stale`] and the source is asked: never is a token let through because
//! something was not known.

mod authenticator;
mod memory;
mod set;
mod store;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use tokio::sync::watch;

pub use authenticator::{Rejected, TokenAuthenticator};
pub use memory::MemoryBlacklist;
pub use store::{StoreBlacklist, StoreBlacklistSettings};

use crate::{
    Check, Identity,
    env::Clock,
    model::{Revocation, TenantId, Timestamp, UserId},
    store::StoreError,
};

/// What a blacklist knows of an identity.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlacklistVerdict {
    /// Nothing speaks against it.
    Clean,
    /// It is good as to who it is; what it says of roles and permissions is out of date.
    Outdated,
    /// It is revoked.
    Revoked,
    /// There may be revocations that are not known here; ask the [source](Blacklist::check_source).
    Stale,
}

/// Knows which tokens are revoked. Asked with every request.
#[async_trait]
pub trait Blacklist: Send + Sync + fmt::Debug {
    /// What is known in this process. Does no I/O.
    ///
    /// Revoked is an identity whose token or session is revoked in its tenant, or whose user or tenant is, with a time in or after
    /// the second in which the token was issued. What is known to be revoked is so even where the answer would be stale.
    ///
    /// Outdated is one whose user's authority, or whose tenant's, has changed, with a time in or after that second. Where its roles and
    /// permissions were read at an [epoch](Identity::authority_epoch), what matters is not that time, but whether there has
    /// been any news of its user or tenant, with a time, since that epoch.
    fn check(&self, identity: &Identity, now: Timestamp) -> BlacklistVerdict;

    /// The number of the present state, which grows with every revocation that comes to be known; never 0. `None` where
    /// the answer to anything is [`Stale`](BlacklistVerdict::Stale) at `now`.
    ///
    /// An identity that was found clean after this number was read is clean for as long as the number is the same. That
    /// lets a caller skip [`check`](Self::check).
    fn epoch(&self, now: Timestamp) -> Option<u64>;

    /// Whether there has been any news of this user or tenant, with a time, since this epoch, so that what was read of the user's authority
    /// then must not be believed any more: [`Outdated`](BlacklistVerdict::Outdated), or [`Clean`](BlacklistVerdict::Clean).
    /// [`Stale`](BlacklistVerdict::Stale) where that may not be known. Does no I/O.
    fn authority_since(
        &self,
        tenant: TenantId,
        user: UserId,
        epoch: u64,
        now: Timestamp,
    ) -> BlacklistVerdict;

    /// Asks the source: for when [`check`](Self::check) answers [`Stale`](BlacklistVerdict::Stale).
    ///
    /// # Errors
    ///
    /// [`StoreError`] where the source does not answer. The token is then not to be believed.
    async fn check_source(
        &self,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<BlacklistVerdict, StoreError>;

    /// Takes revocations in, right after the commit of the transaction that wrote them: they hold here at once, and are
    /// told to other nodes where the implementation has a channel of its own.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where other nodes could not be told and will not hear of it by other ways. Here they hold all the same.
    async fn publish(&self, revocations: &[Revocation]) -> Result<(), StoreError>;

    /// Follows the source of news until `shutdown` is true or its sender is gone. Spawned by the builder.
    async fn run(self: Arc<Self>, clock: Arc<dyn Clock>, shutdown: watch::Receiver<bool>);

    /// Dependencies of its own for the readiness report, beside the store.
    fn checks(&self) -> Vec<Check> {
        Vec::new()
    }
}
