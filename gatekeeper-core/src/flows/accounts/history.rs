use super::Accounts;
use crate::{
    Error, Identity, RequestContext,
    model::{AuditEvent, Page, PageRequest},
    store::AuditFilter,
};

impl Accounts<'_> {
    /// What happened to one's own account, newest first.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn history(
        &self,
        cx: &RequestContext,
        who: &Identity,
        page: PageRequest,
    ) -> Result<Page<AuditEvent>, Error> {
        let filter = AuditFilter {
            target: Some(who.user_id),
            ..AuditFilter::default()
        };
        let mut tx = self.0.inner().repository.begin().await?;
        Ok(tx.audit().list(cx.tenant_id, &filter, page).await?)
    }
}
