//! What is over is kept for a while, then removed, so that tables do not grow for ever and no more is kept of people than is
//! needed.
//!
//! | what | is removed |
//! |---|---|
//! | sessions, one-time tokens, devices, API keys, invitations | so long after they ended, were used, revoked or expired |
//! | revocations | when they have expired: no token that they concern is good any more |
//! | counters of failures | so long after the last failure; those locked for good stay |
//! | mails | so long after they were delivered; dead ones stay |
//! | rows of the audit trail | so long after they were written, or never; from the beginning of the chain on |
//!
//! One node at a time does it: the one that has the lease. It removes in batches, each a short transaction of its own that
//! renews the lease first, so that a node which lost it removes nothing more, and no lock is held for long. A node that dies
//! is succeeded when its lease runs out.

use std::{fmt::Write as _, time::Duration};

use async_trait::async_trait;

use crate::{
    Error, Gatekeeper,
    flows::audit::Purged,
    gatekeeper::Inner,
    model::Timestamp,
    store::{StoreError, Transaction},
};

/// The name of the lease.
const NAME: &str = "cleanup";

/// How long the lease lasts: many times as long as a batch may take.
pub(crate) const LEASE: Duration = Duration::from_mins(2);

/// Removal of what is over. From [`Gatekeeper::cleanup`].
#[derive(Clone, Copy, Debug)]
pub struct Cleanup<'a>(pub(crate) &'a Gatekeeper);

/// What came of a run.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CleanupRun {
    /// It was this node's turn.
    Done(Removed),
    /// Another node is at it, or took over meanwhile; so much had been removed.
    Elsewhere(Removed),
    /// It was told to stop; so much had been removed.
    Stopped(Removed),
}

/// How many rows were removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed {
    /// API keys.
    pub api_keys: u64,
    /// Invitations.
    pub invitations: u64,
    /// Sessions.
    pub sessions: u64,
    /// One-time tokens.
    pub tokens: u64,
    /// Revocations.
    pub revocations: u64,
    /// Devices.
    pub devices: u64,
    /// Counters of failures.
    pub lockouts: u64,
    /// Delivered mails.
    pub mails: u64,
    /// Rows of the audit trail.
    pub audit_events: u64,
}

impl Removed {
    /// All together.
    pub const fn total(&self) -> u64 {
        self.api_keys
            + self.invitations
            + self.sessions
            + self.tokens
            + self.revocations
            + self.devices
            + self.lockouts
            + self.mails
            + self.audit_events
    }
}

impl Cleanup<'_> {
    /// Removes everything that is kept no longer, unless another node is at it. A worker calls it every
    /// [`RetentionConfig::every`](crate::config::RetentionConfig::every); a job of the application's own may.
    ///
    /// # Errors
    ///
    /// A failure of the store. What was removed before stays removed; the rest is for the next run, once the lease of this
    /// one has run out.
    pub async fn run_once(&self) -> Result<CleanupRun, Error> {
        self.0.inner().clean_up().await
    }
}

/// Something that is removed in batches.
#[async_trait]
trait Purge: Send + Sync {
    async fn batch(&self, tx: &mut dyn Transaction, limit: u32) -> Result<u64, StoreError>;
    fn count(&self, removed: &mut Removed, rows: u64);
}

macro_rules! purges {
    ($($(#[$doc:meta])* $name:ident: $aggregate:ident, $field:ident;)*) => {$(
        $(#[$doc])*
        struct $name(Timestamp);

        #[async_trait]
        impl Purge for $name {
            async fn batch(&self, tx: &mut dyn Transaction, limit: u32) -> Result<u64, StoreError> {
                tx.$aggregate().purge_expired(self.0, limit).await
            }

            fn count(&self, removed: &mut Removed, rows: u64) {
                removed.$field += rows;
            }
        }
    )*};
}

purges! {
    ApiKeys: api_keys, api_keys;
    Invitations: invitations, invitations;
    Sessions: sessions, sessions;
    Tokens: tokens, tokens;
    Revocations: revocations, revocations;
    Devices: devices, devices;
    Lockouts: lockouts, lockouts;
    Mails: outbox, mails;
}

/// What came of a batch.
enum Batch {
    Removed(u64),
    LeaseLost,
}

/// Takes or renews the lease; answers whether `holder` has it.
pub(crate) async fn renew(
    tx: &mut dyn Transaction,
    holder: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    tx.leases()
        .acquire(NAME, holder, now, now.after(LEASE))
        .await
}

impl Inner {
    pub(crate) async fn clean_up(&self) -> Result<CleanupRun, Error> {
        let holder = self.new_holder();
        let stopping = self.workers.stopping();
        let mut removed = Removed::default();
        for purge in self.purges(self.clock.now()) {
            loop {
                if *stopping.borrow() {
                    self.give_back(&holder).await?;
                    return Ok(CleanupRun::Stopped(removed));
                }
                match self.batch(&holder, purge.as_ref()).await? {
                    Batch::LeaseLost => return Ok(CleanupRun::Elsewhere(removed)),
                    Batch::Removed(rows) => {
                        purge.count(&mut removed, rows);
                        if rows < u64::from(self.config.retention.batch) {
                            break;
                        }
                    }
                }
            }
        }
        if let Some(keep) = self.config.retention.audit {
            match self.purge_audit(&holder, keep).await? {
                Purged::Rows(rows) => removed.audit_events += rows,
                Purged::LeaseLost(rows) => {
                    removed.audit_events += rows;
                    return Ok(CleanupRun::Elsewhere(removed));
                }
                Purged::Stopped(rows) => {
                    removed.audit_events += rows;
                    self.give_back(&holder).await?;
                    return Ok(CleanupRun::Stopped(removed));
                }
            }
        }
        self.give_back(&holder).await?;
        if removed.total() > 0 {
            tracing::info!(?removed, "removed what was kept long enough");
        }
        Ok(CleanupRun::Done(removed))
    }

    fn purges(&self, now: Timestamp) -> Vec<Box<dyn Purge>> {
        let keep = &self.config.retention;
        vec![
            Box::new(ApiKeys(now.before(keep.api_keys))),
            Box::new(Invitations(now.before(keep.invitations))),
            Box::new(Sessions(now.before(keep.sessions))),
            Box::new(Tokens(now.before(keep.tokens))),
            Box::new(Revocations(now)),
            Box::new(Devices(now.before(keep.devices))),
            Box::new(Lockouts(now.before(keep.lockouts))),
            Box::new(Mails(now.before(keep.delivered_mails))),
        ]
    }

    async fn batch(&self, holder: &str, purge: &dyn Purge) -> Result<Batch, Error> {
        let now = self.clock.now();
        let mut tx = self.repository.begin().await?;
        // In the transaction that removes: whoever has lost the lease removes nothing.
        if !renew(tx.as_mut(), holder, now).await? {
            return Ok(Batch::LeaseLost);
        }
        let rows = purge
            .batch(tx.as_mut(), self.config.retention.batch)
            .await?;
        tx.commit().await?;
        Ok(Batch::Removed(rows))
    }

    async fn give_back(&self, holder: &str) -> Result<(), Error> {
        let mut tx = self.repository.begin().await?;
        tx.leases().release(NAME, holder).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A name for this run alone: two runs of one process keep out of each other's way as those of two do.
    pub(crate) fn new_holder(&self) -> String {
        let bytes: [u8; 16] = self.random.bytes();
        bytes
            .iter()
            .fold(String::with_capacity(32), |mut text, byte| {
                // Writing to a string does not fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}
