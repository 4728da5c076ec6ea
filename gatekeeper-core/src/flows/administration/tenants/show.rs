use super::{Administration, READ};
use crate::{
    Error, RequestContext,
    model::{Page, PageRequest, Tenant},
};

impl Administration<'_> {
    /// Tenants, newest first. Permission `tenants:read`, in the default tenant.
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure of the store.
    pub async fn list_tenants(
        &self,
        cx: &RequestContext,
        page: PageRequest,
    ) -> Result<Page<Tenant>, Error> {
        self.require_platform(cx, READ)?;
        let mut tx = self.0.inner().repository.begin().await?;
        Ok(tx.tenants().list(page).await?)
    }

    /// The tenant with this slug, suspended or not. Permission `tenants:read`, in the default tenant.
    ///
    /// # Errors
    ///
    /// [`TenantError::NotFound`](crate::TenantError::NotFound), [`AccessError::Forbidden`](crate::AccessError::Forbidden); a failure
    /// of the store.
    pub async fn find_tenant(&self, cx: &RequestContext, slug: &str) -> Result<Tenant, Error> {
        self.require_platform(cx, READ)?;
        self.0.inner().named_tenant(slug).await
    }
}
