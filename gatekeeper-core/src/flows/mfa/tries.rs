//! Counting the codes that somebody signed in is asked for.

use crate::{
    Error, Identity, RequestContext,
    flows::{Counted, Counter, Guard, LockedNews, Record, Unit},
    gatekeeper::Inner,
    model::{Event, User, UserId},
};

/// A try that was counted before its code was looked at, so that of any number at once no more are looked at than the policy
/// allows (CVE-2019-5421); to be forgotten where the code was right.
#[derive(Debug)]
#[must_use]
pub(super) struct Tries {
    guards: Vec<Guard>,
    locked: Vec<Counted>,
}

/// Whether a code may be looked at.
#[derive(Debug)]
#[must_use]
pub(super) enum Try {
    /// Yes.
    Counted(Tries),
    /// No: there were too many wrong ones.
    Locked,
}

impl Tries {
    /// A try at a factor that is being set up: counted for the session alone. Whoever holds it may try the codes of somebody else's
    /// telephone, but not lock the owner out.
    pub(super) async fn of_setup(
        inner: &Inner,
        cx: &RequestContext,
        who: &Identity,
    ) -> Result<Try, Error> {
        Self::count(inner, cx, &[Counter::Session(who.session_id)]).await
    }

    /// A try at a factor that is in force: counted for the session, which may be stolen, and with the codes of sign-ins.
    pub(super) async fn of_factor(
        inner: &Inner,
        cx: &RequestContext,
        who: &Identity,
    ) -> Result<Try, Error> {
        let counters = [Counter::Session(who.session_id), Counter::Mfa(who.user_id)];
        Self::count(inner, cx, &counters).await
    }

    /// A try at the factor that somebody must set up to be signed in: counted with the codes of sign-ins.
    pub(super) async fn of_enrollment(
        inner: &Inner,
        cx: &RequestContext,
        user: UserId,
    ) -> Result<Try, Error> {
        Self::count(inner, cx, &[Counter::Mfa(user)]).await
    }

    async fn count(
        inner: &Inner,
        cx: &RequestContext,
        counters: &[Counter<'_>],
    ) -> Result<Try, Error> {
        let now = inner.clock.now();
        let mut guards = Vec::new();
        for counter in counters {
            let guard = inner.guard(inner.counter(cx.tenant_id, *counter)).await?;
            if guard.was_locked(now) {
                return Ok(Try::Locked);
            }
            guards.push(guard);
        }
        let mut locked = Vec::new();
        for guard in &guards {
            match inner.guessed_wrong(guard).await? {
                Counted::Locked => return Ok(Try::Locked),
                Counted::Open => {}
                news @ Counted::NowLocked(_) => locked.push(news),
            }
        }
        Ok(Try::Counted(Self { guards, locked }))
    }

    /// The code was right. A counter that cannot be cleared stays as it is: its lock runs out.
    pub(super) async fn forget(self, inner: &Inner) {
        for guard in &self.guards {
            if let Err(error) = inner.forgive(&guard.key).await {
                tracing::warn!(error = %crate::error::chain(&error), "a counter of wrong codes was not cleared");
            }
        }
    }

    /// The code was wrong: writes that, and what it brought about.
    pub(super) async fn refuse(
        self,
        inner: &Inner,
        cx: &RequestContext,
        user: &User,
        event: Event,
        reason: &'static str,
    ) -> Result<(), Error> {
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        unit.record(Record::failure(event, reason).by(user.id))
            .await?;
        for news in self.locked {
            if let Counted::NowLocked(telling) = news {
                LockedNews::Account(Box::new(user.clone()), telling)
                    .record(&mut unit, inner)
                    .await?;
                // One lock is enough to be told of.
                break;
            }
        }
        unit.commit().await
    }
}
