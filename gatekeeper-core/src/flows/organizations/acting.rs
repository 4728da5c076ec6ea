//! A member who acts in an organisation, and how far they reach there.

use crate::{
    AccessError, Error, Identity, OrganizationError,
    flows::{Unit, invitations::held_in},
    identity::{permits, reaches},
    model::{OrganizationId, TenantId, User, UserId},
};

/// A member of the organisation that is active in their session, held in a unit, with what they may do there at this moment.
#[derive(Debug)]
pub(crate) struct ActingMember {
    pub(crate) user: User,
    pub(crate) organization: OrganizationId,
    tenant: TenantId,
    /// In the tenant, and by the membership.
    held: Vec<String>,
}

impl ActingMember {
    /// Holds whoever acts, and refuses who is not signed in any more, belongs to no active organisation, or has not the permission
    /// there. Which organisation it is, the session says, and not the token.
    ///
    /// `with` is a user to hold as well, in an order in which nobody waits for each other.
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`], [`OrganizationError::NotFound`], [`AccessError::Forbidden`]; a failure of the store.
    pub(crate) async fn hold(
        unit: &mut Unit<'_>,
        who: &Identity,
        permission: &str,
        with: Option<UserId>,
    ) -> Result<Self, Error> {
        who.require_oneself()?;
        let tenant = unit.tenant();
        if let Some(with) = with
            && with < who.user_id
        {
            unit.tx().users().find_for_update(tenant, with).await?;
        }
        let users = unit.tx().users();
        users.find_for_update(tenant, who.user_id).await?;
        if let Some(with) = with
            && with > who.user_id
        {
            unit.tx().users().find_for_update(tenant, with).await?;
        }
        let user = unit.require_live(who).await?;
        let sessions = unit.tx().sessions();
        let session = sessions.find_for_update(tenant, who.session_id).await?;
        let active = session.and_then(|session| session.organization_id);
        let organization = active.ok_or(OrganizationError::NotFound)?;
        let roles = unit.tx().roles();
        let authority = roles.authority(tenant, user.id, active).await?;
        // No member any more: the session still says so, and means nothing by it.
        if authority.organization.is_none() {
            return Err(OrganizationError::NotFound.into());
        }
        let held = held_in(&authority);
        if !permits(tenant, &held, permission) {
            return Err(AccessError::Forbidden.into());
        }
        Ok(Self {
            user,
            organization,
            tenant,
            held,
        })
    }

    /// Refuses whoever would give, or touch, permissions that they have not themselves in this organisation.
    pub(crate) fn require_reach(&self, permissions: &[String]) -> Result<(), Error> {
        if reaches(self.tenant, &self.held, permissions) {
            Ok(())
        } else {
            Err(AccessError::InsufficientRank.into())
        }
    }
}
