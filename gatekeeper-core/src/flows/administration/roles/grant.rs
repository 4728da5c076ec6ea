use super::RoleGraph;
use crate::{
    AccountError, Error, RequestContext,
    flows::{
        Record, Unit,
        administration::{Acting, Administration},
    },
    model::{Event, RoleName, UserId},
    store::Constraint,
};

impl Administration<'_> {
    /// Grants a role. Access tokens that say otherwise are out of date from this moment on. Granting it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`], [`AccountError::RoleNotFound`]; on behalf of somebody
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden) without `roles:assign`, and
    /// [`AccessError::InsufficientRank`](crate::AccessError::InsufficientRank) where the role permits, or the user may, what they may not; a failure of
    /// the store.
    pub async fn grant_role(
        &self,
        cx: &RequestContext,
        user: UserId,
        role: &str,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, _) = self.act_on(&mut unit, "roles:assign", user).await?;
        let name = RoleName::parse(role).ok_or(AccountError::RoleNotFound)?;
        give_role(&mut unit, &acting, user, &name).await?;
        unit.commit().await
    }

    /// Takes a role away. Access tokens that say otherwise are out of date from this moment on. Taking it again changes nothing.
    ///
    /// # Errors
    ///
    /// As [`grant_role`](Self::grant_role); and on behalf of somebody [`RoleError::LastAdministrator`](crate::RoleError::LastAdministrator) where
    /// nobody active would be left who has the role `admin` granted directly.
    pub async fn revoke_role(
        &self,
        cx: &RequestContext,
        user: UserId,
        role: &str,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, _) = if role == RoleName::ADMIN {
            self.act_on_losing(&mut unit, "roles:assign", user).await?
        } else {
            self.act_on(&mut unit, "roles:assign", user).await?
        };
        let name = RoleName::parse(role).ok_or(AccountError::RoleNotFound)?;
        require_reach(&mut unit, &acting, &name).await?;
        if unit.tx().roles().revoke(cx.tenant_id, user, &name).await? {
            let record = Record::success(Event::RoleRevoked).by_administrator(&acting);
            unit.record(record.target(user).detail("role", name.as_str()))
                .await?;
            unit.authority_changed(user).await?;
        }
        unit.commit().await
    }
}

/// Gives a role to a user whose row is held, and answers whether that changed anything. Whoever gives it must hold all that it permits.
///
/// # Errors
///
/// [`AccountError::RoleNotFound`]; [`AccessError::InsufficientRank`](crate::AccessError::InsufficientRank).
pub(crate) async fn give_role(
    unit: &mut Unit<'_>,
    acting: &Acting,
    user: UserId,
    role: &RoleName,
) -> Result<bool, Error> {
    require_reach(unit, acting, role).await?;
    let (tenant, now) = (unit.tenant(), unit.now());
    let granted = match unit.tx().roles().grant(tenant, user, role, now).await {
        // The user is held: it is the role that went meanwhile.
        Err(error) if error.is_conflict(Constraint::Reference) => {
            return Err(AccountError::RoleNotFound.into());
        }
        granted => granted?,
    };
    if granted {
        let record = Record::success(Event::RoleGranted).by_administrator(acting);
        unit.record(record.target(user).detail("role", role.as_str()))
            .await?;
        unit.authority_changed(user).await?;
    }
    Ok(granted)
}

async fn require_reach(unit: &mut Unit<'_>, acting: &Acting, role: &RoleName) -> Result<(), Error> {
    let tenant = unit.tenant();
    let graph = RoleGraph::new(unit.tx().roles().list(tenant).await?);
    if graph.find(role).is_none() {
        return Err(AccountError::RoleNotFound.into());
    }
    acting.require_reach(&graph.permissions([role]))
}
