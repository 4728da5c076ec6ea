//! Inviting, mailing again, revoking, within a unit of whoever may.

use std::time::Duration;

use super::{
    NewInvitation,
    standing::{granted, takes_domain},
};
use crate::{
    AccountError, Error, InvitationError, OrganizationError, RateLimited, RequestContext,
    TenantError, Violations,
    flows::{Record, Unit, administration::Acting, organizations::ActingMember, validate},
    gatekeeper::Inner,
    mail::AccountMail,
    model::{
        EmailAddress, Event, Invitation, InvitationId, OrganizationId, RoleName, Tenant, Timestamp,
        User, UserId,
    },
    rate_limit::{MailLimit, Quota},
    store::Constraint,
};

/// The most roles of one invitation, or of one membership.
const MAX_ROLES: usize = 50;

/// Whoever invites, or gives roles in an organisation; held in the unit, with what they may do at this moment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Giver<'g> {
    /// An administrator of the tenant, or an operator.
    Administrator(&'g Acting),
    /// A member of the organisation with the permission there.
    Member(&'g ActingMember),
}

impl Giver<'_> {
    /// Who it is; `None` for an operator.
    pub(crate) fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Administrator(acting) => acting.user_id(),
            Self::Member(member) => Some(member.user.id),
        }
    }

    /// Refuses whoever would give permissions that they have not themselves.
    pub(crate) fn require_reach(&self, permissions: &[String]) -> Result<(), Error> {
        match self {
            Self::Administrator(acting) => acting.require_reach(permissions),
            Self::Member(member) => member.require_reach(permissions),
        }
    }
}

/// An invitation whose fields are sound.
#[derive(Clone, Debug)]
pub(crate) struct ValidInvitation {
    pub(super) email: EmailAddress,
    pub(super) roles: Vec<RoleName>,
    pub(super) organization: Option<OrganizationId>,
    pub(super) lifetime: Duration,
}

impl ValidInvitation {
    /// Holds the fields to their form.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/email`, `/roles`, `/expires_in`; [`AccountError::RoleNotFound`] for what is no name of a role.
    pub(crate) fn check(inner: &Inner, input: &NewInvitation) -> Result<Self, Error> {
        let config = &inner.config.invitations;
        let mut violations = Violations::none();
        let email = validate::email(&mut violations, "/email", &input.email);
        if email.as_ref().is_some_and(is_of_a_service) {
            violations.push("/email", "email.malformed", "cannot be mailed");
        }
        let lifetime = input.expires_in.unwrap_or(config.lifetime);
        if lifetime < Duration::from_mins(1) || lifetime > config.max_lifetime {
            let most = config.max_lifetime.as_secs();
            let detail = format!("must lie between 60 and {most} seconds");
            violations.push("/expires_in", "field.value", detail);
        }
        let roles = role_names(&mut violations, &input.roles);
        violations.check()?;
        let Some(email) = email else {
            return Err(Error::internal("a checked address is there"));
        };
        Ok(Self {
            email,
            roles: roles?,
            organization: input.organization,
            lifetime,
        })
    }

    /// The same, to this organisation.
    pub(crate) fn set_organization(&mut self, organization: OrganizationId) {
        self.organization = Some(organization);
    }

    /// Counts a mail to the invited address.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`].
    pub(crate) async fn limit(&self, inner: &Inner, cx: &RequestContext) -> Result<(), Error> {
        let email = self.email.normalized();
        inner.limit_mail(cx, MailLimit::Invitation, email).await
    }
}

/// The names of roles, sorted and each once.
pub(crate) fn role_names(
    violations: &mut Violations,
    roles: &[String],
) -> Result<Vec<RoleName>, Error> {
    if roles.len() > MAX_ROLES {
        let detail = format!("must be at most {MAX_ROLES}");
        violations.push("/roles", "field.length", detail);
    }
    let mut names = roles
        .iter()
        .map(|role| RoleName::parse(role).ok_or(AccountError::RoleNotFound))
        .collect::<Result<Vec<_>, _>>()?;
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

fn is_of_a_service(email: &EmailAddress) -> bool {
    let address = email.normalized().as_str();
    address
        .rsplit_once('@')
        .is_some_and(|(_, domain)| domain == User::SERVICE_ACCOUNT_DOMAIN)
}

/// Holds the tenant of the unit: of several who invite one address at once, each replaces the one before. To be called before anybody's
/// row is held.
pub(crate) async fn hold_tenant(unit: &mut Unit<'_>) -> Result<Tenant, Error> {
    let id = unit.tenant();
    let tenant = unit.tx().tenants().find_for_update(id).await?;
    tenant.ok_or(TenantError::NotFound.into())
}

/// Invites, in the unit's tenant, whose row the unit holds ([`hold_tenant`], or it was made in it). Whoever gives was asked for the
/// permission to invite; the reach is asked for here. An invitation of the same address to the same place is replaced.
///
/// # Errors
///
/// [`AccountError::DomainNotAllowed`], [`AccountError::RoleNotFound`], [`OrganizationError::NotFound`],
/// [`AccessError::InsufficientRank`](crate::AccessError::InsufficientRank), [`InvitationError::AlreadyMember`]; a failure of the store.
pub(crate) async fn invite_in(
    unit: &mut Unit<'_>,
    giver: Giver<'_>,
    tenant: &Tenant,
    valid: ValidInvitation,
) -> Result<Invitation, Error> {
    let (id, now) = (tenant.id, unit.now());
    if !takes_domain(&tenant.settings, valid.email.normalized().as_str()) {
        return Err(AccountError::DomainNotAllowed.into());
    }
    let granted = granted(unit.tx(), id, &valid.roles).await?;
    giver.require_reach(&granted.ok_or(AccountError::RoleNotFound)?.permissions)?;
    if let Some(organization) = valid.organization {
        let found = unit.tx().organizations().find(id, organization).await?;
        found.ok_or(OrganizationError::NotFound)?;
    }
    require_no_member(unit, tenant, &valid).await?;

    let email = valid.email.normalized();
    unit.tx()
        .invitations()
        .revoke_all_for_email(id, email, valid.organization, now)
        .await?;
    let invitation = Invitation {
        id: InvitationId::new(now, unit.inner().random.as_ref()),
        tenant_id: id,
        email: valid.email,
        roles: valid.roles,
        organization_id: valid.organization,
        invited_by: giver.user_id(),
        hash: None,
        created_at: now,
        expires_at: now.after(valid.lifetime),
        sent_at: now,
        accepted_at: None,
        accepted_by: None,
        revoked_at: None,
    };
    match unit.tx().invitations().insert(&invitation).await {
        Err(error) if error.is_conflict(Constraint::Reference) => {
            return Err(OrganizationError::NotFound.into());
        }
        inserted => inserted?,
    }
    let record = record(unit, Event::InvitationCreated, giver, &invitation);
    unit.record(record).await?;
    let invitation_id = invitation.id;
    unit.mail(&AccountMail::Invitation { invitation_id })
        .await?;
    Ok(invitation)
}

/// Refuses to invite whom it would give nothing.
async fn require_no_member(
    unit: &mut Unit<'_>,
    tenant: &Tenant,
    valid: &ValidInvitation,
) -> Result<(), Error> {
    let email = valid.email.normalized();
    let Some(user) = unit.tx().users().find_by_email(tenant.id, email).await? else {
        return Ok(());
    };
    let member = if let Some(organization) = valid.organization {
        let organizations = unit.tx().organizations();
        let found = organizations.find_member(tenant.id, organization, user.id);
        found.await?.is_some()
    } else {
        let held = unit.tx().roles().granted(tenant.id, user.id).await?;
        valid.roles.iter().all(|role| held.contains(role))
    };
    if member {
        Err(InvitationError::AlreadyMember.into())
    } else {
        Ok(())
    }
}

/// Mails an invitation again, which lives anew for as long as it did at first; the token of the mail before is dead. Whoever asks must
/// reach its roles; in whose name it is does not change.
///
/// # Errors
///
/// [`Error::RateLimited`] where the mail before went out a moment ago; [`InvitationError::Settled`];
/// [`AccountError::RoleNotFound`], [`AccessError::InsufficientRank`](crate::AccessError::InsufficientRank); a failure of the store.
pub(crate) async fn resend_in(
    unit: &mut Unit<'_>,
    giver: Giver<'_>,
    mut invitation: Invitation,
) -> Result<Invitation, Error> {
    let (tenant, now) = (invitation.tenant_id, unit.now());
    require_open(&invitation)?;
    let granted = granted(unit.tx(), tenant, &invitation.roles).await?;
    giver.require_reach(&granted.ok_or(AccountError::RoleNotFound)?.permissions)?;
    rest(unit.inner(), &invitation, now)?;
    let lifetime = invitation.expires_at.since(invitation.sent_at);
    let expires_at = now.after(lifetime);
    let renewed = unit
        .tx()
        .invitations()
        .renew(tenant, invitation.id, now, expires_at)
        .await?;
    if !renewed {
        return Err(InvitationError::Settled.into());
    }
    let record = record(unit, Event::InvitationResent, giver, &invitation);
    unit.record(record).await?;
    let invitation_id = invitation.id;
    unit.mail(&AccountMail::Invitation { invitation_id })
        .await?;
    invitation.hash = None;
    invitation.sent_at = now;
    invitation.expires_at = expires_at;
    Ok(invitation)
}

/// Revokes an invitation: its link is dead, and a mail that waits is not sent.
///
/// # Errors
///
/// [`InvitationError::Settled`]; a failure of the store.
pub(crate) async fn revoke_in(
    unit: &mut Unit<'_>,
    giver: Giver<'_>,
    invitation: &Invitation,
) -> Result<(), Error> {
    require_open(invitation)?;
    let (tenant, now) = (invitation.tenant_id, unit.now());
    let revoked = unit
        .tx()
        .invitations()
        .revoke(tenant, invitation.id, now)
        .await?;
    if !revoked {
        return Err(InvitationError::Settled.into());
    }
    let record = record(unit, Event::InvitationRevoked, giver, invitation);
    unit.record(record).await
}

fn require_open(invitation: &Invitation) -> Result<(), Error> {
    if invitation.accepted_at.is_some() || invitation.revoked_at.is_some() {
        Err(InvitationError::Settled.into())
    } else {
        Ok(())
    }
}

/// Refuses a mail too soon after the one before.
fn rest(inner: &Inner, invitation: &Invitation, now: Timestamp) -> Result<(), Error> {
    let again = invitation
        .sent_at
        .after(inner.config.invitations.resend_after);
    if now >= again {
        return Ok(());
    }
    let retry_after = again.since(now);
    let [.., p0, p1, p2, p3, p4, p5, p6, p7] = *invitation.id.as_uuid().as_bytes();
    Err(Error::RateLimited(RateLimited {
        policy: "invitation_resend",
        quota: Quota::new(1, inner.config.invitations.resend_after),
        partition: [p0, p1, p2, p3, p4, p5, p6, p7],
        retry_after,
        reset_after: retry_after,
    }))
}

fn record(unit: &Unit<'_>, event: Event, giver: Giver<'_>, invitation: &Invitation) -> Record {
    let roles: Vec<&str> = invitation.roles.iter().map(RoleName::as_str).collect();
    let mut record = Record::success(event)
        .caused_by(giver.user_id())
        .detail("invitation_id", invitation.id.to_string())
        .detail("email_digest", unit.inner().email_digest(&invitation.email))
        .detail("roles", roles);
    if let Some(organization) = invitation.organization_id {
        record = record.detail("organization_id", organization.to_string());
    }
    record
}
