use super::{
    Giver, NewInvitation, ValidInvitation,
    create::{hold_tenant, invite_in, resend_in, revoke_in},
    standing::WRITE,
};
use crate::{
    AccessError, Administration, Error, InvitationError, RequestContext,
    flows::Unit,
    model::{Invitation, InvitationId, Page, PageRequest},
    rate_limit::MailLimit,
    store::InvitationFilter,
};

impl Administration<'_> {
    /// Invites somebody, with roles in the tenant, or to an organisation with roles there. Permission: `invitations:write`; and whoever
    /// invites must reach what the roles permit. An earlier invitation of the same address to the same place is revoked.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/email`, `/roles`, `/expires_in`; [`AccountError::RoleNotFound`](crate::AccountError::RoleNotFound);
    /// [`AccountError::DomainNotAllowed`](crate::AccountError::DomainNotAllowed);
    /// [`OrganizationError::NotFound`](crate::OrganizationError::NotFound); [`InvitationError::AlreadyMember`];
    /// [`AccessError::Forbidden`], [`AccessError::InsufficientRank`]; [`Error::RateLimited`] where the address was mailed too often; a
    /// failure of the store.
    pub async fn invite(
        &self,
        cx: &RequestContext,
        input: NewInvitation,
    ) -> Result<Invitation, Error> {
        let inner = self.0.inner();
        self.require_claimed(WRITE)?;
        let valid = ValidInvitation::check(inner, &input)?;
        valid.limit(inner, cx).await?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let tenant = hold_tenant(&mut unit).await?;
        let acting = self.act(&mut unit, WRITE).await?;
        let giver = Giver::Administrator(&acting);
        let invitation = invite_in(&mut unit, giver, &tenant, valid).await?;
        unit.commit().await?;
        Ok(invitation)
    }

    /// Invitations, newest first: to the tenant and to all its organisations. Permission: `invitations:read`.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`]; a failure of the store.
    pub async fn invitations(
        &self,
        cx: &RequestContext,
        filter: &InvitationFilter,
        page: PageRequest,
    ) -> Result<Page<Invitation>, Error> {
        self.require_claimed("invitations:read")?;
        let mut tx = self.0.inner().repository.begin().await?;
        Ok(tx.invitations().list(cx.tenant_id, filter, page).await?)
    }

    /// Mails an invitation again, which then lives anew. Permission: `invitations:write`, and reach over its roles.
    ///
    /// # Errors
    ///
    /// [`InvitationError::NotFound`], [`InvitationError::Settled`]; [`Error::RateLimited`] where it was mailed too often;
    /// [`AccountError::RoleNotFound`](crate::AccountError::RoleNotFound) where a role of it is gone; [`AccessError::Forbidden`],
    /// [`AccessError::InsufficientRank`]; a failure of the store.
    pub async fn resend_invitation(
        &self,
        cx: &RequestContext,
        invitation: InvitationId,
    ) -> Result<Invitation, Error> {
        let inner = self.0.inner();
        self.require_claimed(WRITE)?;
        let mut tx = inner.repository.begin().await?;
        let found = tx.invitations().find(cx.tenant_id, invitation).await?;
        drop(tx);
        let email = found.ok_or(InvitationError::NotFound)?.email;
        inner
            .limit_mail(cx, MailLimit::Invitation, email.normalized())
            .await?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let acting = self.act(&mut unit, WRITE).await?;
        let found = hold(&mut unit, invitation).await?;
        let giver = Giver::Administrator(&acting);
        let renewed = resend_in(&mut unit, giver, found).await?;
        unit.commit().await?;
        Ok(renewed)
    }

    /// Revokes an invitation: its link is dead at once. Permission: `invitations:write`.
    ///
    /// # Errors
    ///
    /// [`InvitationError::NotFound`], [`InvitationError::Settled`]; [`AccessError::Forbidden`]; a failure of the store.
    pub async fn revoke_invitation(
        &self,
        cx: &RequestContext,
        invitation: InvitationId,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let acting = self.act(&mut unit, WRITE).await?;
        let found = hold(&mut unit, invitation).await?;
        revoke_in(&mut unit, Giver::Administrator(&acting), &found).await?;
        unit.commit().await
    }

    /// Refuses early whose token does not hold the permission: for reads, and before anything is counted. What changes something asks
    /// the store again.
    pub(crate) fn require_claimed(&self, permission: &str) -> Result<(), AccessError> {
        match self.1 {
            Some(who) if !who.has_permission(permission) => Err(AccessError::Forbidden),
            Some(_) | None => Ok(()),
        }
    }
}

/// An invitation, held.
pub(crate) async fn hold(
    unit: &mut Unit<'_>,
    invitation: InvitationId,
) -> Result<Invitation, Error> {
    let tenant = unit.tenant();
    let found = unit
        .tx()
        .invitations()
        .find_for_update(tenant, invitation)
        .await?;
    found.ok_or(InvitationError::NotFound.into())
}
