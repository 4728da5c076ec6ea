#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::time::timeout;

use super::{
    MailLimit, MemoryRateLimiter, Quota, RateClass, RateDecision, RateKey, RateLimiter, RateStatus,
    RateSubject, RateVerdict, Reach,
    subject::{Counted, RateKeys},
};
use crate::{
    CheckState, Error, Gatekeeper, RequestContext,
    crypto::SecretKeys,
    gatekeeper::Inner,
    model::{DeviceId, NormalizedEmail, Timestamp},
};

/// How long the shared limiter has to answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// For how long it is not asked after it failed.
const REST: Duration = Duration::from_secs(1);

/// The limiters of a Gatekeeper.
///
/// Without a shared limiter everything is counted in the process. With one, what it lets through is counted in the process
/// too, and there it goes on where the shared one fails: a limit is neither lifted by that nor begun anew, and nobody waits
/// longer than [`PATIENCE`], once in a [`REST`].
#[derive(Debug)]
pub(crate) struct Limits {
    keys: RateKeys,
    local: MemoryRateLimiter,
    shared: Option<Arc<dyn RateLimiter>>,
    /// Until when the shared limiter is left alone; microseconds since the Unix epoch.
    resting_until: AtomicI64,
}

impl Limits {
    pub(crate) fn new(keys: &SecretKeys, shared: Option<Arc<dyn RateLimiter>>) -> Self {
        Self {
            keys: RateKeys::new(keys),
            local: MemoryRateLimiter::new(),
            shared,
            resting_until: AtomicI64::new(i64::MIN),
        }
    }

    /// The shared limiter and how it is at `now`, for the readiness report.
    pub(crate) fn state(&self, now: Timestamp) -> Option<(&'static str, CheckState)> {
        let shared = self.shared.as_ref()?;
        let least = if self.is_resting(now) {
            CheckState::Degraded
        } else {
            CheckState::Up
        };
        Some((shared.name(), shared.state().max(least)))
    }

    fn is_resting(&self, now: Timestamp) -> bool {
        let until = Timestamp::from_unix_micros(self.resting_until.load(Ordering::Relaxed));
        // A clock that was put back must not make it rest for ever.
        now < until && until <= now.after(REST)
    }

    async fn check(
        &self,
        policy: &'static str,
        quota: Quota,
        reach: Reach,
        counted: &Counted<'_>,
        now: Timestamp,
    ) -> RateStatus {
        let key = self.keys.key(policy, counted);
        let decision = match (&self.shared, reach) {
            (Some(shared), Reach::Shared) if !self.is_resting(now) => {
                self.check_shared(shared.as_ref(), &key, &quota, now).await
            }
            (Some(_) | None, Reach::Shared | Reach::Process) => {
                self.local.check_now(&key, &quota, now)
            }
        };
        let [p0, p1, p2, p3, p4, p5, p6, p7, ..] = key.0;
        RateStatus {
            policy,
            quota,
            partition: [p0, p1, p2, p3, p4, p5, p6, p7],
            decision,
        }
    }

    async fn check_shared(
        &self,
        shared: &dyn RateLimiter,
        key: &RateKey,
        quota: &Quota,
        now: Timestamp,
    ) -> RateDecision {
        let cause = match timeout(PATIENCE, shared.check(key, quota, now)).await {
            Ok(Ok(decision)) => {
                match decision.verdict {
                    // Counted here as well, so that this process can go on alone.
                    RateVerdict::Admitted => drop(self.local.check_now(key, quota, now)),
                    RateVerdict::Refused { .. } => {}
                }
                return decision;
            }
            Ok(Err(error)) => crate::error::chain(&error),
            Err(_) => "it did not answer in time".to_owned(),
        };
        let until = now.after(REST).as_unix_micros();
        if self.resting_until.swap(until, Ordering::Relaxed) < now.as_unix_micros() {
            tracing::warn!(
                limiter = shared.name(),
                cause,
                "the shared rate limiter failed: this process counts alone"
            );
        }
        self.local.check_now(key, quota, now)
    }
}

/// Why an audit event of a mail that was not sent is a failure.
pub(crate) const TOO_MANY: &str = "too_many";

/// Whether a mail may go out.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailAllowance {
    Allowed,
    /// Its account was sent enough of this kind.
    TooMany,
}

impl Inner {
    /// Counts a guess at the secrets of an account, whether or not there is one, and wherever it comes from: whoever rotates
    /// addresses is held by this. To be called before anything that costs.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`], whose policy is `account`.
    pub(crate) async fn limit_account(
        &self,
        cx: &RequestContext,
        email: &NormalizedEmail,
    ) -> Result<(), Error> {
        self.limit_guesses(&Counted::Account(cx.tenant_id, email))
            .await
    }

    /// The same for a device that the account is known to use, in place of [`limit_account`](Self::limit_account): strangers
    /// who use the account's quota up do not shut its owner out (ASVS 6.1.1).
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`], whose policy is `account`.
    pub(crate) async fn limit_known_device(
        &self,
        cx: &RequestContext,
        device: DeviceId,
    ) -> Result<(), Error> {
        self.limit_guesses(&Counted::Device(cx.tenant_id, device))
            .await
    }

    async fn limit_guesses(&self, counted: &Counted<'_>) -> Result<(), Error> {
        let config = &self.config.rate_limits;
        if !config.enabled {
            return Ok(());
        }
        let now = self.clock.now();
        let status = self
            .limits
            .check("account", config.account, Reach::Shared, counted, now)
            .await;
        status.require()
    }

    /// Counts a mail to an account, whether or not there is one. Over the limit the caller is answered as ever, after the
    /// same work but for the mail, and the audit event is a failure for [`TOO_MANY`].
    ///
    /// # Errors
    ///
    /// None today: a limiter that fails is stood in for.
    pub(crate) async fn may_mail(
        &self,
        cx: &RequestContext,
        kind: MailLimit,
        email: &NormalizedEmail,
    ) -> Result<MailAllowance, Error> {
        let Some(status) = self.count_mail(cx, kind, email).await else {
            return Ok(MailAllowance::Allowed);
        };
        Ok(match status.decision.verdict {
            RateVerdict::Admitted => MailAllowance::Allowed,
            RateVerdict::Refused { .. } => MailAllowance::TooMany,
        })
    }

    /// Counts a mail that somebody sends to an address which is not their own: they are told where it is one too many.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`], whose policy is the kind's.
    pub(crate) async fn limit_mail(
        &self,
        cx: &RequestContext,
        kind: MailLimit,
        email: &NormalizedEmail,
    ) -> Result<(), Error> {
        match self.count_mail(cx, kind, email).await {
            Some(status) => status.require(),
            None => Ok(()),
        }
    }

    async fn count_mail(
        &self,
        cx: &RequestContext,
        kind: MailLimit,
        email: &NormalizedEmail,
    ) -> Option<RateStatus> {
        let config = &self.config.rate_limits;
        if !config.enabled {
            return None;
        }
        let (policy, quota) = kind.policy(config);
        let counted = Counted::Account(cx.tenant_id, email);
        let now = self.clock.now();
        let limits = &self.limits;
        Some(
            limits
                .check(policy, quota, Reach::Shared, &counted, now)
                .await,
        )
    }
}

/// Rate limits, for a transport. From [`Gatekeeper::rate_limits`].
///
/// The limits of accounts are not here: the flows know the account, and answer [`Error::RateLimited`].
#[derive(Clone, Copy, Debug)]
pub struct RateLimits<'a>(pub(crate) &'a Gatekeeper);

impl RateLimits<'_> {
    /// Counts a request of this class by this subject. `None` where limits are off.
    ///
    /// It does not fail: where the shared limiter does, this process counts alone.
    pub async fn check(&self, class: RateClass, subject: &RateSubject) -> Option<RateStatus> {
        let inner = self.0.inner();
        let config = &inner.config.rate_limits;
        if !config.enabled {
            return None;
        }
        let (policy, quota) = class.policy(config);
        let counted = Counted::Subject(subject);
        let now = inner.clock.now();
        let limits = &inner.limits;
        Some(
            limits
                .check(policy, quota, class.reach(), &counted, now)
                .await,
        )
    }
}
