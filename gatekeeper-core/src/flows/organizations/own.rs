use super::{Organizations, put::take_out};
use crate::{
    Error, Identity, OrganizationError, RequestContext,
    flows::Unit,
    model::{Membership, Organization, OrganizationId, Page, PageRequest},
};

impl Organizations<'_> {
    /// The organisations that whoever is signed in belongs to, with the membership, newest first.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn list(
        &self,
        cx: &RequestContext,
        who: &Identity,
        page: PageRequest,
    ) -> Result<Page<(Organization, Membership)>, Error> {
        let mut tx = self.0.inner().repository.begin().await?;
        let organizations = tx.organizations();
        let found = organizations.list_for_user(cx.tenant_id, who.user_id, page);
        Ok(found.await?)
    }

    /// Leaves an organisation. A session in which it is active goes on without one.
    ///
    /// # Errors
    ///
    /// [`OrganizationError::NotFound`] where one does not belong to it; [`AccessError::Impersonating`](crate::AccessError::Impersonating),
    /// [`AccessError::SessionRequired`](crate::AccessError::SessionRequired);
    /// [`AccessError::Invalid`](crate::AccessError::Invalid) where the session is over; a failure of the store.
    pub async fn leave(
        &self,
        cx: &RequestContext,
        who: &Identity,
        organization: OrganizationId,
    ) -> Result<(), Error> {
        who.require_oneself()?;
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let user = unit.require_live(who).await?.id;
        match take_out(&mut unit, Some(user), organization, user).await {
            Err(Error::Organization(OrganizationError::MemberNotFound)) => {
                return Err(OrganizationError::NotFound.into());
            }
            taken => taken?,
        }
        unit.commit().await
    }
}
