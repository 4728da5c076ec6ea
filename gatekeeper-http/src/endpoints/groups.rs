//! /v1/admin/groups

use gatekeeper_core::{
    AccountError, Administration, Error, GroupChanges, GroupMember, NewGroup, RoleError,
    model::{Group, GroupId, Timestamp, UserId},
};
use http::StatusCode;
use serde::Serialize;

use crate::{
    api::Call,
    problem::Problem,
    query::List,
    respond::{self, Reply},
};

#[derive(Serialize)]
struct GroupBody {
    id: String,
    name: String,
    description: String,
    roles: Vec<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Group> for GroupBody {
    fn from(group: Group) -> Self {
        Self {
            id: group.id.to_string(),
            name: group.name,
            description: group.description,
            roles: group.roles.iter().map(ToString::to_string).collect(),
            created_at: group.created_at,
            updated_at: group.updated_at,
        }
    }
}

/// Ids alone: what a user is called is for `users:read`.
#[derive(Serialize)]
struct GroupMemberBody {
    user_id: String,
    since: Timestamp,
}

impl From<GroupMember> for GroupMemberBody {
    fn from(member: GroupMember) -> Self {
        Self {
            user_id: member.user_id.to_string(),
            since: member.since,
        }
    }
}

fn administration(call: &Call) -> Result<Administration<'_>, Problem> {
    let administration = call.gatekeeper().administration();
    Ok(administration.on_behalf_of(call.who()?))
}

/// What is no id names no group.
fn group(call: &Call) -> Result<GroupId, Error> {
    let parsed = call.capture().parse();
    parsed.map_err(|_| RoleError::GroupNotFound.into())
}

/// What is no id names no account.
fn member(call: &Call) -> Result<UserId, Error> {
    let parsed = call.second_capture().parse();
    parsed.map_err(|_| AccountError::NotFound.into())
}

pub(crate) async fn list(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let list = List::new(
        call.gatekeeper(),
        format!("groups {} {}", who.tenant_id, who.user_id),
    );
    let page = administration(&call)?
        .list_groups(&call.context, list.page(call.query.as_deref())?)
        .await?;
    respond::json(StatusCode::OK, &list.body(page, GroupBody::from))
}

pub(crate) async fn create(call: Call) -> Result<Reply, Problem> {
    let new = call.read(|fields| NewGroup {
        name: fields.text("name"),
        description: fields.optional_text("description").unwrap_or_default(),
        roles: fields.texts("roles").unwrap_or_default(),
    })?;
    let made = administration(&call)?
        .create_group(&call.context, new)
        .await?;
    respond::json(StatusCode::CREATED, &GroupBody::from(made))
}

pub(crate) async fn show(call: Call) -> Result<Reply, Problem> {
    let found = administration(&call)?
        .find_group(&call.context, group(&call)?)
        .await?;
    respond::json(StatusCode::OK, &GroupBody::from(found))
}

pub(crate) async fn update(call: Call) -> Result<Reply, Problem> {
    let changes = call.read(|fields| GroupChanges {
        name: fields.optional_text("name"),
        description: fields.optional_text("description"),
        roles: fields.texts("roles"),
    })?;
    let group_now = administration(&call)?
        .update_group(&call.context, group(&call)?, changes)
        .await?;
    respond::json(StatusCode::OK, &GroupBody::from(group_now))
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    administration(&call)?
        .delete_group(&call.context, group(&call)?)
        .await?;
    Ok(respond::no_content())
}

pub(crate) async fn members(call: Call) -> Result<Reply, Problem> {
    let group = group(&call)?;
    let who = call.who()?;
    let list = List::new(
        call.gatekeeper(),
        format!("group {group} {} {}", who.tenant_id, who.user_id),
    );
    let page = administration(&call)?
        .list_group_members(&call.context, group, list.page(call.query.as_deref())?)
        .await?;
    respond::json(StatusCode::OK, &list.body(page, GroupMemberBody::from))
}

pub(crate) async fn add_member(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    administration(&call)?
        .add_group_member(&call.context, group(&call)?, member(&call)?)
        .await?;
    Ok(respond::no_content())
}

pub(crate) async fn remove_member(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    administration(&call)?
        .remove_group_member(&call.context, group(&call)?, member(&call)?)
        .await?;
    Ok(respond::no_content())
}
