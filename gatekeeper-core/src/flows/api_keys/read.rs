use super::ApiKeys;
use crate::{
    AccessError, ApiKeyError, Error, Identity, RequestContext,
    model::{ApiKey, ApiKeyId, Page, PageRequest},
};

impl ApiKeys<'_> {
    /// One's own keys, dead ones too, newest first.
    ///
    /// # Errors
    ///
    /// [`AccessError::SessionRequired`] with a key; a failure of the store.
    pub async fn list(
        &self,
        cx: &RequestContext,
        who: &Identity,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, Error> {
        require_session(who)?;
        let mut tx = self.0.inner().repository.begin().await?;
        Ok(tx
            .api_keys()
            .list_for_user(cx.tenant_id, who.user_id, page)
            .await?)
    }

    /// One of one's own keys.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError::NotFound`]; [`AccessError::SessionRequired`] with a key; a failure of the store.
    pub async fn find(
        &self,
        cx: &RequestContext,
        who: &Identity,
        key: ApiKeyId,
    ) -> Result<ApiKey, Error> {
        require_session(who)?;
        let mut tx = self.0.inner().repository.begin().await?;
        let found = tx.api_keys().find(cx.tenant_id, key).await?;
        found
            .filter(|key| key.user_id == who.user_id)
            .ok_or(ApiKeyError::NotFound.into())
    }

    /// Notes in the store when which keys were last used: what requests of the last seconds left to be written. Answers how many
    /// keys it wrote. A worker calls it every few seconds.
    ///
    /// # Errors
    ///
    /// A failure of the store. What was not written is noted with the next use.
    pub async fn note_uses(&self) -> Result<u64, Error> {
        self.0.inner().note_key_uses().await
    }
}

/// A key has no business with the keys of its owner.
fn require_session(who: &Identity) -> Result<(), Error> {
    match who.api_key {
        Some(_) => Err(AccessError::SessionRequired.into()),
        None => Ok(()),
    }
}
