//! Changing who belongs to an organisation, and with which roles, within a unit of whoever may.

use crate::{
    AccountError, Error, OrganizationError,
    flows::{
        Record, Unit,
        invitations::{Giver, granted},
    },
    model::{Event, Membership, OrganizationId, RoleName, UserId},
    store::Constraint,
};

/// Whether somebody who is no member may become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Newcomers {
    Welcome,
    /// They come by invitation.
    Invited,
}

/// Makes a user, whose row is held, a member with these roles, or gives a member these roles. Whoever does it must reach what the member
/// has and what the member is to have.
pub(super) async fn put_member_in(
    unit: &mut Unit<'_>,
    giver: Giver<'_>,
    organization: OrganizationId,
    user: UserId,
    roles: Vec<RoleName>,
    newcomers: Newcomers,
) -> Result<Membership, Error> {
    let (tenant, now) = (unit.tenant(), unit.now());
    let organizations = unit.tx().organizations();
    let before = organizations
        .find_member(tenant, organization, user)
        .await?;
    match &before {
        None if newcomers == Newcomers::Invited => {
            return Err(OrganizationError::MemberNotFound.into());
        }
        None => {}
        Some(_) => require_rank(unit, giver, organization, user).await?,
    }
    let granted = granted(unit.tx(), tenant, &roles).await?;
    giver.require_reach(&granted.ok_or(AccountError::RoleNotFound)?.permissions)?;
    if before.as_ref().is_some_and(|before| before.roles == roles) {
        return before.ok_or(OrganizationError::MemberNotFound.into());
    }
    let membership = Membership {
        tenant_id: tenant,
        organization_id: organization,
        user_id: user,
        roles,
        created_at: before.as_ref().map_or(now, |before| before.created_at),
    };
    match unit.tx().organizations().put_member(&membership).await {
        // A role, or the organisation, went meanwhile.
        Err(error) if error.is_conflict(Constraint::Reference) => {
            return Err(OrganizationError::NotFound.into());
        }
        put => put?,
    };
    let event = match before {
        Some(_) => Event::OrganizationMemberUpdated,
        None => Event::OrganizationMemberAdded,
    };
    let names: Vec<&str> = membership.roles.iter().map(RoleName::as_str).collect();
    let record = Record::success(event)
        .caused_by(giver.user_id())
        .target(user)
        .detail("organization_id", organization.to_string())
        .detail("roles", names);
    unit.record(record).await?;
    unit.authority_changed(user).await?;
    Ok(membership)
}

/// Takes a member, whose row is held, out of an organisation.
pub(super) async fn remove_member_in(
    unit: &mut Unit<'_>,
    giver: Giver<'_>,
    organization: OrganizationId,
    user: UserId,
) -> Result<(), Error> {
    let tenant = unit.tenant();
    let organizations = unit.tx().organizations();
    let member = organizations
        .find_member(tenant, organization, user)
        .await?;
    member.ok_or(OrganizationError::MemberNotFound)?;
    require_rank(unit, giver, organization, user).await?;
    take_out(unit, giver.user_id(), organization, user).await
}

/// The same, where nobody's rank is asked for: by the member.
pub(super) async fn take_out(
    unit: &mut Unit<'_>,
    by: Option<UserId>,
    organization: OrganizationId,
    user: UserId,
) -> Result<(), Error> {
    let tenant = unit.tenant();
    let organizations = unit.tx().organizations();
    if !organizations
        .remove_member(tenant, organization, user)
        .await?
    {
        return Err(OrganizationError::MemberNotFound.into());
    }
    let record = Record::success(Event::OrganizationMemberRemoved)
        .caused_by(by)
        .target(user)
        .detail("organization_id", organization.to_string());
    unit.record(record).await?;
    unit.authority_changed(user).await
}

/// Refuses whoever would touch a member who may do more in the organisation than they (CVE-2026-55077). Oneself, one may always touch.
async fn require_rank(
    unit: &mut Unit<'_>,
    giver: Giver<'_>,
    organization: OrganizationId,
    user: UserId,
) -> Result<(), Error> {
    if giver.user_id().is_none_or(|by| by == user) {
        return Ok(());
    }
    let tenant = unit.tenant();
    let roles = unit.tx().roles();
    let authority = roles.authority(tenant, user, Some(organization)).await?;
    match authority.organization {
        Some(organization) => giver.require_reach(&organization.permissions),
        None => Ok(()),
    }
}
