use std::time::Duration;

use super::Administration;
use crate::{
    Error, RequestContext,
    model::{Event, Timestamp},
    store::{AuditFilter, UserFilter},
};

/// How far anything is counted.
const MOST: u32 = 10_000;
/// For how long back events are counted.
const WINDOW: Duration = Duration::from_hours(24);

/// How many there are of something, counted no further than is cheap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many were counted.
    pub count: u32,
    /// Whether counting stopped there: there may be more.
    pub at_least: bool,
}

/// A tenant in figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Accounts.
    pub users: Count,
    /// Those that may be used.
    pub active: Count,
    /// Those that are disabled.
    pub disabled: Count,
    /// From when on the following are counted: the last 24 hours.
    pub since: Timestamp,
    /// Sessions that began.
    pub sign_ins: Count,
    /// Sign-ins that were refused.
    pub failed_sign_ins: Count,
    /// Requests that were refused for want of a permission.
    pub denials: Count,
}

impl Administration<'_> {
    /// The tenant in figures. Each is counted up to 10,000, so that asking costs the same however large the tenant is. Needs
    /// `statistics:read`.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    pub async fn statistics(&self, cx: &RequestContext) -> Result<Statistics, Error> {
        self.require_reading(cx, "statistics:read")?;
        let inner = self.0.inner();
        let since = inner.clock.now().before(WINDOW);
        let mut tx = inner.repository.begin().await?;
        let mut users = Vec::with_capacity(3);
        for active in [None, Some(true), Some(false)] {
            let filter = UserFilter { active, role: None };
            let counted = tx.users().count(cx.tenant_id, &filter, MOST).await?;
            users.push(Count::of(counted));
        }
        let mut events = Vec::with_capacity(3);
        for event in [
            Event::SessionCreated,
            Event::SignInFailed,
            Event::AccessDenied,
        ] {
            let filter = AuditFilter {
                event: Some(event),
                since: Some(since),
                ..AuditFilter::default()
            };
            let counted = tx.audit().count(cx.tenant_id, &filter, MOST).await?;
            events.push(Count::of(counted));
        }
        match (users.as_slice(), events.as_slice()) {
            (&[users, active, disabled], &[sign_ins, failed_sign_ins, denials]) => Ok(Statistics {
                users,
                active,
                disabled,
                since,
                sign_ins,
                failed_sign_ins,
                denials,
            }),
            _ => Err(Error::internal("three and three are counted")),
        }
    }
}

impl Count {
    fn of(count: u32) -> Self {
        Self {
            count,
            at_least: count >= MOST,
        }
    }
}
