use super::{ActingMember, Organizations};
use crate::{
    Error, Identity, InvitationError, NewInvitation, RequestContext,
    flows::{
        Unit,
        invitations::{
            Giver, ValidInvitation, hold_invitation, hold_tenant, invite_in, resend_in, revoke_in,
        },
    },
    model::{Invitation, InvitationId, Page, PageRequest},
    rate_limit::MailLimit,
    store::InvitationFilter,
};

const READ: &str = "invitations:read";
const WRITE: &str = "invitations:write";

impl Organizations<'_> {
    /// Invites somebody to the active organisation, whatever [`NewInvitation::organization`] says. Permission in it:
    /// `invitations:write`; and whoever invites must reach what the roles permit.
    ///
    /// # Errors
    ///
    /// As [`Administration::invite`](crate::Administration::invite); [`OrganizationError::NotFound`](crate::OrganizationError::NotFound)
    /// where none is active; [`AccessError::Invalid`](crate::AccessError::Invalid) where the session is over.
    pub async fn invite(
        &self,
        cx: &RequestContext,
        who: &Identity,
        mut input: NewInvitation,
    ) -> Result<Invitation, Error> {
        let inner = self.0.inner();
        input.organization = Some(Self::active(who, WRITE)?);
        let mut valid = ValidInvitation::check(inner, &input)?;
        valid.limit(inner, cx).await?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let tenant = hold_tenant(&mut unit).await?;
        let acting = ActingMember::hold(&mut unit, who, WRITE, None).await?;
        valid.set_organization(acting.organization);
        let giver = Giver::Member(&acting);
        let invitation = invite_in(&mut unit, giver, &tenant, valid).await?;
        unit.commit().await?;
        Ok(invitation)
    }

    /// Invitations to the active organisation, newest first. Permission in it: `invitations:read`.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::NotFound`](crate::OrganizationError::NotFound) where none is active;
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    pub async fn invitations(
        &self,
        cx: &RequestContext,
        who: &Identity,
        page: PageRequest,
    ) -> Result<Page<Invitation>, Error> {
        let filter = InvitationFilter {
            organization: Some(Self::active(who, READ)?),
            ..InvitationFilter::default()
        };
        let mut tx = self.0.inner().repository.begin().await?;
        Ok(tx.invitations().list(cx.tenant_id, &filter, page).await?)
    }

    /// Mails an invitation to the active organisation again. Permission in it: `invitations:write`, and reach over its roles.
    ///
    /// # Errors
    ///
    /// As [`Administration::resend_invitation`](crate::Administration::resend_invitation);
    /// [`OrganizationError::NotFound`](crate::OrganizationError::NotFound) where none is active.
    pub async fn resend_invitation(
        &self,
        cx: &RequestContext,
        who: &Identity,
        invitation: InvitationId,
    ) -> Result<Invitation, Error> {
        let inner = self.0.inner();
        let organization = Self::active(who, WRITE)?;
        let mut tx = inner.repository.begin().await?;
        let found = tx.invitations().find(cx.tenant_id, invitation).await?;
        drop(tx);
        let found = found.filter(|found| found.organization_id == Some(organization));
        let email = found.ok_or(InvitationError::NotFound)?.email;
        inner
            .limit_mail(cx, MailLimit::Invitation, email.normalized())
            .await?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, found) = hold(&mut unit, who, invitation).await?;
        let renewed = resend_in(&mut unit, Giver::Member(&acting), found).await?;
        unit.commit().await?;
        Ok(renewed)
    }

    /// Revokes an invitation to the active organisation. Permission in it: `invitations:write`.
    ///
    /// # Errors
    ///
    /// As [`Administration::revoke_invitation`](crate::Administration::revoke_invitation);
    /// [`OrganizationError::NotFound`](crate::OrganizationError::NotFound) where none is active.
    pub async fn revoke_invitation(
        &self,
        cx: &RequestContext,
        who: &Identity,
        invitation: InvitationId,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, found) = hold(&mut unit, who, invitation).await?;
        revoke_in(&mut unit, Giver::Member(&acting), &found).await?;
        unit.commit().await
    }
}

/// Whoever acts, and an invitation to their organisation; those to others, and to the tenant, are none.
async fn hold(
    unit: &mut Unit<'_>,
    who: &Identity,
    invitation: InvitationId,
) -> Result<(ActingMember, Invitation), Error> {
    let acting = ActingMember::hold(unit, who, WRITE, None).await?;
    let found = hold_invitation(unit, invitation).await?;
    if found.organization_id == Some(acting.organization) {
        Ok((acting, found))
    } else {
        Err(InvitationError::NotFound.into())
    }
}
