use std::sync::Arc;

use super::Gatekeeper;
use crate::{AccessError, Error, Identity, blacklist::Rejected, crypto::ApiKeyFormat};

impl Gatekeeper {
    /// Who an access token belongs to, or an API key that is not confined to networks: signature, times and blacklist, all in process and without I/O.
    ///
    /// `None` says that the blacklist's news may be stale: only [`authenticate`](Self::authenticate), which asks the store,
    /// can then tell.
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`] where the token is not to be believed; the log has the true reason.
    pub fn authenticate_cached(&self, token: &str) -> Option<Result<Arc<Identity>, Error>> {
        if ApiKeyFormat::claims(token) {
            return self.key_cached(token, None);
        }
        match self
            .inner()
            .authenticator
            .authenticate(token, self.clock().now())
        {
            Ok(identity) => Some(Ok(identity)),
            Err(Rejected::NeedsSource(_)) => None,
            Err(Rejected::Revoked) => Some(Err(AccessError::Invalid.into())),
            Err(Rejected::Token(rejection)) => {
                tracing::debug!(%rejection, "an access token was refused");
                Some(Err(AccessError::Invalid.into()))
            }
        }
    }

    /// The same, asking the store where the process's own blacklist may be stale.
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`]; a failure of the store, which is never taken for a yes.
    pub async fn authenticate(&self, token: &str) -> Result<Arc<Identity>, Error> {
        if ApiKeyFormat::claims(token) {
            return self.key(token, None).await;
        }
        self.inner()
            .authenticator
            .authenticate_fully(token, self.clock().now())
            .await
    }
}
