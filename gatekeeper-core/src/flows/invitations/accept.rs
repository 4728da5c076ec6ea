use super::{AcceptInvitation, Invitations, inspect::Looked};
use crate::{
    Error, Evidence, RequestContext,
    crypto::one_time,
    flows::sessions::{Accepting, SignIn},
    model::{Event, TokenHash},
    store::Constraint,
};

impl Invitations<'_> {
    /// Accepts an invitation with the token of its link and a password, and signs in.
    ///
    /// Where the invited address has an account, the password is that account's, and this is a sign-in like any other: with its limits,
    /// its lockout, its second factor. The invitation is accepted in the unit that begins the session, so by nobody who has not shown
    /// every factor; until then it stays good, and can be revoked. Where the address has none, one is made with this password, its
    /// mailbox proved by the link. An account whose mailbox nobody proved is taken over: see
    /// [`Passwords::reset`](crate::Passwords::reset), which does the same.
    ///
    /// A refused password or name does not use the invitation up.
    ///
    /// # Errors
    ///
    /// [`Error::Token`] where the invitation cannot be accepted, for whatever reason;
    /// [`PasswordError::InvalidCredentials`](crate::PasswordError::InvalidCredentials) and the other refusals of
    /// [`Sessions::sign_in`](crate::Sessions::sign_in) where there is an account; else [`Error::Invalid`] for `/password`, `/name`,
    /// `/locale`, [`Error::Refused`] by a hook; [`Error::Overloaded`]; [`Error::Unavailable`]; a failure of the store.
    pub async fn accept(
        &self,
        cx: &RequestContext,
        input: AcceptInvitation,
    ) -> Result<SignIn, Error> {
        let Some(hash) = one_time::hash_of(input.token.expose()) else {
            return Err(Error::Token);
        };
        match self.try_accept(cx, &hash, &input).await {
            // Somebody made an account with the address between the look and the write: once more, on that one.
            Err(Error::Store(error)) if error.is_conflict(Constraint::UserEmail) => {
                self.try_accept(cx, &hash, &input).await
            }
            answer => answer,
        }
    }

    async fn try_accept(
        &self,
        cx: &RequestContext,
        hash: &TokenHash,
        input: &AcceptInvitation,
    ) -> Result<SignIn, Error> {
        let looked = match self.look(cx, hash).await? {
            Ok(looked) => looked,
            Err(reason) => return self.refuse(cx, reason).await,
        };
        let known = looked
            .account
            .as_ref()
            .is_some_and(|account| account.user.email_verified());
        if known {
            self.sign_in(cx, hash, looked, input).await
        } else {
            self.enter(cx, hash, looked, input).await
        }
    }

    /// Whoever has an account proves it.
    async fn sign_in(
        &self,
        cx: &RequestContext,
        hash: &TokenHash,
        looked: Looked,
        input: &AcceptInvitation,
    ) -> Result<SignIn, Error> {
        let Looked {
            invitation,
            granted,
            ..
        } = looked;
        let evidence = Evidence::Password {
            identifier: invitation.email.as_str().to_owned(),
            password: input.password.clone(),
        };
        let accepting = Accepting {
            hash: *hash,
            roles: match invitation.organization_id {
                None => granted.roles,
                Some(_) => Vec::new(),
            },
        };
        let sessions = self.0.sessions();
        let outcome = sessions.try_sign_in(cx, &evidence, Some(accepting)).await?;
        let event = match &outcome {
            Err(refused) if matches!(refused.error, Error::Token) => Event::TokenRefused,
            Ok(_) | Err(_) => Event::SignInFailed,
        };
        sessions.settle_as(cx, event, outcome).await
    }
}
