use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use crate::{
    Error, Gatekeeper,
    model::{AuditEvent, MAX_PAGE, PageRequest, TenantId, UserId},
    store::AuditFilter,
};

/// What a user did and what concerned them, newest first, a page at a time. From [`UserExport`](super::UserExport).
#[derive(Debug)]
pub struct UserEvents<'a> {
    gatekeeper: &'a Gatekeeper,
    tenant: TenantId,
    user: UserId,
    done: Side,
    suffered: Side,
}

/// One of the two lists that are made one.
#[derive(Debug)]
struct Side {
    filter: AuditFilter,
    rows: VecDeque<AuditEvent>,
    /// `None` behind the last page.
    next: Option<PageRequest>,
}

impl Side {
    fn new(filter: AuditFilter) -> Self {
        Self {
            filter,
            rows: VecDeque::new(),
            next: Some(PageRequest::first(MAX_PAGE)),
        }
    }

    async fn fill(&mut self, gatekeeper: &Gatekeeper, tenant: TenantId) -> Result<(), Error> {
        let Some(page) = self.next.filter(|_| self.rows.is_empty()) else {
            return Ok(());
        };
        let mut tx = gatekeeper.inner().repository.begin().await?;
        let found = tx.audit().list(tenant, &self.filter, page).await?;
        self.next = found.next.map(|after| PageRequest {
            after: Some(after),
            ..page
        });
        self.rows.extend(found.items);
        Ok(())
    }
}

impl<'a> UserEvents<'a> {
    pub(super) fn new(gatekeeper: &'a Gatekeeper, tenant: TenantId, user: UserId) -> Self {
        Self {
            gatekeeper,
            tenant,
            user,
            done: Side::new(AuditFilter {
                actor: Some(user),
                ..AuditFilter::default()
            }),
            suffered: Side::new(AuditFilter {
                target: Some(user),
                ..AuditFilter::default()
            }),
        }
    }

    /// The next event; `None` behind the last.
    ///
    /// # Errors
    ///
    /// A failure of the store. To go on after it, call this again.
    pub async fn next(&mut self) -> Result<Option<Map<String, Value>>, Error> {
        self.done.fill(self.gatekeeper, self.tenant).await?;
        self.suffered.fill(self.gatekeeper, self.tenant).await?;
        let key = |row: &AuditEvent| (row.at, row.id);
        let done = self.done.rows.front().map(key);
        let suffered = self.suffered.rows.front().map(key);
        let row = if done >= suffered {
            // What somebody did to themselves stands in both.
            if done == suffered {
                self.suffered.rows.pop_front();
            }
            self.done.rows.pop_front()
        } else {
            self.suffered.rows.pop_front()
        };
        Ok(row.map(|row| show(&row, self.user)))
    }
}

/// An event as its subject reads it, without the true reason of a refusal. Where somebody else did it, that one's address and device are
/// not the subject's to have.
fn show(row: &AuditEvent, user: UserId) -> Map<String, Value> {
    let by_another = row.actor.is_some_and(|actor| actor != user)
        || row.impersonator.is_some_and(|actor| actor != user);
    let (ip, user_agent) = if by_another {
        (None, None)
    } else {
        (row.ip, row.user_agent.as_deref())
    };
    let event = json!({
        "id": row.id.to_string(),
        "at": row.at,
        "event": row.event.code(),
        "outcome": row.outcome.as_str(),
        "actor": row.actor.map(|id| id.to_string()),
        "target": row.target.map(|id| id.to_string()),
        "impersonator": row.impersonator.map(|id| id.to_string()),
        "api_key": row.api_key.map(|id| id.to_string()),
        "correlation_id": row.correlation_id,
        "ip": ip.map(|ip| ip.to_string()),
        "user_agent": user_agent,
        "details": row.details,
    });
    match event {
        Value::Object(event) => event,
        _ => Map::new(),
    }
}
