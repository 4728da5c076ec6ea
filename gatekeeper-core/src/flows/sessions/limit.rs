//! How many sessions a user may have.

use super::{Sessions, proven::Refused};
use crate::{
    Error, RequestContext, SessionError,
    flows::{Record, Unit},
    gatekeeper::Inner,
    model::{Authority, Event, RoleName, SessionEnd, SessionLimit, TenantId, UserId, WhenFull},
};

/// Whether a user of this authority has a role; everybody has `user`.
pub(super) fn has_role(authority: &Authority, role: &str) -> bool {
    role == RoleName::USER || authority.roles.iter().any(|held| held == role)
}

impl Inner {
    /// What roles say goes before what the tenant says, and that before what the application says; of several roles the
    /// least.
    async fn session_limit(
        &self,
        tenant: TenantId,
        authority: &Authority,
    ) -> Result<Option<SessionLimit>, Error> {
        let config = &self.config.sessions;
        let by_role = config
            .limits_by_role
            .iter()
            .filter(|(role, _)| has_role(authority, role))
            .map(|(_, limit)| *limit)
            .min_by_key(|limit| limit.max);
        if by_role.is_some() {
            return Ok(by_role);
        }
        let settings = self.tenant_settings(tenant).await?;
        Ok(settings.session_limit.or(config.limit))
    }
}

impl Sessions<'_> {
    /// Sees to it that one more session is not too many. The user's row is held, so that of any number of sign-ins at once
    /// each counts those before it (CVE-2024-4183).
    pub(super) async fn make_room(
        &self,
        unit: &mut Unit<'_>,
        limit: Option<SessionLimit>,
        user: UserId,
        tenant: TenantId,
    ) -> Result<Result<(), Refused>, Error> {
        let Some(limit) = limit else {
            return Ok(Ok(()));
        };
        let now = unit.now();
        let live = unit
            .tx()
            .sessions()
            .live_for_user(tenant, user, now)
            .await?;
        let most = usize::try_from(limit.max).unwrap_or(usize::MAX).max(1);
        let too_many = (live.len() + 1).saturating_sub(most);
        if too_many == 0 {
            return Ok(Ok(()));
        }
        match limit.when_full {
            WhenFull::Reject => Ok(Err(Refused::new(
                "session_limit",
                Some(user),
                SessionError::LimitReached,
            ))),
            WhenFull::EndOldest => {
                for session in live.into_iter().take(too_many) {
                    unit.end_session(session, SessionEnd::LimitReached).await?;
                    let record = Record::success(Event::SessionEnded)
                        .target(user)
                        .because(SessionEnd::LimitReached.as_str());
                    unit.record(record.detail("session_id", session.to_string()))
                        .await?;
                }
                Ok(Ok(()))
            }
        }
    }

    /// The limit that concerns somebody. Asked before the unit: it may have to be read.
    pub(super) async fn limit_of(
        &self,
        cx: &RequestContext,
        authority: &Authority,
    ) -> Result<Option<SessionLimit>, Error> {
        self.0.inner().session_limit(cx.tenant_id, authority).await
    }
}
