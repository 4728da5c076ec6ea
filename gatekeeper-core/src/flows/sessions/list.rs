use super::Sessions;
use crate::{
    Error, Identity, RequestContext,
    model::{Page, PageRequest, Session},
};

impl Sessions<'_> {
    /// One's own live sessions, newest first.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn list(
        &self,
        cx: &RequestContext,
        who: &Identity,
        page: PageRequest,
    ) -> Result<Page<Session>, Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        let mut tx = inner.repository.begin().await?;
        Ok(tx
            .sessions()
            .list_for_user(cx.tenant_id, who.user_id, now, page)
            .await?)
    }
}
