//! /v1/admin/invitations, /v1/organization/invitations, /v1/auth/invitations

use std::time::Duration;

use gatekeeper_core::{
    AcceptInvitation, Error, InvitationDetails, InvitationError, NewInvitation,
    model::{Invitation, InvitationId, OrganizationId, RoleName, Timestamp},
    store::InvitationFilter,
};
use http::StatusCode;
use serde::Serialize;

use crate::{
    api::Call,
    body::Fields,
    deliver::{self, Delivery},
    device,
    problem::Problem,
    query::List,
    respond::{self, Reply},
};

/// `Invitation` as those see it who may invite. Without anything by which it could be accepted.
#[derive(Serialize)]
struct InvitationBody {
    id: String,
    email: String,
    roles: Vec<String>,
    organization_id: Option<String>,
    status: &'static str,
    invited_by: Option<String>,
    created_at: Timestamp,
    sent_at: Timestamp,
    expires_at: Timestamp,
    accepted_at: Option<Timestamp>,
    accepted_by: Option<String>,
    revoked_at: Option<Timestamp>,
}

impl InvitationBody {
    fn of(invitation: &Invitation, now: Timestamp) -> Self {
        Self {
            id: invitation.id.to_string(),
            email: invitation.email.as_str().to_owned(),
            roles: names(&invitation.roles),
            organization_id: invitation.organization_id.map(|id| id.to_string()),
            status: invitation.state(now).as_str(),
            invited_by: invitation.invited_by.map(|id| id.to_string()),
            created_at: invitation.created_at,
            sent_at: invitation.sent_at,
            expires_at: invitation.expires_at,
            accepted_at: invitation.accepted_at,
            accepted_by: invitation.accepted_by.map(|id| id.to_string()),
            revoked_at: invitation.revoked_at,
        }
    }
}

#[derive(Serialize)]
struct OrganizationBody {
    id: String,
    name: String,
}

/// What an invitation says to whoever holds its link.
#[derive(Serialize)]
struct DetailsBody {
    email: String,
    tenant: String,
    tenant_name: String,
    roles: Vec<String>,
    organization: Option<OrganizationBody>,
    invited_by: Option<String>,
    expires_at: Timestamp,
    has_account: bool,
}

impl From<InvitationDetails> for DetailsBody {
    fn from(details: InvitationDetails) -> Self {
        Self {
            email: details.email.as_str().to_owned(),
            tenant: details.tenant.as_str().to_owned(),
            tenant_name: details.tenant_name,
            roles: names(&details.roles),
            organization: details.organization.map(|(id, name)| OrganizationBody {
                id: id.to_string(),
                name,
            }),
            invited_by: details.invited_by,
            expires_at: details.expires_at,
            has_account: details.has_account,
        }
    }
}

#[derive(Serialize)]
struct JoinedBody {
    status: &'static str,
    roles: Vec<String>,
    organization_id: Option<String>,
}

fn names(roles: &[RoleName]) -> Vec<String> {
    roles.iter().map(|role| role.as_str().to_owned()).collect()
}

pub(crate) async fn list(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let gatekeeper = call.gatekeeper();
    let list = List::new(
        gatekeeper,
        format!("invitations {} {}", who.tenant_id, who.user_id),
    );
    let page = list.page(call.query.as_deref())?;
    let filter = InvitationFilter::default();
    let page = gatekeeper
        .administration()
        .on_behalf_of(who)
        .invitations(&call.context, &filter, page)
        .await?;
    let now = gatekeeper.clock().now();
    let body = list.body(page, |found| InvitationBody::of(&found, now));
    respond::json(StatusCode::OK, &body)
}

pub(crate) async fn create(call: Call) -> Result<Reply, Problem> {
    let input = call.read(|fields| {
        let organization = fields.optional_text("organization_id");
        let organization = organization.map(|text| {
            let id: Option<OrganizationId> = text.parse().ok();
            if id.is_none() {
                fields.refuse("organization_id", "field.value", "must be an id");
            }
            id
        });
        NewInvitation {
            organization: organization.flatten(),
            ..read_new(fields)
        }
    })?;
    let made = call
        .gatekeeper()
        .administration()
        .on_behalf_of(call.who()?)
        .invite(&call.context, input)
        .await?;
    shown(&call, StatusCode::CREATED, &made)
}

pub(crate) async fn revoke(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    call.gatekeeper()
        .administration()
        .on_behalf_of(call.who()?)
        .revoke_invitation(&call.context, id(&call)?)
        .await?;
    Ok(respond::no_content())
}

pub(crate) async fn resend(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    let renewed = call
        .gatekeeper()
        .administration()
        .on_behalf_of(call.who()?)
        .resend_invitation(&call.context, id(&call)?)
        .await?;
    shown(&call, StatusCode::OK, &renewed)
}

pub(crate) async fn list_of_organization(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let gatekeeper = call.gatekeeper();
    let organization = who.organization.as_ref().map(|active| active.id);
    let organization = organization.map_or_else(String::new, |id| id.to_string());
    let list = List::new(
        gatekeeper,
        format!(
            "organization invitations {} {organization} {}",
            who.tenant_id, who.user_id
        ),
    );
    let page = list.page(call.query.as_deref())?;
    let page = gatekeeper
        .organizations()
        .invitations(&call.context, who, page)
        .await?;
    let now = gatekeeper.clock().now();
    let body = list.body(page, |found| InvitationBody::of(&found, now));
    respond::json(StatusCode::OK, &body)
}

pub(crate) async fn create_in_organization(call: Call) -> Result<Reply, Problem> {
    let input = call.read(read_new)?;
    let made = call
        .gatekeeper()
        .organizations()
        .invite(&call.context, call.who()?, input)
        .await?;
    shown(&call, StatusCode::CREATED, &made)
}

pub(crate) async fn revoke_in_organization(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    call.gatekeeper()
        .organizations()
        .revoke_invitation(&call.context, call.who()?, id(&call)?)
        .await?;
    Ok(respond::no_content())
}

pub(crate) async fn resend_in_organization(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    let renewed = call
        .gatekeeper()
        .organizations()
        .resend_invitation(&call.context, call.who()?, id(&call)?)
        .await?;
    shown(&call, StatusCode::OK, &renewed)
}

pub(crate) async fn inspect(call: Call) -> Result<Reply, Problem> {
    let token = call.read(Fields::token)?;
    let details = call
        .gatekeeper()
        .invitations()
        .inspect(&call.context, &token)
        .await?;
    respond::json(StatusCode::OK, &DetailsBody::from(details))
}

pub(crate) async fn accept(mut call: Call) -> Result<Reply, Problem> {
    let (input, delivery, device) = call.read(|fields| {
        let input = AcceptInvitation {
            token: fields.token(),
            password: fields.secret("password"),
            name: fields.optional_text("name"),
            locale: fields.optional_text("locale"),
        };
        let delivery = Delivery::read(fields);
        (input, delivery, fields.optional_secret("device_token"))
    })?;
    device::recognise(&mut call, device);
    let outcome = call
        .gatekeeper()
        .invitations()
        .accept(&call.context, input)
        .await?;
    let delivery = delivery.unwrap_or_default();
    deliver::sign_in(&call, StatusCode::OK, &outcome, delivery)
}

pub(crate) async fn join(call: Call) -> Result<Reply, Problem> {
    let token = call.read(Fields::token)?;
    let accepted = call
        .gatekeeper()
        .invitations()
        .join(&call.context, call.who()?, &token)
        .await?;
    let body = JoinedBody {
        status: "accepted",
        roles: names(&accepted.roles),
        organization_id: accepted.organization_id.map(|id| id.to_string()),
    };
    respond::json(StatusCode::OK, &body)
}

fn read_new(fields: &mut Fields) -> NewInvitation {
    NewInvitation {
        email: fields.text("email"),
        roles: fields.required_texts("roles"),
        organization: None,
        expires_in: fields.optional_whole("expires_in").map(Duration::from_secs),
    }
}

/// What is no id names no invitation.
fn id(call: &Call) -> Result<InvitationId, Error> {
    let id = call.capture().parse();
    id.map_err(|_| InvitationError::NotFound.into())
}

fn shown(call: &Call, status: StatusCode, invitation: &Invitation) -> Result<Reply, Problem> {
    let now = call.gatekeeper().clock().now();
    respond::json(status, &InvitationBody::of(invitation, now))
}
