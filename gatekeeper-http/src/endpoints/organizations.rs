//! /v1/admin/organizations, /v1/auth/organizations, /v1/auth/organization, /v1/organization/members

use gatekeeper_core::{
    AccountError, Error, NewOrganization, OrganizationChanges, OrganizationError,
    OrganizationMember,
    model::{Membership, Organization, OrganizationId, RoleName, Timestamp, UserId},
};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    api::Call,
    deliver::{self, Delivery},
    problem::Problem,
    query::List,
    respond::{self, Reply},
};

#[derive(Serialize)]
struct OrganizationBody {
    id: String,
    slug: String,
    name: String,
    metadata: Map<String, Value>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Organization> for OrganizationBody {
    fn from(organization: Organization) -> Self {
        Self {
            id: organization.id.to_string(),
            slug: organization.slug.as_str().to_owned(),
            name: organization.name,
            metadata: organization.metadata,
            created_at: organization.created_at,
            updated_at: organization.updated_at,
        }
    }
}

/// An organisation as its members see it: without what the application keeps with it.
#[derive(Serialize)]
struct OwnBody {
    id: String,
    slug: String,
    name: String,
    roles: Vec<String>,
    active: bool,
    joined_at: Timestamp,
}

#[derive(Serialize)]
struct MemberBody {
    user_id: String,
    email: String,
    name: Option<String>,
    roles: Vec<String>,
    joined_at: Timestamp,
}

impl From<OrganizationMember> for MemberBody {
    fn from(member: OrganizationMember) -> Self {
        Self {
            user_id: member.membership.user_id.to_string(),
            email: member.email.as_str().to_owned(),
            name: member.name,
            roles: names(&member.membership.roles),
            joined_at: member.membership.created_at,
        }
    }
}

#[derive(Serialize)]
struct MembershipBody {
    organization_id: String,
    user_id: String,
    roles: Vec<String>,
    joined_at: Timestamp,
}

impl From<Membership> for MembershipBody {
    fn from(membership: Membership) -> Self {
        Self {
            organization_id: membership.organization_id.to_string(),
            user_id: membership.user_id.to_string(),
            roles: names(&membership.roles),
            joined_at: membership.created_at,
        }
    }
}

fn names(roles: &[RoleName]) -> Vec<String> {
    roles.iter().map(|role| role.as_str().to_owned()).collect()
}

pub(crate) async fn list(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let list = List::new(
        call.gatekeeper(),
        format!("organizations {} {}", who.tenant_id, who.user_id),
    );
    let page = list.page(call.query.as_deref())?;
    let page = call
        .gatekeeper()
        .administration()
        .on_behalf_of(who)
        .organizations(&call.context, page)
        .await?;
    respond::json(StatusCode::OK, &list.body(page, OrganizationBody::from))
}

pub(crate) async fn create(call: Call) -> Result<Reply, Problem> {
    let input = call.read(|fields| NewOrganization {
        slug: fields.text("slug"),
        name: fields.text("name"),
        metadata: fields.optional_object("metadata").unwrap_or_default(),
    })?;
    let made = call
        .gatekeeper()
        .administration()
        .on_behalf_of(call.who()?)
        .create_organization(&call.context, input)
        .await?;
    respond::json(StatusCode::CREATED, &OrganizationBody::from(made))
}

pub(crate) async fn show(call: Call) -> Result<Reply, Problem> {
    let found = call
        .gatekeeper()
        .administration()
        .on_behalf_of(call.who()?)
        .organization(&call.context, organization(call.capture())?)
        .await?;
    respond::json(StatusCode::OK, &OrganizationBody::from(found))
}

pub(crate) async fn update(call: Call) -> Result<Reply, Problem> {
    let changes = call.read(|fields| OrganizationChanges {
        slug: fields.optional_text("slug"),
        name: fields.optional_text("name"),
        metadata: fields.optional_object("metadata"),
    })?;
    let updated = call
        .gatekeeper()
        .administration()
        .on_behalf_of(call.who()?)
        .update_organization(&call.context, organization(call.capture())?, changes)
        .await?;
    respond::json(StatusCode::OK, &OrganizationBody::from(updated))
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    call.gatekeeper()
        .administration()
        .on_behalf_of(call.who()?)
        .delete_organization(&call.context, organization(call.capture())?)
        .await?;
    Ok(respond::no_content())
}

pub(crate) async fn members(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let id = organization(call.capture())?;
    let list = List::new(
        call.gatekeeper(),
        format!("members {} {id} {}", who.tenant_id, who.user_id),
    );
    let page = list.page(call.query.as_deref())?;
    let page = call
        .gatekeeper()
        .administration()
        .on_behalf_of(who)
        .organization_members(&call.context, id, page)
        .await?;
    respond::json(StatusCode::OK, &list.body(page, MemberBody::from))
}

pub(crate) async fn put_member(call: Call) -> Result<Reply, Problem> {
    let roles = call.read(|fields| fields.required_texts("roles"))?;
    let id = organization(call.capture())?;
    let user: UserId = call
        .second_capture()
        .parse()
        .map_err(|_| Error::from(AccountError::NotFound))?;
    let membership = call
        .gatekeeper()
        .administration()
        .on_behalf_of(call.who()?)
        .put_organization_member(&call.context, id, user, &roles)
        .await?;
    respond::json(StatusCode::OK, &MembershipBody::from(membership))
}

pub(crate) async fn remove_member(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    let id = organization(call.capture())?;
    let user = member(call.second_capture())?;
    call.gatekeeper()
        .administration()
        .on_behalf_of(call.who()?)
        .remove_organization_member(&call.context, id, user)
        .await?;
    Ok(respond::no_content())
}

pub(crate) async fn list_own(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let list = List::new(
        call.gatekeeper(),
        format!("own organizations {} {}", who.tenant_id, who.user_id),
    );
    let page = list.page(call.query.as_deref())?;
    let page = call
        .gatekeeper()
        .organizations()
        .list(&call.context, who, page)
        .await?;
    let active = who.organization.as_ref().map(|active| active.id);
    let body = list.body(page, |(organization, membership)| OwnBody {
        active: active == Some(organization.id),
        id: organization.id.to_string(),
        slug: organization.slug.as_str().to_owned(),
        name: organization.name,
        roles: names(&membership.roles),
        joined_at: membership.created_at,
    });
    respond::json(StatusCode::OK, &body)
}

pub(crate) async fn leave(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    call.gatekeeper()
        .organizations()
        .leave(&call.context, call.who()?, organization(call.capture())?)
        .await?;
    Ok(respond::no_content())
}

/// The new tokens go where the old ones were, unless it is asked otherwise.
pub(crate) async fn switch(call: Call) -> Result<Reply, Problem> {
    let (wanted, delivery) = call.read(|fields| {
        let wanted = fields.changed_text("organization_id");
        if wanted.is_none() {
            let detail = "is required: an id, or null for none";
            fields.refuse("organization_id", "field.missing", detail);
        }
        (wanted.flatten(), Delivery::read(fields))
    })?;
    let wanted = wanted.as_deref().map(organization).transpose()?;
    let delivery = Delivery::or_as_before(delivery, &call)?;
    let signed_in = call
        .gatekeeper()
        .organizations()
        .switch(&call.context, call.who()?, wanted)
        .await?;
    deliver::signed_in(&call, StatusCode::OK, &signed_in, delivery)
}

pub(crate) async fn members_of_active(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let active = who.organization.as_ref().map(|active| active.id);
    let active = active.map_or_else(String::new, |id| id.to_string());
    let list = List::new(
        call.gatekeeper(),
        format!("fellow members {} {active} {}", who.tenant_id, who.user_id),
    );
    let page = list.page(call.query.as_deref())?;
    let page = call
        .gatekeeper()
        .organizations()
        .members(&call.context, who, page)
        .await?;
    respond::json(StatusCode::OK, &list.body(page, MemberBody::from))
}

pub(crate) async fn put_member_of_active(call: Call) -> Result<Reply, Problem> {
    let roles = call.read(|fields| fields.required_texts("roles"))?;
    let membership = call
        .gatekeeper()
        .organizations()
        .put_member(&call.context, call.who()?, member(call.capture())?, &roles)
        .await?;
    respond::json(StatusCode::OK, &MembershipBody::from(membership))
}

pub(crate) async fn remove_member_of_active(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    call.gatekeeper()
        .organizations()
        .remove_member(&call.context, call.who()?, member(call.capture())?)
        .await?;
    Ok(respond::no_content())
}

/// What is no id names no organisation.
fn organization(text: &str) -> Result<OrganizationId, Error> {
    text.parse().map_err(|_| OrganizationError::NotFound.into())
}

/// What is no id names no member.
fn member(text: &str) -> Result<UserId, Error> {
    text.parse()
        .map_err(|_| OrganizationError::MemberNotFound.into())
}
