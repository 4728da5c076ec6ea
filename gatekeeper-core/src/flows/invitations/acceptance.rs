//! What accepting an invitation does, whichever way somebody came to it.

use super::standing::{Standing, standing};
use crate::{
    Error,
    flows::{Record, Unit},
    model::{Event, Invitation, Membership, RoleName, TokenHash, User},
    store::Constraint,
};

/// What came of it.
#[must_use]
pub(crate) enum Acceptance {
    /// All that the invitation gives is given.
    Accepted(Box<Invitation>),
    /// It is not, for this reason; the unit must be dropped.
    Refused(&'static str),
}

/// Accepts the invitation of this token for a user whose row is held, and whose mailbox was proved. Whoever calls it has a person
/// before them who proved all that the account asks for; that they are the invited one is looked at here.
///
/// The organisation is held before the invitation, like by whoever deletes it. Says nothing of the user's authority: that is for the
/// caller, who knows whether there are access tokens.
pub(crate) async fn accept_in(
    unit: &mut Unit<'_>,
    user: &User,
    hash: &TokenHash,
) -> Result<Acceptance, Error> {
    let (tenant, now) = (unit.tenant(), unit.now());
    let found = unit.tx().invitations().find_by_hash(tenant, hash, now);
    let Some(invitation) = found.await? else {
        return Ok(Acceptance::Refused("unknown_token"));
    };
    if invitation.email.normalized() != user.email.normalized() {
        return Ok(Acceptance::Refused("other_address"));
    }
    if !user.is_active() || !user.is_person() || !user.email_verified() {
        return Ok(Acceptance::Refused("account_unfit"));
    }
    if let Some(organization) = invitation.organization_id {
        let organizations = unit.tx().organizations();
        if organizations
            .find_for_update(tenant, organization)
            .await?
            .is_none()
        {
            return Ok(Acceptance::Refused("organization_gone"));
        }
    }
    match standing(unit.tx(), &invitation).await? {
        Standing::Sound(_) => {}
        Standing::Void(reason) => return Ok(Acceptance::Refused(reason)),
    }
    // The one guard against a second use (CVE-2025-64708).
    let accepted = unit.tx().invitations().accept(tenant, hash, user.id, now);
    let Some(invitation) = accepted.await? else {
        return Ok(Acceptance::Refused("settled_meanwhile"));
    };
    let roles: Vec<&str> = invitation.roles.iter().map(RoleName::as_str).collect();
    let mut record = Record::success(Event::InvitationAccepted)
        .by(user.id)
        .detail("invitation_id", invitation.id.to_string())
        .detail("roles", roles);
    if let Some(organization) = invitation.organization_id {
        record = record.detail("organization_id", organization.to_string());
    }
    unit.record(record).await?;
    match give(unit, user, &invitation).await {
        // A role, or the organisation, went between the look and the write.
        Err(Error::Store(error)) if error.is_conflict(Constraint::Reference) => {
            return Ok(Acceptance::Refused("role_or_organization_gone"));
        }
        given => given?,
    }
    Ok(Acceptance::Accepted(Box::new(invitation)))
}

async fn give(unit: &mut Unit<'_>, user: &User, invitation: &Invitation) -> Result<(), Error> {
    match invitation.organization_id {
        None => grant(unit, user, invitation).await,
        Some(organization) => {
            let (tenant, now) = (unit.tenant(), unit.now());
            let organizations = unit.tx().organizations();
            let before = organizations.find_member(tenant, organization, user.id);
            let mut roles = invitation.roles.clone();
            // Who became a member meanwhile loses nothing by it.
            roles.extend(before.await?.into_iter().flat_map(|member| member.roles));
            roles.sort_unstable();
            roles.dedup();
            let membership = Membership {
                tenant_id: tenant,
                organization_id: organization,
                user_id: user.id,
                roles,
                created_at: now,
            };
            let was_member = unit.tx().organizations().put_member(&membership).await?;
            let event = if was_member {
                Event::OrganizationMemberUpdated
            } else {
                Event::OrganizationMemberAdded
            };
            let roles: Vec<&str> = membership.roles.iter().map(RoleName::as_str).collect();
            let record = Record::success(event)
                .caused_by(invitation.invited_by)
                .target(user.id)
                .detail("organization_id", organization.to_string())
                .detail("roles", roles)
                .detail("invitation_id", invitation.id.to_string());
            unit.record(record).await
        }
    }
}

async fn grant(unit: &mut Unit<'_>, user: &User, invitation: &Invitation) -> Result<(), Error> {
    let (tenant, now) = (unit.tenant(), unit.now());
    for role in &invitation.roles {
        if unit.tx().roles().grant(tenant, user.id, role, now).await? {
            let record = Record::success(Event::RoleGranted)
                .caused_by(invitation.invited_by)
                .target(user.id)
                .detail("role", role.as_str())
                .detail("invitation_id", invitation.id.to_string());
            unit.record(record).await?;
        }
    }
    Ok(())
}
