//! What an export says, field by field: a field that is not named here is not in it.

use serde_json::{Map, Value, json};

use crate::{
    Error,
    flows::{
        Unit,
        mfa::{Destination, SMS, open},
    },
    model::{
        ApiKey, Device, Invitation, MAX_PAGE, MfaCredential, Page, PageRequest, RoleName, Session,
        User,
    },
    store::InvitationFilter,
};

/// How many invitations of the tenant, the newest, are looked at for those that the user made.
const LOOKED_AT: usize = 10_000;

/// Every page of a list.
macro_rules! all {
    ($unit:ident, $aggregate:ident . $list:ident ( $($argument:expr),* )) => {{
        let mut items = Vec::new();
        let mut page = PageRequest::first(MAX_PAGE);
        loop {
            let Page { items: found, next } =
                $unit.tx().$aggregate().$list($($argument,)* page).await?;
            items.extend(found);
            page.after = next;
            if page.after.is_none() {
                break items;
            }
        }
    }};
}

pub(super) async fn of(unit: &mut Unit<'_>, user: &User) -> Result<Map<String, Value>, Error> {
    let (tenant, now) = (unit.tenant(), unit.now());
    let password = unit
        .tx()
        .credentials()
        .find_password(tenant, user.id)
        .await?;
    let identities = unit
        .tx()
        .credentials()
        .list_identities(tenant, user.id)
        .await?;
    let granted = unit.tx().roles().granted(tenant, user.id).await?;
    let authority = unit.tx().roles().authority(tenant, user.id, None).await?;
    let authority = authority.complete();
    let groups = unit.tx().groups().list_for_user(tenant, user.id).await?;
    let organizations = all!(unit, organizations.list_for_user(tenant, user.id));
    let sessions = all!(unit, sessions.list_for_user(tenant, user.id, now));
    let devices = unit.tx().devices().list(tenant, user.id, now).await?;
    let factors = unit.tx().mfa().list(tenant, user.id).await?;
    let backup_codes = unit.tx().mfa().list_backup_codes(tenant, user.id).await?;
    let api_keys = all!(unit, api_keys.list_for_user(tenant, user.id));
    let (received, sent) = invitations(unit, user).await?;
    let factors = factors
        .iter()
        .map(|factor| of_factor(unit, factor))
        .collect::<Result<Vec<_>, _>>()?;
    let document = json!({
        "format": "gatekeeper/user-export/1",
        "exported_at": now,
        "user": of_user(user),
        "password": password.map(|password| json!({
            "changed_at": password.changed_at,
            "must_change_since": password.must_change_since,
        })),
        "roles": {
            "granted": names(&granted),
            "effective": authority.roles,
            "permissions": authority.permissions,
        },
        "groups": groups.iter().map(|group| json!({
            "id": group.id.to_string(),
            "name": group.name,
            "roles": names(&group.roles),
        })).collect::<Vec<_>>(),
        "organizations": organizations.iter().map(|(organization, membership)| json!({
            "id": organization.id.to_string(),
            "slug": organization.slug.as_str(),
            "name": organization.name,
            "roles": names(&membership.roles),
            "member_since": membership.created_at,
        })).collect::<Vec<_>>(),
        "sessions": sessions.iter().map(of_session).collect::<Vec<_>>(),
        "devices": devices.iter().map(of_device).collect::<Vec<_>>(),
        "identities": identities.iter().map(|identity| json!({
            "provider": identity.provider,
            "subject": identity.subject,
            "linked_at": identity.created_at,
        })).collect::<Vec<_>>(),
        "second_factors": factors,
        "backup_codes_left": backup_codes.len(),
        "api_keys": api_keys.iter().map(of_key).collect::<Vec<_>>(),
        "invitations": {
            "received": received.iter().map(of_invitation).collect::<Vec<_>>(),
            "sent": sent.iter().map(of_invitation).collect::<Vec<_>>(),
        },
        // None are asked for, none are kept.
        "consents": [],
    });
    match document {
        Value::Object(document) => Ok(document),
        _ => Err(Error::internal("an export is an object")),
    }
}

async fn invitations(
    unit: &mut Unit<'_>,
    user: &User,
) -> Result<(Vec<Invitation>, Vec<Invitation>), Error> {
    let tenant = unit.tenant();
    let to_user = InvitationFilter {
        email: Some(user.email.normalized().clone()),
        ..InvitationFilter::default()
    };
    // An address that nobody proved to be the user's tells nothing of the user.
    let received = if user.email_verified() {
        all!(unit, invitations.list(tenant, &to_user))
    } else {
        Vec::new()
    };
    let everybody = InvitationFilter::default();
    let mut sent = Vec::new();
    let (mut page, mut looked_at) = (PageRequest::first(MAX_PAGE), 0);
    while looked_at < LOOKED_AT {
        let found = unit
            .tx()
            .invitations()
            .list(tenant, &everybody, page)
            .await?;
        looked_at += found.items.len();
        sent.extend(
            found
                .items
                .into_iter()
                .filter(|invitation| invitation.invited_by == Some(user.id)),
        );
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    Ok((received, sent))
}

fn names(roles: &[RoleName]) -> Vec<&str> {
    roles.iter().map(RoleName::as_str).collect()
}

fn of_user(user: &User) -> Value {
    json!({
        "id": user.id.to_string(),
        "tenant_id": user.tenant_id.to_string(),
        "kind": user.kind.as_str(),
        "email": user.email.as_str(),
        "email_verified_at": user.email_verified_at,
        "name": user.name,
        "locale": user.locale,
        "avatar_url": user.avatar_url,
        "metadata": user.metadata,
        "disabled_at": user.disabled_at,
        "mfa_enabled_at": user.mfa_enabled_at,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "last_sign_in_at": user.last_sign_in_at,
    })
}

fn of_session(session: &Session) -> Value {
    // Where somebody acts as the user, that one's address and device are not the user's.
    let own = session.impersonation.is_none();
    json!({
        "id": session.id.to_string(),
        "created_at": session.created_at,
        "authenticated_at": session.authenticated_at,
        "methods": session.methods.iter().map(|method| method.as_str()).collect::<Vec<_>>(),
        "last_seen_at": session.last_seen_at,
        "expires_at": session.expires_at(),
        "ip": session.ip.filter(|_| own).map(|ip| ip.to_string()),
        "user_agent": session.user_agent.as_deref().filter(|_| own),
        "device_id": session.device_id.filter(|_| own).map(|id| id.to_string()),
        "organization_id": session.organization_id.map(|id| id.to_string()),
        "impersonation": session.impersonation.as_ref().map(|impersonation| json!({
            "by": impersonation.by.to_string(),
            "reason": impersonation.reason,
        })),
    })
}

fn of_device(device: &Device) -> Value {
    json!({
        "id": device.id.to_string(),
        "user_agent": device.user_agent,
        "created_at": device.created_at,
        "last_seen_at": device.last_seen_at,
        "expires_at": device.expires_at,
        "trusted_until": device.trusted_until,
    })
}

/// With the telephone number that the user gave, which is no secret of ours to keep from them; without a seed.
fn of_factor(unit: &Unit<'_>, factor: &MfaCredential) -> Result<Value, Error> {
    let inner = unit.inner();
    // Anything but a telephone number stays sealed.
    let method = inner.mfa_methods.find(&factor.method);
    let telephone = match method.filter(|method| method.name() == SMS) {
        None => None,
        Some(method) => match method.destination(Some(&open(inner, factor)?))? {
            Some(Destination::Telephone(number)) => Some(number),
            Some(Destination::Mailbox) | None => None,
        },
    };
    Ok(json!({
        "method": factor.method,
        "created_at": factor.created_at,
        "confirmed_at": factor.confirmed_at,
        "telephone": telephone,
    }))
}

fn of_key(key: &ApiKey) -> Value {
    json!({
        "id": key.id.to_string(),
        "name": key.name,
        "prefix": key.prefix,
        "permissions": key.permissions,
        "networks": key.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "created_by": key.created_by.map(|id| id.to_string()),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
        "replaced_by": key.replaced_by.map(|id| id.to_string()),
    })
}

fn of_invitation(invitation: &Invitation) -> Value {
    json!({
        "id": invitation.id.to_string(),
        "email": invitation.email.as_str(),
        "roles": names(&invitation.roles),
        "organization_id": invitation.organization_id.map(|id| id.to_string()),
        "invited_by": invitation.invited_by.map(|id| id.to_string()),
        "created_at": invitation.created_at,
        "sent_at": invitation.sent_at,
        "expires_at": invitation.expires_at,
        "accepted_at": invitation.accepted_at,
        "revoked_at": invitation.revoked_at,
    })
}
