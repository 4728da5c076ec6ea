use std::collections::VecDeque;

use base64::Engine;
use serde::Serialize;

use super::{Audit, AuditAnchor, READ};
use crate::{
    Error, Gatekeeper, RequestContext,
    crypto::BASE64URL,
    flows::{Record, Unit, administration::Administration},
    model::{AuditEvent, Event, TenantId, Timestamp},
};

/// How many rows are held at once.
const BATCH: u32 = 500;

/// The chain of a tenant as lines of JSON, a batch at a time. From [`Audit::export`].
#[derive(Debug)]
pub struct AuditExport<'a> {
    gatekeeper: &'a Gatekeeper,
    tenant: TenantId,
    anchor: AuditAnchor,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    after: i64,
    lines: VecDeque<String>,
}

/// A row as others read it. Bytes are in base64url without padding.
#[derive(Serialize)]
struct Line<'a> {
    v: u8,
    sequence: Option<i64>,
    link: Option<String>,
    id: String,
    tenant_id: String,
    at: Timestamp,
    event: &'static str,
    outcome: &'static str,
    reason: Option<&'a str>,
    actor: Option<String>,
    target: Option<String>,
    impersonator: Option<String>,
    api_key: Option<String>,
    correlation_id: &'a str,
    ip: Option<String>,
    user_agent: Option<&'a str>,
    details: &'a serde_json::Map<String, serde_json::Value>,
    digest: Option<String>,
    salt: Option<String>,
    erased_at: Option<Timestamp>,
}

impl<'a> Line<'a> {
    fn of(row: &'a AuditEvent) -> Self {
        Self {
            v: 1,
            sequence: row.seal.map(|seal| seal.sequence),
            link: row.seal.map(|seal| BASE64URL.encode(seal.link)),
            id: row.id.to_string(),
            tenant_id: row.tenant_id.to_string(),
            at: row.at,
            event: row.event.code(),
            outcome: row.outcome.as_str(),
            reason: row.reason.as_deref(),
            actor: row.actor.map(|id| id.to_string()),
            target: row.target.map(|id| id.to_string()),
            impersonator: row.impersonator.map(|id| id.to_string()),
            api_key: row.api_key.map(|id| id.to_string()),
            correlation_id: &row.correlation_id,
            ip: row.ip.map(|ip| ip.to_string()),
            user_agent: row.user_agent.as_deref(),
            details: &row.details,
            digest: row.digest.map(|digest| BASE64URL.encode(digest)),
            salt: row.salt.map(|salt| BASE64URL.encode(salt)),
            erased_at: row.erased_at,
        }
    }
}

impl<'a> Audit<'a> {
    /// Gives out the trail of the tenant from `since` on and before `until`, in the order of the chain, up to where it ends when this
    /// begins. That it was given out stands in the trail before the first row leaves, and is the last row of it.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden), [`AccessError::Invalid`](crate::AccessError::Invalid) where whoever asks may not or is not signed in any more; a failure of the
    /// store.
    pub async fn export(
        &self,
        cx: &RequestContext,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<AuditExport<'a>, Error> {
        let inner = self.0.inner();
        self.require_reader(cx)?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let acting = Administration(self.0, self.1).act(&mut unit, READ).await?;
        let mut record = Record::success(Event::AuditExported).by_administrator(&acting);
        for (name, at) in [("since", since), ("until", until)] {
            if let Some(at) = at {
                record = record.detail(name, at.to_string());
            }
        }
        unit.record(record).await?;
        unit.commit().await?;
        // Whatever has no place yet gets it, unless another node is just giving it.
        let _ = inner.seal_audit().await?;
        let anchor = self.anchor(cx).await?;
        Ok(AuditExport {
            gatekeeper: self.0,
            tenant: cx.tenant_id,
            anchor: anchor.unwrap_or(AuditAnchor {
                sequence: 0,
                link: [0; 32],
            }),
            since,
            until,
            after: i64::MIN,
            lines: VecDeque::new(),
        })
    }
}

impl AuditExport<'_> {
    /// Where the chain ended when this began: to be kept, and shown to [`Audit::verify`] later.
    pub const fn anchor(&self) -> AuditAnchor {
        self.anchor
    }

    /// The next row as a JSON object on one line, with its line feed; `None` behind the last.
    ///
    /// # Errors
    ///
    /// A failure of the store. To go on after it, call this again.
    pub async fn next(&mut self) -> Result<Option<String>, Error> {
        while self.lines.is_empty() && self.after < self.anchor.sequence {
            self.read().await?;
        }
        Ok(self.lines.pop_front())
    }

    async fn read(&mut self) -> Result<(), Error> {
        let inner = self.gatekeeper.inner();
        let mut tx = inner.repository.begin().await?;
        let rows = tx.audit().sealed(self.tenant, self.after, BATCH).await?;
        drop(tx);
        let Some(last) = rows.last().and_then(|row| row.seal) else {
            self.after = self.anchor.sequence;
            return Ok(());
        };
        for row in &rows {
            let within = row
                .seal
                .is_some_and(|seal| seal.sequence <= self.anchor.sequence)
                && self.since.is_none_or(|since| row.at >= since)
                && self.until.is_none_or(|until| row.at < until);
            if within {
                let mut line = serde_json::to_string(&Line::of(row)).map_err(Error::internal)?;
                line.push('\n');
                self.lines.push_back(line);
            }
        }
        self.after = last.sequence;
        Ok(())
    }
}
