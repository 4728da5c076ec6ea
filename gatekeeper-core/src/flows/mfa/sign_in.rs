//! What a sign-in may ask for before it has a session: a code to be sent, and a factor to be set up.

use async_trait::async_trait;

use super::{
    BackupCodes, Binding, Confirmed, Looked, Mfa, TotpConfirmation, TotpSetup, begin_totp,
    confirm_totp, look_at_totp, sent,
    setup::destination,
    tries::{Tries, Try},
};
use crate::{
    Error, MfaError, PasswordError, RequestContext,
    flows::{
        Record, Unit,
        sessions::{FirstFactor, PendingToken, Refused, SignIn, SignedIn, Spend, Spent},
    },
    model::{Account, AuthMethod, Event, SecretString, TokenPurpose, User},
};

impl Mfa<'_> {
    /// Sends a code for a sign-in that waits for its second factor, in place of one that was sent before. Over the limit of codes to
    /// one account, nothing is sent, and the answer is the same.
    ///
    /// # Errors
    ///
    /// [`MfaError::InvalidToken`]; [`Error::Invalid`] for `/method` where it is not one of those offered, or sends no codes; a failure
    /// of the store.
    pub async fn challenge(
        &self,
        cx: &RequestContext,
        token: &SecretString,
        method: &str,
    ) -> Result<(), Error> {
        let inner = self.0.inner();
        let (pending, account, first) = self.waiting(cx, TokenPurpose::MfaPending, token).await?;
        let binding = Binding::SignIn {
            pending: pending.row.id,
            first: &first.methods,
        };
        let mut tx = inner.repository.begin().await?;
        destination(inner, tx.as_mut(), &account.user, method, binding).await?;
        drop(tx);
        if !self.may_send(cx, &account.user, method).await? {
            return Ok(());
        }
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let user = self.held(&mut unit, cx, &account).await?;
        let to = destination(inner, unit.tx(), &user, method, binding).await?;
        sent::send(inner, &mut unit, &user, method, to, binding).await?;
        unit.commit().await
    }

    /// Begins to set an authenticator app up for somebody who must have a second factor before they are signed in. The token is that
    /// of [`SignIn::MfaEnrollmentRequired`], which stays good.
    ///
    /// # Errors
    ///
    /// [`MfaError::InvalidToken`]; a failure of the store.
    pub async fn begin_enrollment(
        &self,
        cx: &RequestContext,
        token: &SecretString,
    ) -> Result<TotpSetup, Error> {
        let inner = self.0.inner();
        let purpose = TokenPurpose::MfaEnrollment;
        let (_, account, _) = self.waiting(cx, purpose, token).await?;
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let user = self.held(&mut unit, cx, &account).await?;
        if user.mfa_enabled_at.is_some() {
            return Err(MfaError::InvalidToken.into());
        }
        let setup = begin_totp(inner, &mut unit, &user).await?;
        unit.commit().await?;
        Ok(setup)
    }

    /// Puts the authenticator app in force with a code of it, uses the token up and signs in: one unit.
    ///
    /// # Errors
    ///
    /// [`MfaError::InvalidToken`]; [`MfaError::InvalidCode`]; [`MfaError::NotEnabled`] where nothing was begun; those of
    /// [`Sessions::finish_mfa`](crate::Sessions::finish_mfa).
    pub async fn finish_enrollment(
        &self,
        cx: &RequestContext,
        token: &SecretString,
        code: &SecretString,
    ) -> Result<(SignedIn, BackupCodes), Error> {
        let outcome = self.try_finish_enrollment(cx, token, code).await?;
        let sessions = self.0.sessions();
        sessions.settle_as(cx, Event::MfaEnabled, outcome).await
    }

    async fn try_finish_enrollment(
        &self,
        cx: &RequestContext,
        token: &SecretString,
        code: &SecretString,
    ) -> Result<Result<(SignedIn, BackupCodes), Refused>, Error> {
        let inner = self.0.inner();
        let purpose = TokenPurpose::MfaEnrollment;
        let (pending, account, first) = self.waiting(cx, purpose, token).await?;
        let user = account.user.clone();
        let wrong = |reason| Refused::new(reason, Some(user.id), MfaError::InvalidCode);
        if user.mfa_enabled_at.is_some() {
            return Err(MfaError::InvalidToken.into());
        }
        let tries = match Tries::of_enrollment(inner, cx, user.id).await? {
            Try::Counted(tries) => tries,
            Try::Locked => return Ok(Err(wrong("locked"))),
        };
        let confirmation = match look_at_totp(inner, &user, code).await? {
            Looked::Right(confirmation) => confirmation,
            Looked::Wrong(reason) => return Ok(Err(wrong(reason))),
        };
        let backup_codes = confirmation.backup_codes();
        let mut proven = first.proven(account);
        proven.second_factor = Some(AuthMethod::OneTimeCode);
        proven.spend = Some(Box::new(Enrollment {
            pending,
            confirmation,
        }));
        match self.0.sessions().complete(cx, proven).await? {
            Ok(SignIn::SignedIn(signed_in)) => {
                tries.forget(inner).await;
                Ok(Ok((*signed_in, backup_codes)))
            }
            Ok(SignIn::MfaRequired(_) | SignIn::MfaEnrollmentRequired(_)) => Err(Error::internal(
                "a second factor was set up and asked for all the same",
            )),
            Err(mut refused) => {
                // What the first step rested on is no more.
                if let Error::Password(PasswordError::InvalidCredentials) = &refused.error {
                    refused.error = MfaError::InvalidToken.into();
                }
                Ok(Err(refused))
            }
        }
    }

    /// The sign-in that waits behind a token.
    async fn waiting(
        &self,
        cx: &RequestContext,
        purpose: TokenPurpose,
        token: &SecretString,
    ) -> Result<(PendingToken, Account, FirstFactor), Error> {
        let inner = self.0.inner();
        if let Some(found) = PendingToken::find(inner, cx, purpose, token).await? {
            return Ok(found);
        }
        let record = Record::failure(Event::TokenRefused, "unknown_token");
        Unit::record_alone(inner, cx, inner.clock.now(), record).await?;
        Err(MfaError::InvalidToken.into())
    }

    /// The user, held, as long as the account is open.
    async fn held(
        &self,
        unit: &mut Unit<'_>,
        cx: &RequestContext,
        account: &Account,
    ) -> Result<User, Error> {
        let users = unit.tx().users();
        let held = users.find_for_update(cx.tenant_id, account.user.id).await?;
        held.filter(User::is_active)
            .ok_or(MfaError::InvalidToken.into())
    }
}

/// A factor that comes into force with the sign-in that it was set up for.
struct Enrollment {
    pending: PendingToken,
    confirmation: Box<TotpConfirmation>,
}

#[async_trait]
impl Spend for Enrollment {
    async fn spend(&self, unit: &mut Unit<'_>, user: &mut User) -> Result<Spent, Error> {
        if let Spent::Refused(refused) = self.pending.consume(unit).await? {
            return Ok(Spent::Refused(refused));
        }
        let inner = unit.inner();
        match confirm_totp(inner, unit, user, &self.confirmation, None).await? {
            Confirmed::InForce => Ok(Spent::Done),
            Confirmed::Refused(reason) => {
                let refused = Refused::new(reason, Some(user.id), MfaError::InvalidCode);
                Ok(Spent::Refused(refused))
            }
        }
    }
}
