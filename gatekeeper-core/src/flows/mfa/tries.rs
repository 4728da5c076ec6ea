//! Counting the codes that somebody signed in is asked for.

use crate::{
    Error, Identity, RequestContext,
    flows::{CodeGuards, Counter, LockedNews, Record, Telling, Try as Counting, Unit},
    gatekeeper::Inner,
    model::{Event, User, UserId},
};

/// A try that was counted before its code was looked at; to be forgotten where the code was right.
#[derive(Debug)]
#[must_use]
pub(super) struct Tries {
    guards: CodeGuards,
    lock: Option<Telling>,
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
        Self::count(inner, cx, who.user_id, &[Counter::Session(who.session_id)]).await
    }

    /// A try at a factor that is in force: counted for the session, which may be stolen, and with the codes of sign-ins.
    pub(super) async fn of_factor(
        inner: &Inner,
        cx: &RequestContext,
        who: &Identity,
    ) -> Result<Try, Error> {
        let counters = [Counter::Session(who.session_id), Counter::Mfa(who.user_id)];
        Self::count(inner, cx, who.user_id, &counters).await
    }

    /// A try at the factor that somebody must set up to be signed in: counted with the codes of sign-ins.
    pub(super) async fn of_enrollment(
        inner: &Inner,
        cx: &RequestContext,
        user: UserId,
    ) -> Result<Try, Error> {
        Self::count(inner, cx, user, &[Counter::Mfa(user)]).await
    }

    async fn count(
        inner: &Inner,
        cx: &RequestContext,
        user: UserId,
        counters: &[Counter<'_>],
    ) -> Result<Try, Error> {
        let mut guards = Vec::new();
        for counter in counters {
            guards.push(inner.guard(inner.counter(cx.tenant_id, *counter)).await?);
        }
        let guards = CodeGuards(guards);
        Ok(match guards.count(inner, cx.tenant_id, user).await? {
            Counting::Locked => Try::Locked,
            Counting::Counted(lock) => Try::Counted(Self { guards, lock }),
        })
    }

    /// The code was right.
    pub(super) async fn forget(self, inner: &Inner) {
        self.guards.forget(inner).await;
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
        if let Some(telling) = self.lock {
            LockedNews::Account(Box::new(user.clone()), telling)
                .record(&mut unit, inner)
                .await?;
        }
        unit.commit().await
    }
}
