//! Whether an invitation still means what it meant when it was made.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Error,
    identity::{permits, reaches},
    model::{Authority, Invitation, Role, RoleName, TenantId, TenantSettings, User},
    store::Transaction,
};

/// The permission that inviting takes.
pub(super) const WRITE: &str = "invitations:write";

/// What roles stand for together, with all that they inherit; sorted and without doubles.
#[derive(Clone, Debug, Default)]
pub(crate) struct Granted {
    pub(crate) roles: Vec<String>,
    pub(crate) permissions: Vec<String>,
}

/// What these roles of a tenant stand for at this moment; `None` where one of them does not exist.
pub(crate) async fn granted(
    tx: &mut dyn Transaction,
    tenant: TenantId,
    names: &[RoleName],
) -> Result<Option<Granted>, Error> {
    if names.is_empty() {
        return Ok(Some(Granted::default()));
    }
    let all = tx.roles().list(tenant).await?;
    let all: BTreeMap<&RoleName, &Role> = all.iter().map(|role| (&role.name, role)).collect();
    let mut found = BTreeSet::new();
    let mut permissions = BTreeSet::new();
    let mut open: Vec<&RoleName> = names.iter().collect();
    while let Some(name) = open.pop() {
        let Some(role) = all.get(name) else {
            return Ok(None);
        };
        if found.insert(name.as_str().to_owned()) {
            permissions.extend(role.permissions.iter().cloned());
            open.extend(&role.inherits);
        }
    }
    Ok(Some(Granted {
        roles: found.into_iter().collect(),
        permissions: permissions.into_iter().collect(),
    }))
}

/// Whether an invitation can be accepted, beside what its row says of itself.
#[must_use]
pub(super) enum Standing {
    /// With what its roles stand for.
    Sound(Granted),
    /// The true reason, for the audit trail.
    Void(&'static str),
}

/// Looks at an invitation as everything stands at this moment: the tenant, the organisation, the roles, and whoever invited, who must
/// be able to invite in the same way now (CVE-2024-64708).
///
/// Nobody is held for it: whoever is demoted in a transaction that commits after this one was demoted after the acceptance.
pub(super) async fn standing(
    tx: &mut dyn Transaction,
    invitation: &Invitation,
) -> Result<Standing, Error> {
    let tenant_id = invitation.tenant_id;
    let Some(tenant) = tx.tenants().find(tenant_id).await? else {
        return Ok(Standing::Void("tenant_gone"));
    };
    if tenant.suspended_at.is_some() {
        return Ok(Standing::Void("tenant_suspended"));
    }
    if !takes_domain(&tenant.settings, invitation.email.normalized().as_str()) {
        return Ok(Standing::Void("domain_not_allowed"));
    }
    if let Some(organization) = invitation.organization_id
        && tx
            .organizations()
            .find(tenant_id, organization)
            .await?
            .is_none()
    {
        return Ok(Standing::Void("organization_gone"));
    }
    let Some(granted) = granted(tx, tenant_id, &invitation.roles).await? else {
        return Ok(Standing::Void("role_gone"));
    };
    // An operator is asked for nothing, then as now.
    let Some(inviter) = invitation.invited_by else {
        return Ok(Standing::Sound(granted));
    };
    let inviter = tx.users().find(tenant_id, inviter).await?;
    let Some(inviter) = inviter.filter(User::is_active) else {
        return Ok(Standing::Void("inviter_inactive"));
    };
    let authority = tx
        .roles()
        .authority(tenant_id, inviter.id, invitation.organization_id)
        .await?;
    let held = held_in(&authority);
    if !permits(tenant_id, &held, WRITE) {
        return Ok(Standing::Void("inviter_lacks_permission"));
    }
    if !reaches(tenant_id, &held, &granted.permissions) {
        return Ok(Standing::Void("inviter_lacks_reach"));
    }
    Ok(Standing::Sound(granted))
}

/// What somebody may do where an organisation is active: in the whole tenant, and by the membership, which never reaches beyond the
/// tenant.
pub(crate) fn held_in(authority: &Authority) -> Vec<String> {
    let by_membership = authority
        .organization
        .iter()
        .flat_map(|organization| &organization.permissions)
        .filter(|permission| permission.split(':').next() != Some("tenants"));
    let mut held: Vec<String> = authority.permissions.clone();
    held.extend(by_membership.cloned());
    held
}

/// Whether a tenant takes this normalised address.
pub(super) fn takes_domain(settings: &TenantSettings, address: &str) -> bool {
    settings.email_domains.as_ref().is_none_or(|domains| {
        address
            .rsplit_once('@')
            .is_some_and(|(_, domain)| domains.contains(domain))
    })
}
