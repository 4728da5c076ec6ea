use super::{
    Sessions, SignedIn,
    complete::{insert_session, new_session},
    factors::{self, Binding, MfaVerdict},
    proven::Refused,
};
use crate::{
    AccessError, Error, Identity, MfaError, RequestContext,
    flows::{LockedNews, Record, Try, Unit},
    model::{AuthMethod, Event, SecretString, Session, SessionEnd},
};

impl Sessions<'_> {
    /// Has a signed-in user show a second factor again, for what asks for a recent one (RFC 9470).
    ///
    /// The user goes on in a new session, with new tokens; the old one ends (ASVS 7.2.4). It lives no longer than the old one
    /// would have.
    ///
    /// # Errors
    ///
    /// [`MfaError::NotEnabled`] where the user has no second factor; [`MfaError::CodeIncorrect`] where the code is wrong, used, of
    /// the factor that the session began with, or guessed too often; [`AccessError::Invalid`] where the session is over;
    /// [`Error::Refused`] by the claims hook; [`Error::Overloaded`]; a failure of the store.
    pub async fn step_up(
        &self,
        cx: &RequestContext,
        who: &Identity,
        method: &str,
        code: &SecretString,
    ) -> Result<SignedIn, Error> {
        let outcome = self.try_step_up(cx, who, method, code).await?;
        self.settle_as(cx, Event::MfaFailed, outcome).await
    }

    async fn try_step_up(
        &self,
        cx: &RequestContext,
        who: &Identity,
        method: &str,
        code: &SecretString,
    ) -> Result<Result<SignedIn, Refused>, Error> {
        // The new session would be one in which nobody acts as another.
        who.require_oneself()?;
        let inner = self.0.inner();
        let account = inner.account_of(cx, who).await?;
        let user = account.user.clone();
        if user.mfa_enabled_at.is_none() {
            return Err(MfaError::NotEnabled.into());
        }
        let old = inner
            .repository
            .find_session(cx.tenant_id, who.session_id)
            .await?
            .filter(|old| old.user_id == user.id && old.is_live(inner.clock.now()))
            .ok_or(AccessError::Invalid)?;
        let wrong = |reason| Refused::new(reason, Some(user.id), MfaError::CodeIncorrect);
        let Some(methods) =
            factors::amr(inner, method).and_then(|amr| methods_with(&old.methods, amr))
        else {
            return Ok(Err(wrong("unfit_method")));
        };
        let guards = self.guards_of_session(cx, &old).await?;
        let locks = match guards.count(inner, cx.tenant_id, user.id).await? {
            Try::Locked => return Ok(Err(wrong("locked"))),
            Try::Counted(locks) => locks,
        };
        let code = factors::prepare(inner, &user, method, code).await?;

        let now = inner.clock.now();
        let fresh = new_session(inner, cx, user.id, methods, now);
        let session = Session {
            idle_expires_at: fresh.idle_expires_at.min(old.absolute_expires_at),
            absolute_expires_at: old.absolute_expires_at,
            device_id: old.device_id,
            ..fresh
        };
        let custom = self.custom_claims(cx, &user, &session).await?;
        let mut unit = Unit::begin(inner, cx, now).await?;
        let held = unit.require_live(who).await?;
        let binding = Binding::Session(who.session_id);
        let verdict = factors::verify_in(inner, &mut unit, &held, method, &code, binding).await?;
        if let MfaVerdict::Refused(reason) = verdict {
            let locked = locks.map(|telling| LockedNews::Account(Box::new(user.clone()), telling));
            return Ok(Err(Refused {
                locked,
                ..wrong(reason)
            }));
        }
        unit.end_session(old.id, SessionEnd::SteppedUp).await?;
        insert_session(&mut unit, &session).await?;
        let record = Record::success(Event::MfaSteppedUp).by(held.id);
        unit.record(record.detail("ended_session_id", old.id.to_string()))
            .await?;
        let account = crate::model::Account {
            user: held,
            ..account
        };
        let signed_in = self.tokens_for(session, account, custom, now)?;
        unit.commit().await?;
        guards.forget(inner).await;
        Ok(Ok(signed_in))
    }
}

/// What a session's `amr` becomes; `None` where the code is of the one factor that the session began with, which shown twice
/// is still one.
fn methods_with(shown: &[AuthMethod], amr: AuthMethod) -> Option<Vec<AuthMethod>> {
    let mut methods: Vec<AuthMethod> = shown
        .iter()
        .copied()
        .filter(|method| *method != AuthMethod::MultiFactor)
        .chain([amr])
        .collect();
    methods.sort_unstable();
    methods.dedup();
    if methods.len() < 2 {
        return None;
    }
    methods.push(AuthMethod::MultiFactor);
    methods.sort_unstable();
    Some(methods)
}
