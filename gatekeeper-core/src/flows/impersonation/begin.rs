use super::{Impersonations, PERMISSION};
use crate::{
    AccessError, AccountError, Error, Identity, ImpersonationError, RequestContext, Violations,
    flows::{
        Record, Unit,
        administration::Acting,
        sessions::{SignedIn, new_session},
    },
    mail::{AccountMail, Notice},
    model::{Account, Event, Impersonation, Session, Timestamp, User, UserId},
};

/// The longest reason, in characters.
const MAX_REASON: usize = 500;

/// Whom to act as, and why.
#[derive(Clone, Debug)]
pub struct BeginImpersonation {
    /// The user.
    pub user_id: UserId,
    /// Why: 1 to 500 characters. It goes into the audit trail, and the user may see it.
    pub reason: String,
}

impl Impersonations<'_> {
    /// Begins to act as a user: a session of theirs that says who acts, and its tokens.
    ///
    /// It ends after [`lifetime`](crate::config::ImpersonationConfig::lifetime), with the session of whoever asks at the latest, cut to
    /// the second. It rests on the sign-in of whoever asks: `amr`, `auth_time` and the second factor are theirs.
    ///
    /// # Errors
    ///
    /// [`AccessError::Impersonating`] for whoever acts as somebody already; [`AccessError::SessionRequired`] with an API key;
    /// [`AccessError::Forbidden`] without the permission `users:impersonate`; [`AccessError::InsufficientRank`] where the user may do
    /// something that the administrator may not, or stands beside them; [`ImpersonationError::NotPossible`] for oneself, a service
    /// account, a disabled account, and where the settings say so; [`AccountError::NotFound`]; [`Error::Invalid`] for `/reason`;
    /// [`AccessError::Invalid`] where the session is over; [`Error::Refused`] by the claims hook; a failure of the store.
    pub async fn begin(
        &self,
        cx: &RequestContext,
        who: &Identity,
        input: BeginImpersonation,
    ) -> Result<SignedIn, Error> {
        who.require_oneself()?;
        let reason = check_reason(&input.reason)?;
        let outcome = self.try_begin(cx, who, input.user_id, reason).await;
        let why = match &outcome {
            Err(Error::Impersonation(ImpersonationError::NotPossible)) => "not_possible",
            Err(Error::Access(AccessError::Forbidden)) => "forbidden",
            Err(Error::Access(AccessError::InsufficientRank)) => "insufficient_rank",
            Ok(_) | Err(_) => return outcome,
        };
        let inner = self.0.inner();
        let record = Record::failure(Event::ImpersonationBegun, why)
            .by(who.user_id)
            .target(input.user_id);
        Unit::record_alone(inner, cx, inner.clock.now(), record).await?;
        outcome
    }

    async fn try_begin(
        &self,
        cx: &RequestContext,
        who: &Identity,
        target: UserId,
        reason: String,
    ) -> Result<SignedIn, Error> {
        let inner = self.0.inner();
        if !inner.config.impersonation.enabled || target == who.user_id {
            return Err(ImpersonationError::NotPossible.into());
        }
        if !who.has_permission(PERMISSION) {
            return Err(AccessError::Forbidden.into());
        }
        let now = inner.clock.now();
        let own = inner
            .repository
            .find_session(cx.tenant_id, who.session_id)
            .await?;
        let own = own.ok_or(AccessError::Invalid)?;
        let account = inner
            .repository
            .find_account(cx.tenant_id, target)
            .await?
            .ok_or(AccountError::NotFound)?;
        let mut session = Session {
            impersonation: Some(Impersonation {
                by: who.user_id,
                from: own.id,
                reason,
            }),
            ..new_session(inner, cx, target, own.methods.clone(), now)
        };
        self.rest_on(&mut session, &own)?;
        // Asked before the unit, and answered for the account as it then stands: what counts is looked at again below.
        let sessions = self.0.sessions();
        let custom = sessions.custom_claims(cx, &account.user, &session).await?;

        let mut unit = Unit::begin(inner, cx, now).await?;
        let administration = self.0.administration().on_behalf_of(who);
        let (acting, user) = administration.act_on(&mut unit, PERMISSION, target).await?;
        require_possible(&mut unit, &acting, &user).await?;
        // It may have been ended, or have become another's to act in, since it was looked at.
        let own = unit
            .tx()
            .sessions()
            .find_for_update(cx.tenant_id, own.id)
            .await?
            .filter(|own| own.user_id == who.user_id && own.is_live(now))
            .ok_or(AccessError::Invalid)?;
        if own.impersonation.is_some() {
            return Err(AccessError::Impersonating.into());
        }
        self.rest_on(&mut session, &own)?;
        unit.tx().sessions().insert(&session).await?;
        record_begin(&mut unit, &acting, &session).await?;
        if inner.config.impersonation.notify {
            unit.mail(&AccountMail::notice(Notice::Impersonated, &user))
                .await?;
        }
        let authority = unit
            .tx()
            .roles()
            .authority(cx.tenant_id, target, None)
            .await?;
        let account = Account {
            user,
            password: None,
            authority,
        };
        let signed_in = sessions.tokens_for(session, account, custom, now)?;
        unit.commit().await?;
        Ok(signed_in)
    }

    /// It ends with the session that it is begun from at the latest, and claims no better sign-in than that had.
    fn rest_on(self, session: &mut Session, own: &Session) -> Result<(), Error> {
        let now = session.created_at;
        let lifetime = self.0.inner().config.impersonation.lifetime;
        let end = now.after(lifetime).min(own.expires_at());
        // To the second, like the times in tokens: session and tokens end at one instant.
        let end = Timestamp::from_unix_seconds(end.as_unix_seconds());
        if end <= now {
            return Err(AccessError::Invalid.into());
        }
        session.absolute_expires_at = end;
        session.idle_expires_at = end;
        session.authenticated_at = own.authenticated_at;
        session.mfa_verified_at = own.mfa_verified_at;
        session.methods.clone_from(&own.methods);
        Ok(())
    }
}

/// Whether a user can be acted as by whoever stands above them. Said after the rank was looked at: what state an account is in is
/// nobody's business who does not reach it.
async fn require_possible(unit: &mut Unit<'_>, acting: &Acting, user: &User) -> Result<(), Error> {
    acting.require_above(unit, user.id, PERMISSION).await?;
    if user.may_sign_in() {
        Ok(())
    } else {
        Err(ImpersonationError::NotPossible.into())
    }
}

async fn record_begin(
    unit: &mut Unit<'_>,
    acting: &Acting,
    session: &Session,
) -> Result<(), Error> {
    let Some(impersonation) = &session.impersonation else {
        return Err(Error::internal(
            "a session of acting as another says who acts",
        ));
    };
    let record = Record::success(Event::ImpersonationBegun)
        .by_administrator(acting)
        .target(session.user_id)
        .detail("session_id", session.id.to_string())
        .detail("from_session_id", impersonation.from.to_string())
        .detail("reason", impersonation.reason.as_str())
        .detail("expires_at", session.absolute_expires_at.to_string());
    unit.record(record).await
}

/// It is read by people, in lists and logs: no control characters, and not empty.
fn check_reason(text: &str) -> Result<String, Error> {
    let reason = text.trim();
    let mut violations = Violations::none();
    let length = reason.chars().count();
    if length == 0 || length > MAX_REASON {
        violations.push(
            "/reason",
            "reason.length",
            format!("must have 1 to {MAX_REASON} characters"),
        );
    }
    if reason.chars().any(char::is_control) {
        violations.push(
            "/reason",
            "reason.characters",
            "must not contain control characters",
        );
    }
    violations.check()?;
    Ok(reason.to_owned())
}
