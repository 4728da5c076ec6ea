use async_trait::async_trait;

use super::{
    Sessions, SignIn, SignedIn,
    factors::{self, Binding, MfaVerdict, PreparedCode},
    proven::{PendingToken, Refused, Spend, Spent},
};
use crate::{
    Error, MfaError, PasswordError, RequestContext, SessionError,
    flows::{LockedNews, Record, Try, Unit},
    mail::{AccountMail, Notice},
    model::{AuthMethod, Event, SecretString, TokenPurpose, User},
};

/// The second step of a sign-in.
#[derive(Clone, Debug)]
pub struct FinishMfa {
    /// The token that the first step gave: [`MfaPending::token`](crate::MfaPending::token).
    pub token: SecretString,
    /// The method: `totp`, `backup_code`, `email`, `sms`.
    pub method: String,
    /// The code.
    pub code: SecretString,
    /// Whether this device is to be spared the second factor from now on, for as long as the settings say.
    pub trust_device: bool,
}

impl Sessions<'_> {
    /// Finishes a sign-in with a second factor.
    ///
    /// A wrong code leaves the pending sign-in as it is; the right one uses it up, in the unit that begins the session. Wrong
    /// codes are counted together with wrong passwords, whichever pending sign-in they came with.
    ///
    /// # Errors
    ///
    /// [`MfaError::InvalidToken`] where the token is wrong, used, expired, or the account changed since;
    /// [`MfaError::InvalidCode`] where the code is wrong, used or the account locked; [`SessionError::LimitReached`];
    /// [`Error::Refused`] by a hook; [`Error::Overloaded`]; a failure of the store.
    pub async fn finish_mfa(
        &self,
        cx: &RequestContext,
        input: FinishMfa,
    ) -> Result<SignedIn, Error> {
        let outcome = self.try_finish_mfa(cx, input).await?;
        self.settle_as(cx, Event::MfaFailed, outcome).await
    }

    async fn try_finish_mfa(
        &self,
        cx: &RequestContext,
        input: FinishMfa,
    ) -> Result<Result<SignedIn, Refused>, Error> {
        let inner = self.0.inner();
        let purpose = TokenPurpose::MfaPending;
        let Some((pending, account, first)) =
            PendingToken::find(inner, cx, purpose, &input.token).await?
        else {
            let record = Record::failure(Event::TokenRefused, "unknown_token");
            Unit::record_alone(inner, cx, inner.clock.now(), record).await?;
            return Err(MfaError::InvalidToken.into());
        };
        let user = account.user.clone();
        let wrong = |reason| Refused::new(reason, Some(user.id), MfaError::InvalidCode);
        let Some(amr) = factors::amr(inner, &input.method) else {
            return Ok(Err(wrong("unknown_method")));
        };
        let guards = self.guards_of_sign_in(cx, user.id).await?;
        let locks = match guards.count(inner, cx.tenant_id, user.id).await? {
            Try::Locked => return Ok(Err(wrong("locked"))),
            Try::Counted(locks) => locks,
        };
        let code = factors::prepare(inner, &user, &input.method, &input.code).await?;
        let token_id = pending.row.id;
        let mut proven = first.proven(account);
        proven.second_factor = Some(amr);
        proven.trust_device = input.trust_device;
        proven.spend = Some(Box::new(SecondStep {
            pending,
            first: proven.methods.clone(),
            method: input.method,
            code,
        }));
        let mut refused = match self.complete(cx, proven).await? {
            Ok(SignIn::SignedIn(signed_in)) => {
                guards.forget(inner).await;
                return Ok(Ok(*signed_in));
            }
            Ok(SignIn::MfaRequired(_) | SignIn::MfaEnrollmentRequired(_)) => {
                return Err(Error::internal("a second factor was shown and asked for"));
            }
            Err(refused) => refused,
        };
        match &refused.error {
            Error::Mfa(MfaError::InvalidCode) => {
                refused.locked =
                    locks.map(|telling| LockedNews::Account(Box::new(user.clone()), telling));
                // OWASP: a wrong second factor behind a right first one says that somebody else may have the first.
                if inner.first_wrong_code(cx.tenant_id, token_id).await? {
                    refused.mail = Some(AccountMail::notice(Notice::MfaFailed, &user));
                }
            }
            // The code was right; there was no room, or the invitation that was to be accepted is dead.
            Error::Session(SessionError::LimitReached) | Error::Token => guards.forget(inner).await,
            // What the first step rested on is no more.
            Error::Password(PasswordError::InvalidCredentials) => {
                refused.error = MfaError::InvalidToken.into();
            }
            _ => {}
        }
        Ok(Err(refused))
    }
}

/// A code with the pending sign-in that it finishes.
struct SecondStep {
    pending: PendingToken,
    first: Vec<AuthMethod>,
    method: String,
    code: PreparedCode,
}

#[async_trait]
impl Spend for SecondStep {
    async fn spend(&self, unit: &mut Unit<'_>, user: &mut User) -> Result<Spent, Error> {
        // The token first: of any number that come with the same one, the first with a right code gets a session.
        if let Spent::Refused(refused) = self.pending.consume(unit).await? {
            return Ok(Spent::Refused(refused));
        }
        let inner = unit.inner();
        let binding = Binding::SignIn {
            pending: self.pending.row.id,
            first: &self.first,
        };
        match factors::verify_in(inner, unit, user, &self.method, &self.code, binding).await? {
            MfaVerdict::Accepted(_) => Ok(Spent::Done),
            MfaVerdict::Refused(reason) => {
                let refused = Refused::new(reason, Some(user.id), MfaError::InvalidCode);
                Ok(Spent::Refused(refused))
            }
        }
    }
}
