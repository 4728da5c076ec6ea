use std::time::Duration;

use crate::{
    Error, RequestContext,
    crypto::Standing,
    flows::{Record, Unit, cleanup},
    gatekeeper::Inner,
    model::{AuditEvent, AuditHead, Event, TenantId, Timestamp},
};

/// How many chains are looked at in one reading.
const CHAINS: u32 = 100;

/// What came of removing what is kept no longer.
pub(crate) enum Purged {
    Rows(u64),
    LeaseLost(u64),
    Stopped(u64),
}

/// What came of a batch.
enum Batch {
    Rows(u64),
    LeaseLost,
}

impl Inner {
    /// Removes rows older than they are kept, of every chain, from its beginning on.
    pub(crate) async fn purge_audit(&self, holder: &str, keep: Duration) -> Result<Purged, Error> {
        // What waits for its place cannot go: it is not in the chain yet. Another node may be at it.
        let _ = self.seal_audit().await?;
        let stopping = self.workers.stopping();
        let before = self.clock.now().before(keep);
        let limit = self.config.retention.batch;
        let mut removed = 0;
        let mut after = None;
        loop {
            let heads = self.heads(after).await?;
            for head in &heads {
                after = Some(head.tenant_id);
                loop {
                    if *stopping.borrow() {
                        return Ok(Purged::Stopped(removed));
                    }
                    match self.purge_chain(holder, head.tenant_id, before).await? {
                        Batch::LeaseLost => return Ok(Purged::LeaseLost(removed)),
                        Batch::Rows(rows) => {
                            removed += rows;
                            if rows < u64::from(limit) {
                                break;
                            }
                        }
                    }
                }
            }
            if heads.len() < CHAINS as usize {
                return Ok(Purged::Rows(removed));
            }
        }
    }

    async fn heads(&self, after: Option<TenantId>) -> Result<Vec<AuditHead>, Error> {
        let mut tx = self.repository.begin().await?;
        Ok(tx.audit().heads(after, CHAINS).await?)
    }

    /// One batch of one chain, and the base behind it, in one transaction.
    async fn purge_chain(
        &self,
        holder: &str,
        tenant: TenantId,
        before: Timestamp,
    ) -> Result<Batch, Error> {
        let now = self.clock.now();
        let cx = RequestContext::internal(tenant, "cleanup");
        let mut unit = Unit::begin(self, &cx, now).await?;
        if !cleanup::renew(unit.tx(), holder, now).await? {
            return Ok(Batch::LeaseLost);
        }
        let found = unit.tx().audit().head_for_update(tenant).await?;
        let Some(head) = found else {
            return Ok(Batch::Rows(0));
        };
        let Some(mut head) = self.sound_head(tenant, Some(head), now) else {
            return Ok(Batch::Rows(0));
        };
        let limit = self.config.retention.batch;
        let rows = unit
            .tx()
            .audit()
            .sealed(tenant, head.base_sequence, limit)
            .await?;
        let removed = self.pass(&mut head, &rows, before);
        if removed == 0 {
            return Ok(Batch::Rows(0));
        }
        head.updated_at = now;
        unit.tx()
            .audit()
            .purge_sealed(tenant, head.base_sequence)
            .await?;
        unit.tx()
            .audit()
            .set_head(&self.audit_keys.seal_head(head))
            .await?;
        let record = Record::success(Event::AuditPurged)
            .detail("rows", removed)
            .detail("up_to", head.base_sequence);
        unit.record(record).await?;
        unit.commit().await?;
        Ok(Batch::Rows(removed))
    }

    /// Moves the base past rows that are old enough, as far as the chain holds: what is broken is to be found, not to be removed.
    fn pass(&self, head: &mut AuditHead, rows: &[AuditEvent], before: Timestamp) -> u64 {
        let mut removed = 0;
        for row in rows.iter().take_while(|row| row.at < before) {
            let Some(seal) = row.seal else { break };
            let next = head.base_sequence.saturating_add(1);
            let linked = self
                .audit_keys
                .check_link(&head.base_link, next, row, &seal.link);
            if seal.sequence != next || linked == Standing::Broken {
                tracing::error!(tenant = %row.tenant_id, sequence = next, "the audit trail is broken here: nothing is removed from it");
                break;
            }
            head.base_sequence = next;
            head.base_link = seal.link;
            removed += 1;
        }
        removed
    }
}
