use std::{collections::BTreeSet, time::Duration};

use super::Audit;
use crate::{
    Error,
    gatekeeper::Inner,
    model::{AuditEvent, AuditSeal, TenantId, Timestamp},
};

/// The name of the lease.
const NAME: &str = "audit";
/// How long the lease lasts: many times as long as a batch takes, and no longer than rows should wait where a node died.
const LEASE: Duration = Duration::from_secs(10);
/// How far ahead another node's clock may be: its rows are there, so they have their place.
const SKEW: Duration = Duration::from_hours(24 * 365);
/// How many rows behind broken heads are looked past for those that can be sealed.
const MOST_STUCK: u32 = 10_000;

/// What one run over the rows that had no place yet did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sealed {
    /// How many rows got their place.
    pub rows: u64,
    /// How many chains cannot be gone on with, because their head is not ours: [`verify`](Audit::verify) says more.
    pub broken_chains: u32,
}

/// What came of a run.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealRun {
    /// It was this node's turn, and every row that was committed has its place.
    Done(Sealed),
    /// Another node is at it, or took over meanwhile; so much was done before.
    Elsewhere(Sealed),
    /// It was told to stop; so much was done before.
    Stopped(Sealed),
}

/// What came of one tenant's rows of a batch.
enum Batch {
    Sealed(u64),
    BrokenHead,
    LeaseLost,
}

impl Audit<'_> {
    /// Gives every row, of all tenants, that has none yet its place in the chain, unless another node is at it. A worker calls it
    /// every [`AuditConfig::seal_every`](crate::config::AuditConfig::seal_every); a job of the application's own may.
    ///
    /// # Errors
    ///
    /// A failure of the store. What was sealed before stays sealed, and every chain is whole; the rest is for the next run, once the
    /// lease of this one, ten seconds, has run out.
    pub async fn seal(&self) -> Result<SealRun, Error> {
        self.0.inner().seal_audit().await
    }
}

impl Inner {
    pub(crate) async fn seal_audit(&self) -> Result<SealRun, Error> {
        let stopping = self.workers.stopping();
        let limit = self.config.audit.batch;
        let mut holder = None;
        let mut sealed = Sealed::default();
        let mut broken = BTreeSet::new();
        // Rows behind a broken head keep coming back: they are read past.
        let mut stuck = 0;
        let run = 'run: loop {
            let rows = self.unsealed(limit.saturating_add(stuck)).await?;
            let more = rows.len() >= limit.saturating_add(stuck) as usize;
            let mut progress = false;
            for rows in rows.chunk_by(|one, next| one.tenant_id == next.tenant_id) {
                let Some(tenant) = rows.first().map(|row| row.tenant_id) else {
                    continue;
                };
                if broken.contains(&tenant) {
                    continue;
                }
                if *stopping.borrow() {
                    break 'run SealRun::Stopped(sealed);
                }
                let holder = holder.get_or_insert_with(|| self.new_holder());
                match self.seal_rows(holder, tenant, rows).await? {
                    Batch::Sealed(rows) => {
                        sealed.rows += rows;
                        progress |= rows > 0;
                    }
                    Batch::BrokenHead => {
                        broken.insert(tenant);
                        sealed.broken_chains += 1;
                    }
                    Batch::LeaseLost => return Ok(SealRun::Elsewhere(sealed)),
                }
            }
            let behind = rows.iter().filter(|row| broken.contains(&row.tenant_id));
            let behind = u32::try_from(behind.count())
                .unwrap_or(MOST_STUCK)
                .min(MOST_STUCK);
            progress |= behind > stuck;
            stuck = behind;
            if !more || !progress {
                break SealRun::Done(sealed);
            }
        };
        if let Some(holder) = holder {
            let mut tx = self.repository.begin().await?;
            tx.leases().release(NAME, &holder).await?;
            tx.commit().await?;
        }
        Ok(run)
    }

    async fn unsealed(&self, limit: u32) -> Result<Vec<AuditEvent>, Error> {
        let mut tx = self.repository.begin().await?;
        let before = self.clock.now().after(SKEW);
        Ok(tx.audit().unsealed(before, limit).await?)
    }

    /// One tenant's rows, in one transaction: the lease, then the head, then the rows, then the head again. A crash leaves all of it or
    /// nothing.
    async fn seal_rows(
        &self,
        holder: &str,
        tenant: TenantId,
        rows: &[AuditEvent],
    ) -> Result<Batch, Error> {
        let now = self.clock.now();
        let mut tx = self.repository.begin().await?;
        // In the transaction that seals: of two nodes that make a tenant's first head, one waits here for the other.
        let until: Timestamp = now.after(LEASE);
        if !tx.leases().acquire(NAME, holder, now, until).await? {
            return Ok(Batch::LeaseLost);
        }
        let found = tx.audit().head_for_update(tenant).await?;
        let Some(mut head) = self.sound_head(tenant, found, now) else {
            return Ok(Batch::BrokenHead);
        };
        let mut sealed = 0;
        for row in rows {
            let sequence = head.sequence.saturating_add(1);
            let link = self.audit_keys.link(&head.link, sequence, row);
            let seal = AuditSeal { sequence, link };
            // Not, where it went with its tenant meanwhile, or another node sealed it.
            if tx.audit().seal(tenant, row.id, &seal).await? {
                head.sequence = sequence;
                head.link = link;
                sealed += 1;
            }
        }
        if sealed > 0 {
            head.updated_at = now;
            tx.audit()
                .set_head(&self.audit_keys.seal_head(head))
                .await?;
        }
        tx.commit().await?;
        Ok(Batch::Sealed(sealed))
    }
}
