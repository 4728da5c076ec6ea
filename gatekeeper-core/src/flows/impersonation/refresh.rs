use super::{Impersonations, PERMISSION};
use crate::{
    AccessError, Error, RequestContext,
    flows::Unit,
    identity::{permits, reaches},
    model::{Authority, Impersonation, Session, SessionEnd, TenantId, User},
};

/// Whether somebody may go on acting as a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum GoesOn {
    /// They may, or nobody acts as anybody.
    Yes,
    /// They may not: the session is over.
    Ended,
}

impl Impersonations<'_> {
    /// Asked at each refresh, after the rotation and before there are new tokens: may whoever acts still do so? Where not, the
    /// session ends.
    pub(crate) async fn goes_on(
        &self,
        cx: &RequestContext,
        session: &Session,
    ) -> Result<GoesOn, Error> {
        let Some(impersonation) = &session.impersonation else {
            return Ok(GoesOn::Yes);
        };
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        match may_go_on(&mut unit, session, impersonation).await {
            Ok(()) => return Ok(GoesOn::Yes),
            Err(Error::Access(_)) => {}
            Err(error) => return Err(error),
        }
        unit.end_session(session.id, SessionEnd::ImpersonationEnded)
            .await?;
        unit.commit().await?;
        Ok(GoesOn::Ended)
    }
}

/// What was asked when it began, asked again: of both as they stand now, and held.
async fn may_go_on(
    unit: &mut Unit<'_>,
    session: &Session,
    impersonation: &Impersonation,
) -> Result<(), Error> {
    let (tenant, now) = (unit.tenant(), unit.now());
    if !unit.inner().config.impersonation.enabled {
        return Err(AccessError::Forbidden.into());
    }
    // By id, like everybody who holds two.
    let mut ids = [impersonation.by, session.user_id];
    ids.sort_unstable();
    for id in ids {
        let user = unit.tx().users().find_for_update(tenant, id).await?;
        if !user.as_ref().is_some_and(User::may_sign_in) {
            return Err(AccessError::Forbidden.into());
        }
    }
    let own = unit
        .tx()
        .sessions()
        .find_for_update(tenant, impersonation.from)
        .await?;
    let live = own.is_some_and(|own| own.user_id == impersonation.by && own.is_live(now));
    let roles = unit.tx().roles();
    let by = roles.authority(tenant, impersonation.by, None).await?;
    let theirs = roles.authority(tenant, session.user_id, None).await?;
    if live && stands_above(tenant, &by, &theirs) {
        Ok(())
    } else {
        Err(AccessError::Forbidden.into())
    }
}

/// Whether somebody may act as others, and as this user: may do all that the user may, who may not do as much, and is not trusted with
/// acting as others.
pub(crate) fn stands_above(tenant: TenantId, by: &Authority, user: &Authority) -> bool {
    permits(tenant, &by.permissions, PERMISSION)
        && reaches(tenant, &by.permissions, &user.permissions)
        && !reaches(tenant, &user.permissions, &by.permissions)
        && !permits(tenant, &user.permissions, PERMISSION)
}
