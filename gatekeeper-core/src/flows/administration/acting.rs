//! Who administers, and how far they reach.

use super::Administration;
use crate::{
    AccessError, AccountError, Error, Identity, RequestContext, RoleError,
    flows::Unit,
    identity::{permits, reaches},
    model::{Authority, RoleName, TenantId, User, UserId},
};

/// Whoever administers, held in a unit, with what they may do at this moment.
#[derive(Debug)]
pub(crate) struct Acting {
    tenant: TenantId,
    /// `None`: an operator of the process, who is asked for nothing.
    by: Option<Administrator>,
}

#[derive(Debug)]
struct Administrator {
    user: User,
    authority: Authority,
    /// What the API key allows with which they do it.
    scopes: Option<Vec<String>>,
}

impl Acting {
    /// An operator of the process, in this tenant.
    pub(crate) const fn operator(tenant: TenantId) -> Self {
        Self { tenant, by: None }
    }

    /// Who it is; `None` for an operator of the process.
    pub(crate) fn user_id(&self) -> Option<UserId> {
        self.by.as_ref().map(|by| by.user.id)
    }

    /// Refuses whoever has not this permission.
    pub(crate) fn require(&self, permission: &str) -> Result<(), Error> {
        let holds = self.by.as_ref().is_none_or(|by| {
            permits(self.tenant, &by.authority.permissions, permission)
                && by
                    .scopes
                    .as_ref()
                    .is_none_or(|scopes| permits(self.tenant, scopes, permission))
        });
        if holds {
            Ok(())
        } else {
            Err(AccessError::Forbidden.into())
        }
    }

    /// Refuses whoever would give, or touch, permissions that they have not themselves (CVE-2026-94000).
    pub(crate) fn require_reach(&self, permissions: &[String]) -> Result<(), Error> {
        let reached = self.by.as_ref().is_none_or(|by| {
            reaches(self.tenant, &by.authority.permissions, permissions)
                && by
                    .scopes
                    .as_ref()
                    .is_none_or(|scopes| reaches(self.tenant, scopes, permissions))
        });
        if reached {
            Ok(())
        } else {
            Err(AccessError::InsufficientRank.into())
        }
    }

    /// Refuses whoever would touch a user who may do more than they (CVE-2026-55077). Oneself, one may always touch.
    pub(crate) async fn require_rank_over(
        &self,
        unit: &mut Unit<'_>,
        user: UserId,
    ) -> Result<(), Error> {
        if self.user_id().is_none_or(|by| by == user) {
            return Ok(());
        }
        let authority = unit.tx().roles().authority(self.tenant, user, None).await?;
        self.require_reach(&authority.permissions)
    }

    /// Refuses whoever does not stand above a user: who may do all that the user may, of whom the user may not do as much, and who is
    /// trusted with something that the user is not.
    pub(crate) async fn require_above(
        &self,
        unit: &mut Unit<'_>,
        user: UserId,
        trusted_with: &str,
    ) -> Result<(), Error> {
        let Some(by) = &self.by else {
            return Ok(());
        };
        let theirs = unit.tx().roles().authority(self.tenant, user, None).await?;
        self.require_reach(&theirs.permissions)?;
        if permits(self.tenant, &theirs.permissions, trusted_with)
            || reaches(self.tenant, &theirs.permissions, &by.authority.permissions)
        {
            return Err(AccessError::InsufficientRank.into());
        }
        Ok(())
    }
}

impl<'a> Administration<'a> {
    /// The same, in the name of somebody signed in: every operation then asks for the permission that it names, again and within its
    /// transaction, and for a reach that goes at least as far as what it gives or touches.
    #[must_use]
    pub fn on_behalf_of(self, who: &'a Identity) -> Self {
        Self(self.0, Some(who))
    }

    /// Holds whoever administers, and refuses who is not signed in any more or has not the permission at this moment.
    pub(crate) async fn act(&self, unit: &mut Unit<'_>, permission: &str) -> Result<Acting, Error> {
        let (acting, _) = self.hold(unit, permission, None).await?;
        Ok(acting)
    }

    /// The same, and holds the user whom it is about, in an order in which nobody waits for each other; refuses who may do less than
    /// that user.
    pub(crate) async fn act_on(
        &self,
        unit: &mut Unit<'_>,
        permission: &str,
        user: UserId,
    ) -> Result<(Acting, User), Error> {
        let (acting, held) = self.hold(unit, permission, Some(user)).await?;
        let held = held.ok_or(AccountError::NotFound)?;
        acting.require_rank_over(unit, user).await?;
        Ok((acting, held))
    }

    /// As [`act_on`](Self::act_on), for what may take the role `admin` out of use: revoke it, or disable or delete who has it. Refuses where
    /// nobody would be left who has it. An operator of the process is not held to that: it is who grants the first one.
    pub(crate) async fn act_on_losing(
        &self,
        unit: &mut Unit<'_>,
        permission: &str,
        user: UserId,
    ) -> Result<(Acting, User), Error> {
        hold_administrators(unit, user).await?;
        let (acting, held) = self.act_on(unit, permission, user).await?;
        if acting.user_id().is_some() {
            keep_an_administrator(unit, user).await?;
        }
        Ok((acting, held))
    }

    /// Refuses to read for somebody who has not this permission. For reads alone: what the access token says is enough for them.
    pub(crate) fn may_read(&self, cx: &RequestContext, permission: &str) -> Result<(), Error> {
        let may = self
            .1
            .is_none_or(|who| who.tenant_id == cx.tenant_id && who.has_permission(permission));
        if may {
            Ok(())
        } else {
            Err(AccessError::Forbidden.into())
        }
    }

    async fn hold(
        &self,
        unit: &mut Unit<'_>,
        permission: &str,
        target: Option<UserId>,
    ) -> Result<(Acting, Option<User>), Error> {
        let tenant = unit.tenant();
        let by = self.1.map(|who| who.user_id);
        let mut ids: Vec<UserId> = by.into_iter().chain(target).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut held = Vec::with_capacity(ids.len());
        for id in ids {
            held.extend(unit.tx().users().find_for_update(tenant, id).await?);
        }
        let find = |id| held.iter().find(|user: &&User| user.id == id).cloned();
        let by = match self.1 {
            None => None,
            Some(who) => Some(administrator(unit, who, find(who.user_id)).await?),
        };
        let acting = Acting { tenant, by };
        acting.require(permission)?;
        Ok((acting, target.and_then(find)))
    }
}

/// Holds what [`keep_an_administrator`] rests on, where it concerns this user: before any user is held, as everybody does who holds both a
/// tenant and its users.
pub(crate) async fn hold_administrators(unit: &mut Unit<'_>, losing: UserId) -> Result<(), Error> {
    if is_administrator(unit, losing).await? {
        let tenant = unit.tenant();
        unit.tx().tenants().find_for_update(tenant).await?;
    }
    Ok(())
}

/// Refuses where this user is the last active one who has the role `admin`, granted directly: what comes through a group, or by a role
/// that inherits it, does not count, since it can go without anybody looking.
///
/// It holds the tenant's row where the user has the role, so that of two who take it from each other one is refused.
pub(crate) async fn keep_an_administrator(
    unit: &mut Unit<'_>,
    losing: UserId,
) -> Result<(), Error> {
    let tenant = unit.tenant();
    let user = unit.tx().users().find(tenant, losing).await?;
    let active = user.as_ref().is_some_and(User::is_active);
    if !active || !is_administrator(unit, losing).await? {
        return Ok(());
    }
    unit.tx().tenants().find_for_update(tenant).await?;
    let admin = RoleName::admin();
    let left = unit
        .tx()
        .roles()
        .has_other_holder(tenant, &admin, losing)
        .await?;
    if left {
        Ok(())
    } else {
        Err(RoleError::LastAdministrator.into())
    }
}

async fn is_administrator(unit: &mut Unit<'_>, user: UserId) -> Result<bool, Error> {
    let tenant = unit.tenant();
    let granted = unit.tx().roles().granted(tenant, user).await?;
    Ok(granted.contains(&RoleName::admin()))
}

async fn administrator(
    unit: &mut Unit<'_>,
    who: &Identity,
    user: Option<User>,
) -> Result<Administrator, Error> {
    // Administration is done in one's own name: what an administrator may do as somebody else, they may do as themselves.
    if who.actor.is_some() {
        return Err(AccessError::Impersonating.into());
    }
    let (tenant, now) = (unit.tenant(), unit.now());
    let user = user.filter(|user| who.tenant_id == tenant && user.is_active());
    let user = user.ok_or(AccessError::Invalid)?;
    let scopes = if let Some(key) = who.api_key {
        let key = unit.tx().api_keys().find_for_update(tenant, key).await?;
        let key = key.filter(|key| key.user_id == user.id && key.is_live(now));
        Some(key.ok_or(AccessError::Invalid)?.permissions)
    } else {
        let session = unit
            .tx()
            .sessions()
            .find_for_update(tenant, who.session_id)
            .await?;
        let live = session.is_some_and(|s| s.user_id == user.id && s.is_live(now));
        if !live {
            return Err(AccessError::Invalid.into());
        }
        None
    };
    let authority = unit.tx().roles().authority(tenant, user.id, None).await?;
    Ok(Administrator {
        user,
        authority,
        scopes,
    })
}
