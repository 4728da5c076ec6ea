//! Counting the codes of second factors.
//!
//! A code is verified within the unit that it opens, and the counters may be in the store that the unit holds: so a try is
//! counted *before* the code is verified, and taken back when it was right. Of any number of tries at once no more are looked
//! at than the policy allows (CVE-2019-5421).

use super::Sessions;
use crate::{
    Error, RequestContext,
    flows::{Counted, Counter, Guard, Telling},
    model::{DeviceId, TenantId, UserId},
};

/// The counters that a code is counted on.
pub(super) struct CodeGuards(Vec<Guard>);

/// Whether a code may be looked at.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(super) enum Try {
    /// No: one of the counters is locked. Nothing may be learned.
    Locked,
    /// Yes. A wrong one locks the account, where this says so.
    Counted(Option<Telling>),
}

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

    /// Counts a try of this user's.
    pub(super) async fn count_try(
        &self,
        tenant: TenantId,
        user: UserId,
        guards: &CodeGuards,
    ) -> Result<Try, Error> {
        let inner = self.0.inner();
        let now = inner.clock.now();
        if guards.0.iter().any(|guard| guard.was_locked(now)) {
            return Ok(Try::Locked);
        }
        let mut locks = None;
        for guard in &guards.0 {
            match inner.guessed_wrong(guard).await? {
                Counted::Locked => return Ok(Try::Locked),
                Counted::Open => {}
                Counted::NowLocked(telling) => locks = locks.max(Some(telling)),
            }
        }
        let locks = match locks {
            Some(telling) => {
                let whom = user.to_string();
                Some(inner.tell_of_lock(tenant, &whom, telling).await?)
            }
            None => None,
        };
        Ok(Try::Counted(locks))
    }

    /// The code was right: takes back every try that was counted.
    pub(super) async fn forget_tries(&self, guards: &CodeGuards) {
        for guard in &guards.0 {
            if let Err(error) = self.0.inner().forgive(&guard.key).await {
                tracing::warn!(error = %crate::error::chain(&error), "a counter of wrong codes was not cleared");
            }
        }
    }
}
