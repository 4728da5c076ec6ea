//! The audit trail: reading it, proving that nothing in it was changed, and keeping no more of it than is to be kept.
//!
//! | state of a row | how it comes about |
//! |---|---|
//! | written | in the transaction of what it tells of, with a digest over all that it says |
//! | sealed | a worker gave it its place in the chain of its tenant, within about a second |
//! | erased | address, user agent, details and salt are gone; digest and link stay, and still prove the rest |
//! | purged | older than it is kept: gone, from the beginning of the chain on, and the chain begins behind it |
//!
//! Threats: whoever can write to the database but has not the root secret changes, removes, adds, swaps or repeats rows, or puts an
//! older state of all of it back. A digest is keyed: nobody without the secret makes up a row or changes one, sealed or not. A
//! link is keyed and made over the one before: nobody removes, moves or repeats a sealed row unseen. The head says where the chain
//! ends and begins, under a MAC: its end cannot be cut off. That everything was put back to an earlier, then true, state is seen by
//! whoever kept an [`AuditAnchor`] elsewhere.
//!
//! What it cannot show: a row that was removed before it was sealed, and rows that whoever has the secret made.
//!
//! Rules:
//!
//! 1. One node at a time seals: the one that has the lease, which it renews in the transaction of each batch. Whoever changes a
//!    head holds it.
//! 2. A head whose MAC is wrong is never written over: what is broken stays to be seen, and nothing is sealed behind it.
//! 3. What goes with age goes from the beginning, and only as far as the chain holds.

mod anchor;
mod export;
mod purge;
mod seal;
mod verify;

pub use anchor::{AuditAnchor, InvalidAnchor};
pub use export::AuditExport;
pub(crate) use purge::Purged;
pub use seal::{SealRun, Sealed};
pub use verify::{AnchorStanding, AuditBreach, AuditFault, AuditProof, AuditVerdict};

use crate::{
    AccessError, Error, Gatekeeper, Identity, RequestContext,
    crypto::Standing,
    gatekeeper::Inner,
    model::{AuditEvent, AuditHead, Page, PageRequest, TenantId, Timestamp},
    store::AuditFilter,
};

/// What whoever reads the trail must be permitted.
const READ: &str = "audit:read";

/// The audit trail. From [`Gatekeeper::audit`].
#[derive(Clone, Copy, Debug)]
pub struct Audit<'a>(
    pub(crate) &'a Gatekeeper,
    /// Who asks; `None` for an operator of the process.
    pub(crate) Option<&'a Identity>,
);

impl<'a> Audit<'a> {
    /// The same, in the name of somebody signed in, who then needs the permission `audit:read`.
    #[must_use]
    pub fn on_behalf_of(self, who: &'a Identity) -> Self {
        Self(self.0, Some(who))
    }

    /// Rows of the tenant, newest first.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`]; a failure of the store.
    pub async fn list(
        &self,
        cx: &RequestContext,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEvent>, Error> {
        self.require_reader(cx)?;
        let mut tx = self.0.inner().repository.begin().await?;
        Ok(tx.audit().list(cx.tenant_id, filter, page).await?)
    }

    /// Where the chain of the tenant ends now: to be kept outside of the database, and shown to [`verify`](Self::verify) later. `None`
    /// before its first row.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`]; a failure of the store.
    pub async fn anchor(&self, cx: &RequestContext) -> Result<Option<AuditAnchor>, Error> {
        self.require_reader(cx)?;
        let mut tx = self.0.inner().repository.begin().await?;
        let head = tx.audit().head_for_update(cx.tenant_id).await?;
        Ok(head.map(|head| AuditAnchor::of(&head)))
    }

    fn require_reader(&self, cx: &RequestContext) -> Result<(), Error> {
        match self.1 {
            Some(who) if who.tenant_id != cx.tenant_id || !who.has_permission(READ) => {
                Err(AccessError::Forbidden.into())
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Inner {
    /// The head to go on from, where it is ours; the first one where there is none.
    fn sound_head(
        &self,
        tenant: TenantId,
        found: Option<AuditHead>,
        now: Timestamp,
    ) -> Option<AuditHead> {
        let Some(head) = found else {
            return Some(AuditHead {
                tenant_id: tenant,
                sequence: 0,
                link: [0; 32],
                base_sequence: 0,
                base_link: [0; 32],
                updated_at: now,
                mac: [0; 32],
            });
        };
        match self.audit_keys.check_head(&head) {
            Standing::Sound => Some(head),
            Standing::Broken => {
                tracing::error!(%tenant, "the head of the audit trail was not written by us: nothing is done behind it");
                None
            }
        }
    }
}
