use super::{Administration, accounts::grant};
use crate::{
    AccountError, Error, RequestContext,
    flows::{Record, Unit},
    model::{Event, RoleName, UserId},
};

impl Administration<'_> {
    /// Grants a role. It stands in access tokens from the next refresh or sign-in on. Granting it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`], [`AccountError::RoleNotFound`]; a failure of the store.
    pub async fn grant_role(
        &self,
        cx: &RequestContext,
        user: UserId,
        role: &str,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let (acting, held) = self.act_on(&mut unit, "roles:assign", user).await?;
        grant(&mut unit, &acting, held.id, role).await?;
        unit.commit().await
    }

    /// Takes a role away. It stands in access tokens until they expire. Taking it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`], [`AccountError::RoleNotFound`]; a failure of the store.
    pub async fn revoke_role(
        &self,
        cx: &RequestContext,
        user: UserId,
        role: &str,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let name = RoleName::parse(role).ok_or(AccountError::RoleNotFound)?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        unit.tx()
            .users()
            .find_for_update(cx.tenant_id, user)
            .await?
            .ok_or(AccountError::NotFound)?;
        if unit.tx().roles().revoke(cx.tenant_id, user, &name).await? {
            unit.record(
                Record::success(Event::RoleRevoked)
                    .target(user)
                    .detail("role", name.as_str()),
            )
            .await?;
        }
        unit.commit().await
    }
}
