use std::sync::Arc;

use super::Gatekeeper;
use crate::{
    AccessError, AccountError, Error, Identity, RequestContext,
    authority::{AuthorityKey, DeniedAttempt, Judged},
    crypto::ApiKeyFormat,
    identity::permits,
    model::{Authority, OrganizationId, TenantId, UserId},
};

impl Gatekeeper {
    /// Who an access token belongs to, or an API key that is not confined to networks, and what they may do at this moment: signature, times, blacklist, and roles and permissions
    /// that were read anew where the token's own are out of date; all in process and without I/O.
    ///
    /// `None` says that only [`authenticate`](Self::authenticate), which asks the store, can tell.
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`] where the token is not to be believed; the log has the true reason.
    pub fn authenticate_cached(&self, token: &str) -> Option<Result<Arc<Identity>, Error>> {
        if ApiKeyFormat::claims(token) {
            return self.key_cached(token, None);
        }
        match self.inner().judge(token, self.clock().now()) {
            Judged::Known(identity) => Some(Ok(identity)),
            Judged::Refused => Some(Err(AccessError::Invalid.into())),
            Judged::Unknown(_) => None,
        }
    }

    /// The same, asking the store where the process's own blacklist may be stale, and for roles and permissions that it does not
    /// remember.
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`]; a failure of the store, which is never taken for a yes.
    pub async fn authenticate(&self, token: &str) -> Result<Arc<Identity>, Error> {
        if ApiKeyFormat::claims(token) {
            return self.key(token, None).await;
        }
        let (inner, now) = (self.inner(), self.clock().now());
        match inner.judge(token, now) {
            Judged::Known(identity) => Ok(identity),
            Judged::Refused => Err(AccessError::Invalid.into()),
            Judged::Unknown(waits) => inner.judge_by_store(token, waits, now).await,
        }
    }

    /// What a user may do at this moment, for what is no request: a job, a command, a message from a queue. Remembered until
    /// something of it changes, on any node, or for five minutes; where this node cannot know whether it has heard of every change,
    /// the store is asked.
    ///
    /// # Errors
    ///
    /// [`AccountError::NotFound`] where there is no such user in the tenant, or it is disabled; a failure of the store.
    pub async fn permissions_of(
        &self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Arc<Authority>, Error> {
        self.permissions_within(tenant, user, None).await
    }

    /// The same, with an organisation as the active one. What its membership gives stands apart, in
    /// [`organization`](Authority::organization), which is `None` for who is no member.
    ///
    /// # Errors
    ///
    /// As of [`permissions_of`](Self::permissions_of).
    pub async fn permissions_in(
        &self,
        tenant: TenantId,
        user: UserId,
        organization: OrganizationId,
    ) -> Result<Arc<Authority>, Error> {
        self.permissions_within(tenant, user, Some(organization))
            .await
    }

    async fn permissions_within(
        &self,
        tenant: TenantId,
        user: UserId,
        organization: Option<OrganizationId>,
    ) -> Result<Arc<Authority>, Error> {
        let key = AuthorityKey {
            tenant,
            user,
            organization,
        };
        let known = self.inner().authority_now(key, self.clock().now()).await?;
        known.ok_or(AccountError::NotFound.into())
    }

    /// Refuses a user who has not this permission at this moment in the tenant of `cx`: the guard of routes, for what is no
    /// request. The refusal is an audit event, `access.denied`.
    ///
    /// ```
    /// use gatekeeper_core::{Error, Gatekeeper, RequestContext, model::{TenantId, UserId}};
    ///
    /// async fn nightly_report(gatekeeper: &Gatekeeper, owner: UserId) -> Result<(), Error> {
    ///     let cx = RequestContext::internal(TenantId::DEFAULT, "nightly-report");
    ///     gatekeeper.require_permission(&cx, owner, "reports:generate").await?;
    ///     // ... generate it
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`AccessError::Forbidden`], for who is unknown or disabled too; a failure of the store, which is never taken for a yes.
    pub async fn require_permission(
        &self,
        cx: &RequestContext,
        user: UserId,
        permission: &str,
    ) -> Result<(), Error> {
        let key = AuthorityKey {
            tenant: cx.tenant_id,
            user,
            organization: None,
        };
        let known = self.inner().authority_now(key, self.clock().now()).await?;
        if known.is_some_and(|known| permits(cx.tenant_id, &known.permissions, permission)) {
            return Ok(());
        }
        let attempt = DeniedAttempt {
            requirement: format!("permission {permission}"),
            operation: String::new(),
            reason: "access.forbidden",
        };
        self.record_denial_of(cx.clone(), user, attempt);
        Err(AccessError::Forbidden.into())
    }
}
