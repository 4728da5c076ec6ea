use super::{Administration, TenantSettingsChanges, rules};
use crate::{
    AccessError, Error, RequestContext, Violations,
    flows::{Record, Unit},
    model::{Event, TenantSettings},
};

impl Administration<'_> {
    /// What differs in the tenant from the application's settings. Permission `settings:read`.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`]; a failure of the store.
    pub async fn tenant_settings(&self, cx: &RequestContext) -> Result<TenantSettings, Error> {
        let allowed = self
            .1
            .is_none_or(|who| who.tenant_id == cx.tenant_id && who.has_permission("settings:read"));
        if !allowed {
            return Err(AccessError::Forbidden.into());
        }
        let inner = self.0.inner();
        let found = inner.repository.find_tenant_by_id(cx.tenant_id).await?;
        Ok(found.map(|tenant| tenant.settings).unwrap_or_default())
    }

    /// Sets what differs in the tenant, as a whole. This process holds to it at once, others within ten seconds. Permission
    /// `settings:write`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for each setting that makes no sense, makes the tenant weaker than the application, or leaves nobody a way
    /// in; [`AccessError::Forbidden`]; [`Error::Internal`] where there is no such tenant; a failure of the store.
    pub async fn set_tenant_settings(
        &self,
        cx: &RequestContext,
        settings: TenantSettings,
    ) -> Result<(), Error> {
        self.change_settings(cx, |_| settings).await.map(drop)
    }

    /// Changes some of what differs in the tenant, and answers all of it. As [`set_tenant_settings`](Self::set_tenant_settings)
    /// otherwise.
    ///
    /// # Errors
    ///
    /// As [`set_tenant_settings`](Self::set_tenant_settings).
    pub async fn update_tenant_settings(
        &self,
        cx: &RequestContext,
        changes: TenantSettingsChanges,
    ) -> Result<TenantSettings, Error> {
        self.change_settings(cx, |settings| changes.apply(settings))
            .await
    }

    async fn change_settings(
        &self,
        cx: &RequestContext,
        change: impl FnOnce(TenantSettings) -> TenantSettings + Send,
    ) -> Result<TenantSettings, Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut unit = Unit::begin(inner, cx, now).await?;
        // Held, so that of two changes at once neither undoes the other.
        let held = unit.tx().tenants().find_for_update(cx.tenant_id).await?;
        let acting = self.act(&mut unit, "settings:write").await?;
        let Some(mut tenant) = held else {
            return Err(Error::internal("the tenant of the call does not exist"));
        };
        tenant.settings = change(tenant.settings);
        tenant.updated_at = now;
        let mut violations = Violations::none();
        rules::check_settings(inner, &mut violations, "", &tenant.settings);
        violations.check()?;
        unit.tx().tenants().update(&tenant).await?;
        let record = Record::success(Event::TenantUpdated).by_administrator(&acting);
        unit.record(record).await?;
        unit.tenant_changed(&tenant);
        unit.commit().await?;
        Ok(tenant.settings)
    }
}
