//! Groups: users who have the same roles.
//!
//! A group has roles, and who belongs to it has them too, beside their own. Names are unique in the tenant; ids never change.
//!
//! What somebody would try, and what meets it:
//!
//! - To give oneself a role by way of a group: who gives a group a role, takes one from it, or makes or ends a membership, needs `roles:assign`
//!   beside `groups:write`, must hold all that the roles permit, and all that the user may whom it is about.
//! - To hide the last administrator in a group: the role `admin` counts there for what it permits, but the rule that one administrator must stay
//!   looks at roles granted directly alone.
//! - To read or change another tenant's groups, or to put another tenant's user into one: there is no such group, and no such user.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Acting, Administration, roles};
use crate::{
    AccountError, Error, RequestContext, RoleError, Violations,
    flows::{Record, Unit, validate},
    model::{Event, Group, GroupId, Page, PageRequest, RoleName, Timestamp, UserId},
    store::Constraint,
};

/// The most roles of a group.
const MAX_ROLES: usize = 50;

/// A group to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewGroup {
    /// The name, unique in the tenant: 1 to 100 characters.
    pub name: String,
    /// What it is for: at most 500 characters.
    pub description: String,
    /// The names of the roles that its members have; at most 50.
    pub roles: Vec<String>,
}

/// Changes to a group. `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupChanges {
    /// The name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The roles, in place of those before.
    pub roles: Option<Vec<String>>,
}

/// That a user belongs to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Who.
    pub user_id: UserId,
    /// Since when.
    pub since: Timestamp,
}

impl Administration<'_> {
    /// The groups of the tenant, newest first.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden) without `groups:read`; a failure of the store.
    pub async fn list_groups(
        &self,
        cx: &RequestContext,
        page: PageRequest,
    ) -> Result<Page<Group>, Error> {
        self.may_read(cx, "groups:read")?;
        let mut tx = self.0.inner().repository.begin().await?;
        Ok(tx.groups().list(cx.tenant_id, page).await?)
    }

    /// A group by its id.
    ///
    /// # Errors
    ///
    /// [`RoleError::GroupNotFound`]; [`AccessError::Forbidden`](crate::AccessError::Forbidden) without `groups:read`; a failure of the store.
    pub async fn find_group(&self, cx: &RequestContext, group: GroupId) -> Result<Group, Error> {
        self.may_read(cx, "groups:read")?;
        let mut tx = self.0.inner().repository.begin().await?;
        let found = tx.groups().find(cx.tenant_id, group).await?;
        found.ok_or(RoleError::GroupNotFound.into())
    }

    /// Who belongs to a group, newest first.
    ///
    /// # Errors
    ///
    /// As [`find_group`](Self::find_group).
    pub async fn list_group_members(
        &self,
        cx: &RequestContext,
        group: GroupId,
        page: PageRequest,
    ) -> Result<Page<GroupMember>, Error> {
        self.may_read(cx, "groups:read")?;
        let mut tx = self.0.inner().repository.begin().await?;
        let found = tx.groups().find(cx.tenant_id, group).await?;
        found.ok_or(RoleError::GroupNotFound)?;
        let members = tx.groups().members(cx.tenant_id, group, page).await?;
        Ok(members.map(|cursor| GroupMember {
            user_id: UserId::from_uuid(cursor.id),
            since: cursor.at,
        }))
    }

    /// Makes a group.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/name`, `/description`, `/roles`; [`RoleError::NameTaken`]; on behalf of somebody
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden) without `groups:write`, or without `roles:assign` where it is to have roles, and
    /// [`AccessError::InsufficientRank`](crate::AccessError::InsufficientRank) where those permit what they may not; a failure of the store.
    pub async fn create_group(&self, cx: &RequestContext, new: NewGroup) -> Result<Group, Error> {
        let mut violations = Violations::none();
        validate::title(&mut violations, "/name", &new.name);
        validate::description(&mut violations, "/description", &new.description);
        let roles = check_roles(violations, &new.roles)?;

        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let acting = self.act(&mut unit, "groups:write").await?;
        require_assignable(&mut unit, &acting, &roles).await?;
        let group = Group {
            id: GroupId::new(now, self.0.random()),
            tenant_id: cx.tenant_id,
            name: new.name,
            description: new.description,
            roles,
            created_at: now,
            updated_at: now,
        };
        let inserted = unit.tx().groups().insert(&group).await;
        inserted.map_err(refused)?;
        let record = Record::success(Event::GroupCreated).by_administrator(&acting);
        let record = about(record, &group).detail("after", summary(&group));
        unit.record(record).await?;
        unit.commit().await?;
        Ok(group)
    }

    /// Changes a group. Its members may from this moment on what its roles then permit.
    ///
    /// # Errors
    ///
    /// As [`create_group`](Self::create_group); [`RoleError::GroupNotFound`]; where the roles change, the reach is asked over those before and
    /// those after.
    pub async fn update_group(
        &self,
        cx: &RequestContext,
        group: GroupId,
        changes: GroupChanges,
    ) -> Result<Group, Error> {
        let mut violations = Violations::none();
        if let Some(name) = &changes.name {
            validate::title(&mut violations, "/name", name);
        }
        if let Some(description) = &changes.description {
            validate::description(&mut violations, "/description", description);
        }
        let roles = check_roles(violations, changes.roles.as_deref().unwrap_or_default())?;

        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let acting = self.act(&mut unit, "groups:write").await?;
        let before = hold(&mut unit, group).await?;
        let mut after = before.clone();
        if let Some(name) = changes.name {
            after.name = name;
        }
        if let Some(description) = changes.description {
            after.description = description;
        }
        if changes.roles.is_some() {
            after.roles = roles;
        }
        if after == before {
            return Ok(after);
        }
        let other_roles = after.roles != before.roles;
        if other_roles {
            require_assignable(&mut unit, &acting, &before.roles).await?;
            require_assignable(&mut unit, &acting, &after.roles).await?;
        }
        after.updated_at = unit.now();
        let updated = unit.tx().groups().update(&after).await;
        updated.map_err(refused)?;
        let record = Record::success(Event::GroupUpdated).by_administrator(&acting);
        let record = about(record, &after)
            .detail("before", summary(&before))
            .detail("after", summary(&after));
        unit.record(record).await?;
        if other_roles {
            unit.tenant_authority_changed().await?;
        }
        unit.commit().await?;
        Ok(after)
    }

    /// Deletes a group. Its members stay, without what it gave them.
    ///
    /// # Errors
    ///
    /// [`RoleError::GroupNotFound`]; on behalf of somebody [`AccessError::Forbidden`](crate::AccessError::Forbidden) without `groups:write`, or
    /// without `roles:assign` where it has roles, and [`AccessError::InsufficientRank`](crate::AccessError::InsufficientRank) where those permit what
    /// they may not; a failure of the store.
    pub async fn delete_group(&self, cx: &RequestContext, group: GroupId) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let acting = self.act(&mut unit, "groups:write").await?;
        let before = hold(&mut unit, group).await?;
        require_assignable(&mut unit, &acting, &before.roles).await?;
        unit.tx().groups().delete(cx.tenant_id, group).await?;
        let record = Record::success(Event::GroupDeleted).by_administrator(&acting);
        let record = about(record, &before).detail("before", summary(&before));
        unit.record(record).await?;
        if !before.roles.is_empty() {
            unit.tenant_authority_changed().await?;
        }
        unit.commit().await
    }

    /// Makes a user a member of a group. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`RoleError::GroupNotFound`], [`AccountError::NotFound`]; on behalf of somebody [`AccessError::Forbidden`](crate::AccessError::Forbidden)
    /// without `groups:write` and `roles:assign`, and [`AccessError::InsufficientRank`](crate::AccessError::InsufficientRank) where the group's roles
    /// permit, or the user may, what they may not; a failure of the store.
    pub async fn add_group_member(
        &self,
        cx: &RequestContext,
        group: GroupId,
        user: UserId,
    ) -> Result<(), Error> {
        self.change_member(cx, group, user, Event::GroupMemberAdded)
            .await
    }

    /// Takes a user out of a group. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// As [`add_group_member`](Self::add_group_member).
    pub async fn remove_group_member(
        &self,
        cx: &RequestContext,
        group: GroupId,
        user: UserId,
    ) -> Result<(), Error> {
        self.change_member(cx, group, user, Event::GroupMemberRemoved)
            .await
    }

    async fn change_member(
        &self,
        cx: &RequestContext,
        group: GroupId,
        user: UserId,
        event: Event,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        let (acting, user) = self.act_on(&mut unit, "groups:write", user).await?;
        acting.require("roles:assign")?;
        // Held, so that it has no other roles when this is done than those that are looked at here.
        let group = hold(&mut unit, group).await?;
        require_assignable(&mut unit, &acting, &group.roles).await?;
        let groups = unit.tx().groups();
        let changed = if event == Event::GroupMemberAdded {
            groups
                .add_member(cx.tenant_id, group.id, user.id, now)
                .await?
        } else {
            groups
                .remove_member(cx.tenant_id, group.id, user.id)
                .await?
        };
        if changed {
            let record = Record::success(event).by_administrator(&acting);
            let record = about(record, &group).detail("roles", names(&group.roles));
            unit.record(record.target(user.id)).await?;
            if !group.roles.is_empty() {
                unit.authority_changed(user.id).await?;
            }
        }
        unit.commit().await
    }
}

async fn hold(unit: &mut Unit<'_>, group: GroupId) -> Result<Group, Error> {
    let tenant = unit.tenant();
    let found = unit.tx().groups().find_for_update(tenant, group).await?;
    found.ok_or(RoleError::GroupNotFound.into())
}

/// Refuses whoever may not give, or take, these roles. There are none that nobody may give.
async fn require_assignable(
    unit: &mut Unit<'_>,
    acting: &Acting,
    roles: &[RoleName],
) -> Result<(), Error> {
    if roles.is_empty() {
        return Ok(());
    }
    acting.require("roles:assign")?;
    let permissions = match roles::permissions_of_roles(unit, roles).await {
        Err(Error::Account(AccountError::RoleNotFound)) => return Err(no_such_role()),
        permissions => permissions?,
    };
    acting.require_reach(&permissions)
}

/// Roles as they came, sorted and without doubles.
fn check_roles(mut violations: Violations, roles: &[String]) -> Result<Vec<RoleName>, Error> {
    if roles.len() > MAX_ROLES {
        let detail = format!("must be at most {MAX_ROLES}");
        violations.push("/roles", "role.too_many", detail);
    }
    let mut names = BTreeSet::new();
    for (at, text) in roles.iter().take(MAX_ROLES).enumerate() {
        match RoleName::parse(text) {
            Some(name) => {
                names.insert(name);
            }
            None => violations.push(
                format!("/roles/{at}"),
                "role.not_found",
                "there is no such role",
            ),
        }
    }
    violations.check()?;
    Ok(names.into_iter().collect())
}

fn no_such_role() -> Error {
    Violations::one("/roles", "role.not_found", "there is no such role").into()
}

/// What a store refused to write. A role may have gone since it was looked at.
fn refused(error: crate::store::StoreError) -> Error {
    if error.is_conflict(Constraint::GroupName) {
        RoleError::NameTaken.into()
    } else if error.is_conflict(Constraint::Reference) {
        no_such_role()
    } else {
        error.into()
    }
}

fn about(record: Record, group: &Group) -> Record {
    record
        .detail("group", group.id.to_string())
        .detail("name", group.name.as_str())
}

fn names(roles: &[RoleName]) -> Vec<&str> {
    roles.iter().map(RoleName::as_str).collect()
}

/// What the audit trail says of a group.
fn summary(group: &Group) -> Value {
    json!({
        "name": group.name,
        "description": group.description,
        "roles": names(&group.roles),
    })
}
