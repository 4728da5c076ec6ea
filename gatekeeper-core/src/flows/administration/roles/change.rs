use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{EffectiveRole, RoleDefinition, RoleGraph};
use crate::{
    AccountError, Error, RequestContext, RoleError, Violations,
    flows::{
        Record, Unit,
        administration::{Acting, Administration},
        validate,
    },
    model::{Event, Permission, Role, RoleName, TenantId},
    store::Constraint,
};

/// The most roles of a tenant.
const MAX_ROLES: usize = 500;
/// The most permissions of a role by itself.
const MAX_PERMISSIONS: usize = 200;
/// The most permissions that the roles of a tenant hold, each counted once.
const MAX_PERMISSIONS_OF_TENANT: usize = 2_000;
/// The most roles that a role inherits by itself.
const MAX_INHERITS: usize = 20;
/// The most roles that a role stands for.
const MAX_CLOSURE: usize = 100;

/// A definition whose fields are sound, each list sorted and without doubles.
struct Checked {
    description: String,
    permissions: Vec<String>,
    inherits: Vec<RoleName>,
}

impl Administration<'_> {
    /// Makes a role.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/name`, `/description`, `/permissions/...`, `/inherits/...`, and for `/inherits` and `/permissions` where there
    /// would be too many; [`RoleError::NameTaken`], also for the names that come with every tenant; [`RoleError::Cycle`]; on behalf of somebody
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden) without `roles:write`, and
    /// [`AccessError::InsufficientRank`](crate::AccessError::InsufficientRank) where it would permit what they may not; a failure of the store.
    pub async fn create_role(
        &self,
        cx: &RequestContext,
        name: &str,
        definition: &RoleDefinition,
    ) -> Result<EffectiveRole, Error> {
        let mut violations = Violations::none();
        let parsed = RoleName::parse(name);
        if parsed.is_none() {
            let detail = "must be 1 to 64 of a-z, 0-9, _ and -, beginning with a letter";
            violations.push("/name", "role.name", detail);
        }
        let checked = check(violations, cx.tenant_id, definition)?;
        let name = parsed.ok_or_else(|| Error::internal("a checked name is there"))?;

        let (mut unit, acting, before) = self.hold_roles(cx).await?;
        if is_reserved(&name) || before.find(&name).is_some() {
            return Err(RoleError::NameTaken.into());
        }
        if before.len() >= MAX_ROLES {
            let detail = format!("a tenant has at most {MAX_ROLES} roles");
            return Err(Violations::one("", "role.too_many", detail).into());
        }
        let now = unit.now();
        let role = Role {
            tenant_id: cx.tenant_id,
            name,
            description: checked.description,
            system: false,
            permissions: checked.permissions,
            inherits: checked.inherits,
            created_at: now,
            updated_at: now,
        };
        let after = before.with(role.clone());
        require(&acting, &role, &before, &after)?;
        match unit.tx().roles().insert(&role).await {
            Err(error) if error.is_conflict(Constraint::RoleName) => {
                return Err(RoleError::NameTaken.into());
            }
            inserted => inserted?,
        }
        keep_closures(&mut unit, &before, &after).await?;
        let record = Record::success(Event::RoleCreated).by_administrator(&acting);
        let record = record.detail("role", role.name.as_str());
        unit.record(record.detail("after", summary(&role))).await?;
        // Nobody has it yet: no token is out of date.
        unit.commit().await?;
        Ok(EffectiveRole::of(&role, &after))
    }

    /// Makes a role what the definition says, as a whole. Whoever has it, by whatever way, may from this moment on what it then permits.
    ///
    /// # Errors
    ///
    /// As [`create_role`](Self::create_role); [`AccountError::RoleNotFound`], [`RoleError::System`]; the reach is asked over what it permits
    /// before and after.
    pub async fn update_role(
        &self,
        cx: &RequestContext,
        name: &str,
        definition: &RoleDefinition,
    ) -> Result<EffectiveRole, Error> {
        let checked = check(Violations::none(), cx.tenant_id, definition)?;
        let (mut unit, acting, before) = self.hold_roles(cx).await?;
        let old = changeable(&before, name)?;
        let mut role = Role {
            description: checked.description,
            permissions: checked.permissions,
            inherits: checked.inherits,
            ..old.clone()
        };
        let after = before.with(role.clone());
        require(&acting, &role, &before, &after)?;
        if role == *old {
            return Ok(EffectiveRole::of(&role, &after));
        }
        role.updated_at = unit.now();
        unit.tx().roles().update(&role).await?;
        keep_closures(&mut unit, &before, &after).await?;
        let record = Record::success(Event::RoleUpdated).by_administrator(&acting);
        let record = record
            .detail("role", role.name.as_str())
            .detail("before", summary(old))
            .detail("after", summary(&role));
        unit.record(record).await?;
        if role.permissions != old.permissions || role.inherits != old.inherits {
            unit.tenant_authority_changed().await?;
        }
        unit.commit().await?;
        Ok(EffectiveRole::of(&role, &after))
    }

    /// Deletes a role: whoever had it, by whatever way, has it no more.
    ///
    /// # Errors
    ///
    /// [`AccountError::RoleNotFound`], [`RoleError::System`]; on behalf of somebody
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden) without `roles:write`, and
    /// [`AccessError::InsufficientRank`](crate::AccessError::InsufficientRank) where it permits what they may not; a failure of the store.
    pub async fn delete_role(&self, cx: &RequestContext, name: &str) -> Result<(), Error> {
        let (mut unit, acting, before) = self.hold_roles(cx).await?;
        let old = changeable(&before, name)?;
        acting.require_reach(&before.permissions([&old.name]))?;
        let after = before.without(&old.name);
        unit.tx().roles().delete(cx.tenant_id, &old.name).await?;
        keep_closures(&mut unit, &before, &after).await?;
        let record = Record::success(Event::RoleDeleted).by_administrator(&acting);
        let record = record.detail("role", old.name.as_str());
        unit.record(record.detail("before", summary(old))).await?;
        unit.tenant_authority_changed().await?;
        unit.commit().await
    }

    /// Begins a unit that holds the tenant's roles: nobody else changes them until it ends.
    async fn hold_roles<'u>(
        &self,
        cx: &'u RequestContext,
    ) -> Result<(Unit<'u>, Acting, RoleGraph), Error>
    where
        Self: 'u,
    {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let tenant = unit.tx().tenants().find_for_update(cx.tenant_id).await?;
        if tenant.is_none() {
            return Err(Error::internal("the tenant of the call does not exist"));
        }
        let acting = self.act(&mut unit, "roles:write").await?;
        let graph = RoleGraph::new(unit.tx().roles().list(cx.tenant_id).await?);
        Ok((unit, acting, graph))
    }
}

/// The names that come with a tenant, or that everybody has.
fn is_reserved(name: &RoleName) -> bool {
    [RoleName::ADMIN, RoleName::PLATFORM_ADMIN, RoleName::USER].contains(&name.as_str())
}

fn changeable<'g>(graph: &'g RoleGraph, name: &str) -> Result<&'g Role, Error> {
    let name = RoleName::parse(name).ok_or(AccountError::RoleNotFound)?;
    let role = graph.find(&name).ok_or(AccountError::RoleNotFound)?;
    if role.system {
        Err(RoleError::System.into())
    } else {
        Ok(role)
    }
}

fn check(
    mut violations: Violations,
    tenant: TenantId,
    definition: &RoleDefinition,
) -> Result<Checked, Error> {
    validate::description(&mut violations, "/description", &definition.description);
    if definition.permissions.len() > MAX_PERMISSIONS {
        let detail = format!("must be at most {MAX_PERMISSIONS}");
        violations.push("/permissions", "permission.too_many", detail);
    }
    let mut permissions = BTreeSet::new();
    for (at, text) in definition
        .permissions
        .iter()
        .take(MAX_PERMISSIONS)
        .enumerate()
    {
        match Permission::parse(text) {
            Some(permission) if permission.counts_in(tenant) => {
                permissions.insert(String::from(permission));
            }
            Some(_) => violations.push(
                format!("/permissions/{at}"),
                "permission.platform",
                "permissions over tenants are for the default tenant alone",
            ),
            None => violations.push(
                format!("/permissions/{at}"),
                "permission.malformed",
                "must be like reports:read, reports:* or *",
            ),
        }
    }
    if definition.inherits.len() > MAX_INHERITS {
        let detail = format!("must be at most {MAX_INHERITS}");
        violations.push("/inherits", "role.too_many", detail);
    }
    let mut inherits = BTreeSet::new();
    for (at, text) in definition.inherits.iter().take(MAX_INHERITS).enumerate() {
        match RoleName::parse(text) {
            Some(name) => {
                inherits.insert(name);
            }
            None => violations.push(
                format!("/inherits/{at}"),
                "role.not_found",
                "there is no such role",
            ),
        }
    }
    violations.check()?;
    Ok(Checked {
        description: definition.description.clone(),
        permissions: permissions.into_iter().collect(),
        inherits: inherits.into_iter().collect(),
    })
}

/// Refuses what must not be stored, and what whoever acts may not bring about.
fn require(
    acting: &Acting,
    role: &Role,
    before: &RoleGraph,
    after: &RoleGraph,
) -> Result<(), Error> {
    let mut violations = Violations::none();
    if role.inherits.iter().any(|name| after.find(name).is_none()) {
        violations.push("/inherits", "role.not_found", "there is no such role");
    }
    if after.all_permissions().len() > MAX_PERMISSIONS_OF_TENANT {
        let detail =
            format!("the roles of a tenant have at most {MAX_PERMISSIONS_OF_TENANT} permissions");
        violations.push("/permissions", "permission.too_many", detail);
    }
    violations.check()?;
    if after.is_in_a_circle(&role.name) {
        return Err(RoleError::Cycle.into());
    }
    let too_deep = after
        .closures_since(before)
        .any(|(_, closure)| closure.len() > MAX_CLOSURE);
    if too_deep {
        let detail = format!("a role stands for at most {MAX_CLOSURE} roles");
        return Err(Violations::one("/inherits", "role.too_many", detail).into());
    }
    // Both: whoever takes from a role what they have not themselves touches those who have it.
    acting.require_reach(&before.permissions([&role.name]))?;
    acting.require_reach(&after.permissions([&role.name]))
}

/// Writes what every role stands for of which that is another now.
async fn keep_closures(
    unit: &mut Unit<'_>,
    before: &RoleGraph,
    after: &RoleGraph,
) -> Result<(), Error> {
    let tenant = unit.tenant();
    for (name, closure) in after.closures_since(before) {
        unit.tx()
            .roles()
            .set_closure(tenant, name, &closure)
            .await?;
    }
    Ok(())
}

/// What the audit trail says of a role.
fn summary(role: &Role) -> Value {
    let inherits: Vec<&str> = role.inherits.iter().map(RoleName::as_str).collect();
    json!({
        "description": role.description,
        "permissions": role.permissions,
        "inherits": inherits,
    })
}
