//! Roles: what they permit, what they inherit, and who has them.
//!
//! A role has permissions of its own and those of the roles that it inherits. What it stands for (itself and all that it inherits,
//! however far) is computed here when a role changes, by whoever holds the tenant's row, and kept beside it: whoever signs in reads it
//! and follows nothing.
//!
//! ```text
//!            create, update                    grant
//!   (none) ────────────────► role ─────────────────────────► a user, a group, a membership, an invitation, a key's owner has it
//!                              │ delete: from all of them, and from what others inherit
//!                              ▼
//!                            (none)
//! ```
//!
//! What somebody would try, and what meets it:
//!
//! - To become more than one is: by granting oneself a role, by adding a permission to a role one has, by inheriting one, by editing a
//!   role that superiors have. Whoever changes or grants a role must hold all that it permits, before and after
//!   (CVE-2026-94000), and all that the user may who is granted it (CVE-2026-55077). A role that permits nothing can be granted by everybody with
//!   `roles:assign`: where an application asks for names of roles, it should give them a permission.
//! - To make a circle, so that a role stands for all: refused, with the tenant's row held, so that no two halves of one meet.
//! - To leave a tenant without administrator: the last active one who has `admin` keeps it.
//! - To read or change another tenant's roles: every statement names the tenant, and there is no such role.
//! - To go on with what was taken away: every change tells all nodes that tokens issued before are out of date.

mod change;
pub(crate) mod grant;
mod graph;

use aws_lc_rs::digest;
use uuid::Uuid;

use self::graph::RoleGraph;
use super::Administration;
use crate::{
    AccountError, Error, RequestContext,
    flows::Unit,
    model::{Cursor, Page, PageRequest, Role, RoleName},
};

/// What a role is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleDefinition {
    /// What it is for: at most 500 characters.
    pub description: String,
    /// Its own permissions, each as [`Permission`](crate::model::Permission) says; at most 200.
    pub permissions: Vec<String>,
    /// The names of roles that it inherits; at most 20.
    pub inherits: Vec<String>,
}

/// A role with what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveRole {
    /// The role.
    pub role: Role,
    /// Its permissions and those of all that it inherits, sorted and without doubles.
    pub permissions: Vec<String>,
}

impl EffectiveRole {
    fn of(role: &Role, graph: &RoleGraph) -> Self {
        Self {
            role: role.clone(),
            permissions: graph.permissions([&role.name]),
        }
    }
}

impl Administration<'_> {
    /// The roles of the tenant, newest first.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden) without `roles:read`; a failure of the store.
    pub async fn list_roles(
        &self,
        cx: &RequestContext,
        page: PageRequest,
    ) -> Result<Page<EffectiveRole>, Error> {
        let graph = self.read_roles(cx).await?;
        let mut rows: Vec<(Cursor, &Role)> =
            graph.roles().map(|role| (place_of(role), role)).collect();
        rows.sort_unstable_by_key(|(place, _)| std::cmp::Reverse((place.at, place.id)));
        let after = |place: &Cursor| {
            page.after
                .is_none_or(|after| (place.at, place.id) < (after.at, after.id))
        };
        let rows = rows.into_iter().filter(|(place, _)| after(place));
        let rows = rows.take(page.limit as usize + 1).collect();
        let page = Page::from_rows(rows, page.limit, |(place, _)| *place);
        Ok(page.map(|(_, role)| EffectiveRole::of(role, &graph)))
    }

    /// A role by its name.
    ///
    /// # Errors
    ///
    /// [`AccountError::RoleNotFound`]; [`AccessError::Forbidden`](crate::AccessError::Forbidden) without `roles:read`; a failure of the store.
    pub async fn find_role(&self, cx: &RequestContext, name: &str) -> Result<EffectiveRole, Error> {
        let graph = self.read_roles(cx).await?;
        let name = RoleName::parse(name).ok_or(AccountError::RoleNotFound)?;
        let role = graph.find(&name).ok_or(AccountError::RoleNotFound)?;
        Ok(EffectiveRole::of(role, &graph))
    }

    /// Every permission that a role of the tenant holds by itself, sorted.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden) without `roles:read`; a failure of the store.
    pub async fn list_permissions(&self, cx: &RequestContext) -> Result<Vec<String>, Error> {
        let graph = self.read_roles(cx).await?;
        Ok(graph.all_permissions().into_iter().collect())
    }

    async fn read_roles(&self, cx: &RequestContext) -> Result<RoleGraph, Error> {
        self.may_read(cx, "roles:read")?;
        let mut tx = self.0.inner().repository.begin().await?;
        Ok(RoleGraph::new(tx.roles().list(cx.tenant_id).await?))
    }
}

/// All that these roles permit, sorted and without doubles: what whoever gives them has to reach.
///
/// # Errors
///
/// [`AccountError::RoleNotFound`] where the tenant has not all of them.
pub(crate) async fn permissions_of_roles(
    unit: &mut Unit<'_>,
    roles: &[RoleName],
) -> Result<Vec<String>, Error> {
    if roles.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = unit.tenant();
    let graph = RoleGraph::new(unit.tx().roles().list(tenant).await?);
    if roles.iter().any(|role| graph.find(role).is_none()) {
        return Err(AccountError::RoleNotFound.into());
    }
    Ok(graph.permissions(roles))
}

/// Where a role stands in the list. Roles have no ids; those made in one instant are told apart by their names.
fn place_of(role: &Role) -> Cursor {
    let digest = digest::digest(&digest::SHA256, role.name.as_str().as_bytes());
    let id = digest.as_ref().first_chunk().copied().unwrap_or_default();
    Cursor {
        at: role.created_at,
        id: Uuid::from_bytes(id),
    }
}
