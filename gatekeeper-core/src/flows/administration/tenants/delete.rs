use super::{Administration, WRITE, about, on_their_side};
use crate::{
    Error, RequestContext, TenantError, Violations,
    flows::{Record, Unit},
    model::{Event, RevocationTarget, TenantId},
};

impl Administration<'_> {
    /// Removes a tenant with all that is its own: users, sessions, keys, roles, mails, the audit trail. Its access tokens are dead at
    /// once. `confirmation` is the slug once more. Permission `tenants:write`, in the default tenant.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for `/slug` where the confirmation names another; [`TenantError::NotFound`]; [`TenantError::Default`];
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    pub async fn delete_tenant(
        &self,
        cx: &RequestContext,
        slug: &str,
        confirmation: &str,
    ) -> Result<(), Error> {
        self.require_platform(cx, WRITE)?;
        let inner = self.0.inner();
        let found = inner.named_tenant(slug).await?;
        if confirmation != found.slug.as_str() {
            let detail = "must be the slug of the tenant that is to be removed";
            return Err(Violations::one("/slug", "field.value", detail).into());
        }
        if found.id == TenantId::DEFAULT {
            return Err(TenantError::Default.into());
        }
        let now = inner.clock.now();
        let theirs = on_their_side(cx, found.id);
        let mut unit = Unit::begin(inner, cx, now).await?;
        let held = unit.tx().tenants().find_for_update(found.id).await?;
        let acting = self.act(&mut unit, WRITE).await?;
        let tenant = held.ok_or(TenantError::NotFound)?;
        // Before the rows: a revocation is of a tenant that there is. It stays behind for every node to hear.
        let before = unit.go_on_as(&theirs);
        unit.revoke(RevocationTarget::Tenant(now)).await?;
        unit.go_on_as(before);
        if !unit.tx().tenants().delete(tenant.id).await? {
            return Err(TenantError::NotFound.into());
        }
        let record = Record::success(Event::TenantDeleted).by_administrator(&acting);
        unit.record(about(record, &tenant)).await?;
        unit.tenant_changed(&tenant);
        unit.commit().await?;
        Ok(())
    }
}
