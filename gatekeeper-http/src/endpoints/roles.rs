//! /v1/admin/roles, /v1/admin/permissions, /v1/admin/users/{id}/roles/{role}

use std::collections::{BTreeMap, BTreeSet};

use gatekeeper_core::{
    AccountError, Administration, EffectiveRole, Error, RoleDefinition,
    model::{Permission, Timestamp, UserId},
};
use http::StatusCode;
use serde::Serialize;

use crate::{
    api::{Api, Call},
    body::Fields,
    problem::Problem,
    query::List,
    respond::{self, Reply},
    routes::Caller,
};

#[derive(Serialize)]
struct RoleBody {
    name: String,
    description: String,
    system: bool,
    permissions: Vec<String>,
    inherits: Vec<String>,
    effective_permissions: Vec<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<EffectiveRole> for RoleBody {
    fn from(of: EffectiveRole) -> Self {
        Self {
            name: of.role.name.to_string(),
            description: of.role.description,
            system: of.role.system,
            permissions: of.role.permissions,
            inherits: of.role.inherits.iter().map(ToString::to_string).collect(),
            effective_permissions: of.permissions,
            created_at: of.role.created_at,
            updated_at: of.role.updated_at,
        }
    }
}

#[derive(Serialize)]
struct PermissionBody {
    name: String,
    system: bool,
}

#[derive(Serialize)]
struct PermissionsBody {
    items: Vec<PermissionBody>,
    next_cursor: Option<String>,
}

fn administration(call: &Call) -> Result<Administration<'_>, Problem> {
    let administration = call.gatekeeper().administration();
    Ok(administration.on_behalf_of(call.who()?))
}

fn definition(fields: &mut Fields) -> RoleDefinition {
    RoleDefinition {
        description: fields.optional_text("description").unwrap_or_default(),
        permissions: fields.required_texts("permissions"),
        inherits: fields.texts("inherits").unwrap_or_default(),
    }
}

pub(crate) async fn list(call: Call) -> Result<Reply, Problem> {
    let who = call.who()?;
    let list = List::new(
        call.gatekeeper(),
        format!("roles {} {}", who.tenant_id, who.user_id),
    );
    let page = administration(&call)?
        .list_roles(&call.context, list.page(call.query.as_deref())?)
        .await?;
    respond::json(StatusCode::OK, &list.body(page, RoleBody::from))
}

pub(crate) async fn create(call: Call) -> Result<Reply, Problem> {
    let (name, definition) = call.read(|fields| (fields.text("name"), definition(fields)))?;
    let made = administration(&call)?
        .create_role(&call.context, &name, &definition)
        .await?;
    respond::json(StatusCode::CREATED, &RoleBody::from(made))
}

pub(crate) async fn show(call: Call) -> Result<Reply, Problem> {
    let found = administration(&call)?
        .find_role(&call.context, call.capture())
        .await?;
    respond::json(StatusCode::OK, &RoleBody::from(found))
}

pub(crate) async fn replace(call: Call) -> Result<Reply, Problem> {
    let definition = call.read(definition)?;
    let changed = administration(&call)?
        .update_role(&call.context, call.capture(), &definition)
        .await?;
    respond::json(StatusCode::OK, &RoleBody::from(changed))
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    administration(&call)?
        .delete_role(&call.context, call.capture())
        .await?;
    Ok(respond::no_content())
}

/// What can be granted: what the routes here ask for, and what roles of the tenant hold. All at once: there are never many.
pub(crate) async fn permissions(call: Call) -> Result<Reply, Problem> {
    let held = administration(&call)?
        .list_permissions(&call.context)
        .await?;
    let tenant = call.who()?.tenant_id;
    let counts = |name: &str| {
        let permission = Permission::parse(name);
        permission.is_some_and(|permission| permission.counts_in(tenant))
    };
    let mut names: BTreeMap<String, bool> = held.into_iter().map(|name| (name, false)).collect();
    for name in asked_for().into_iter().filter(|name| counts(name)) {
        names.insert(name.to_owned(), true);
    }
    let items = names.into_iter();
    let body = PermissionsBody {
        items: items
            .map(|(name, system)| PermissionBody { name, system })
            .collect(),
        next_cursor: None,
    };
    respond::json(StatusCode::OK, &body)
}

/// The permissions that routes ask for.
fn asked_for() -> BTreeSet<&'static str> {
    Api::routes()
        .filter_map(|route| match route.caller {
            Caller::Permission(permission) | Caller::OrganizationPermission(permission) => {
                Some(permission)
            }
            Caller::Service | Caller::Public | Caller::TokenHolder | Caller::User => None,
        })
        .collect()
}

pub(crate) async fn grant(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    administration(&call)?
        .grant_role(&call.context, user(&call)?, call.second_capture())
        .await?;
    Ok(respond::no_content())
}

pub(crate) async fn revoke(call: Call) -> Result<Reply, Problem> {
    call.read_nothing()?;
    administration(&call)?
        .revoke_role(&call.context, user(&call)?, call.second_capture())
        .await?;
    Ok(respond::no_content())
}

/// What is no id names no account.
fn user(call: &Call) -> Result<UserId, Error> {
    let parsed = call.capture().parse();
    parsed.map_err(|_| AccountError::NotFound.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a route asks for can be granted.
    #[test]
    fn every_permission_of_the_table_is_one() {
        for name in asked_for() {
            let sound = Permission::parse(name).is_some() && !name.ends_with('*');
            assert!(sound, "{name}");
        }
    }
}
