//! From a link or code that was right to a session.

use async_trait::async_trait;

use super::{Eligible, MagicLinks, binding};
use crate::{
    Error, PasswordError, RequestContext,
    flows::{
        Unit,
        accounts::{MailboxProof, drop_unproven_factors, prove_mailbox},
        sessions::{Proven, Refused, SignIn, Spend, Spent},
    },
    lockout::LockoutKey,
    model::{AuthMethod, Event, OneTimeToken, SessionEnd, TokenPurpose, User},
};

/// A link or a code that was shown. It is used up in the unit that begins the session.
pub(super) struct Shown {
    pub(super) row: OneTimeToken,
}

#[async_trait]
impl Spend for Shown {
    async fn spend(&self, unit: &mut Unit<'_>, user: &mut User) -> Result<Spent, Error> {
        Ok(match self.consume(unit, user).await? {
            Some(_) => Spent::Done,
            None => Spent::Refused(refused("unknown_token", user)),
        })
    }
}

impl Shown {
    /// Uses it up, if it is good still and went to the address that the account has: of any number of callers one gets it. The
    /// user's row is held.
    pub(super) async fn consume(
        &self,
        unit: &mut Unit<'_>,
        user: &User,
    ) -> Result<Option<OneTimeToken>, Error> {
        let now = unit.now();
        let row = &self.row;
        let consumed = unit
            .tx()
            .tokens()
            .consume(row.tenant_id, row.purpose, &row.hash, now)
            .await?;
        Ok(consumed.filter(|row| binding::address(row) == Some(user.email.as_str())))
    }
}

pub(super) fn refused(reason: &'static str, user: &User) -> Refused {
    Refused::new(reason, Some(user.id), Error::Token)
}

impl MagicLinks<'_> {
    /// Signs in whoever showed it, or asks for their second factor. `guessed` is the counter of guesses that a code counts on.
    pub(super) async fn finish(
        &self,
        cx: &RequestContext,
        row: OneTimeToken,
        guessed: Option<LockoutKey>,
    ) -> Result<Result<SignIn, Refused>, Error> {
        let inner = self.0.inner();
        if let Err(refused) = self.prove(cx, &row).await? {
            return Ok(Err(refused));
        }
        // Read after the proof: what an unproven owner left is no part of it.
        let account = inner
            .repository
            .find_account(cx.tenant_id, row.user_id)
            .await?;
        let Some(account) = account.filter(|account| account.user.may_sign_in()) else {
            let refused = Refused::new("account_disabled", Some(row.user_id), Error::Token);
            return Ok(Err(refused));
        };
        let mut proven = Proven::new(account, vec![AuthMethod::Email]);
        proven.email_proven = true;
        proven.guessed = guessed;
        proven.spend = Some(Box::new(Shown { row }));
        let outcome = self.0.sessions().complete(cx, proven).await?;
        Ok(outcome.map_err(|mut refused| {
            // No password was shown that could be wrong.
            if matches!(
                refused.error,
                Error::Password(PasswordError::InvalidCredentials)
            ) {
                refused.error = Error::Token;
            }
            refused
        }))
    }

    /// Where nobody had proved the mailbox before, it is proved now, and what somebody else may have left in the account goes:
    /// password, sessions, second factors, devices, pending changes (row 6). Before a session is thought of, so that none of
    /// it has a say in whether there is one.
    async fn prove(
        &self,
        cx: &RequestContext,
        row: &OneTimeToken,
    ) -> Result<Result<(), Refused>, Error> {
        let inner = self.0.inner();
        let mut unit = Unit::begin(inner, cx, inner.clock.now()).await?;
        let now = unit.now();
        let held = unit
            .tx()
            .users()
            .find_for_update(cx.tenant_id, row.user_id)
            .await?;
        let Some(mut user) = held.filter(User::may_sign_in) else {
            let refused = Refused::new("account_disabled", Some(row.user_id), Error::Token);
            return Ok(Err(refused));
        };
        // Looked at while the row is held: an end that came in between proves nothing.
        let good = unit
            .tx()
            .tokens()
            .find(cx.tenant_id, row.purpose, &row.hash, now)
            .await?;
        if good.is_none_or(|row| binding::address(&row) != Some(user.email.as_str())) {
            return Ok(Err(refused("unknown_token", &user)));
        }
        match inner.magic_link_eligible(unit.tx(), &user).await? {
            Eligible::Yes => {}
            Eligible::Disabled => return Ok(Err(refused("disabled", &user))),
            // It came to be so since the link was mailed.
            Eligible::MailboxIsSecondFactor => {
                return Ok(Err(refused("mailbox_is_second_factor", &user)));
            }
        }
        match prove_mailbox(&mut unit, &mut user).await? {
            MailboxProof::Repeated => return Ok(Ok(())),
            MailboxProof::First => {}
        }
        drop_unproven_factors(&mut unit, &mut user).await?;
        unit.tx().users().update(&user).await?;
        unit.tx()
            .credentials()
            .delete_password(cx.tenant_id, user.id)
            .await?;
        unit.end_sessions(user.id, None, SessionEnd::PasswordChanged)
            .await?;
        let others: Vec<TokenPurpose> = TokenPurpose::ALL
            .iter()
            .copied()
            .filter(|purpose| *purpose != row.purpose)
            .collect();
        unit.tx()
            .tokens()
            .revoke_all_for_user(cx.tenant_id, user.id, &others, now)
            .await?;
        unit.commit().await?;
        Ok(Ok(()))
    }

    /// The one answer to whoever has nothing that is good.
    pub(super) async fn unknown<T>(
        &self,
        cx: &RequestContext,
        refused: Refused,
    ) -> Result<T, Error> {
        self.0
            .sessions()
            .settle_as(cx, Event::TokenRefused, Err(refused))
            .await
    }
}
