//! The counters that the codes of second factors are counted on.

use super::Sessions;
use crate::{
    Error, RequestContext,
    flows::{CodeGuards, Counter, Guard},
    model::{DeviceId, UserId},
};

impl Sessions<'_> {
    /// The counters of the second step of a sign-in: the one that passwords are counted on, so that new pending sign-ins give
    /// no new tries (CVE-2025-6015), and the one of codes alone, which a reset does not clear (CVE-2024-27928).
    pub(super) async fn guards_of_sign_in(
        &self,
        cx: &RequestContext,
        user: UserId,
    ) -> Result<CodeGuards, Error> {
        let device = self.known_device(cx, user).await?;
        let codes = self.guard_of_codes(cx, user, device).await?;
        Ok(CodeGuards(vec![codes, self.account_guard(cx, user).await?]))
    }

    /// The counters of a code that a signed-in user is asked for: that of the session, which may be stolen, and that of codes.
    pub(super) async fn guards_of_session(
        &self,
        cx: &RequestContext,
        session: &crate::model::Session,
    ) -> Result<CodeGuards, Error> {
        let inner = self.0.inner();
        let key = inner.counter(cx.tenant_id, Counter::Session(session.id));
        let codes = self
            .guard_of_codes(cx, session.user_id, session.device_id)
            .await?;
        Ok(CodeGuards(vec![codes, inner.guard(key).await?]))
    }

    /// A device that the account knows has a counter of its own here too.
    async fn guard_of_codes(
        &self,
        cx: &RequestContext,
        user: UserId,
        device: Option<DeviceId>,
    ) -> Result<Guard, Error> {
        let inner = self.0.inner();
        let counter = device.map_or(Counter::Mfa(user), Counter::MfaOfDevice);
        inner.guard(inner.counter(cx.tenant_id, counter)).await
    }
}
