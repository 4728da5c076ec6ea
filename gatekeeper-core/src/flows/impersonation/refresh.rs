use super::{Impersonations, PERMISSION};
use crate::{
    AccessError, Error, RequestContext,
    flows::Unit,
    gatekeeper::Inner,
    identity::{permits, reaches},
    model::{Impersonation, Session, SessionEnd, User},
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
        self.0.inner().impersonation_goes_on(cx, session).await
    }
}

impl Inner {
    /// The same, also asked where roles and permissions of such a session's access token are read anew.
    pub(crate) async fn impersonation_goes_on(
        &self,
        cx: &RequestContext,
        session: &Session,
    ) -> Result<GoesOn, Error> {
        let Some(impersonation) = &session.impersonation else {
            return Ok(GoesOn::Yes);
        };
        let mut unit = Unit::begin(self, cx, self.clock.now()).await?;
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
    let may = permits(tenant, &by.permissions, PERMISSION);
    let above = reaches(tenant, &by.permissions, &theirs.permissions)
        && !reaches(tenant, &theirs.permissions, &by.permissions)
        && !permits(tenant, &theirs.permissions, PERMISSION);
    if live && may && above {
        Ok(())
    } else {
        Err(AccessError::Forbidden.into())
    }
}
