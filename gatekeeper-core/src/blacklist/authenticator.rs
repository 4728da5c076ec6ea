use std::sync::Arc;

use super::{Blacklist, BlacklistVerdict};
use crate::{
    AccessError, Error, Identity,
    authority::ReadMark,
    crypto::jwt::{AccessTokens, TokenRejection},
    model::Timestamp,
    store::{StoreError, StoreErrorKind},
};

/// Says who is asking, from an access token: signature, times and blacklist in one call. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TokenAuthenticator {
    tokens: AccessTokens,
    blacklist: Arc<dyn Blacklist>,
    /// Tells the marks of this one from those of another with another blacklist.
    number: u64,
}

/// Why [`TokenAuthenticator::authenticate`] does not say who is asking.
#[must_use]
#[derive(Clone, Debug)]
pub enum Rejected {
    /// The token is not sound.
    Token(TokenRejection),
    /// The token was sound and is revoked.
    Revoked,
    /// The token is good, but what this identity says of roles and permissions has changed since it was issued, or read.
    Outdated(Arc<Identity>),
    /// The token is good, and does not say, or not any more, what its bearer may do: that has to be looked up.
    Incomplete(Arc<Identity>),
    /// The token is sound, and the blacklist may be behind: this identity must not be believed before its
    /// [source](TokenAuthenticator::ask_source) was asked.
    NeedsSource(Arc<Identity>),
}

/// The bits of a mark that hold the epoch; the rest hold the authenticator's number.
const EPOCH_BITS: u32 = 48;

impl TokenAuthenticator {
    /// An authenticator over these tokens and this blacklist.
    pub fn new(tokens: AccessTokens, blacklist: Arc<dyn Blacklist>) -> Self {
        let number = tokens.next_authenticator();
        Self {
            tokens,
            blacklist,
            number,
        }
    }

    /// Who is asking, as far as this process knows. Does no I/O.
    ///
    /// # Errors
    ///
    /// [`Rejected`]. [`authenticate_fully`](Self::authenticate_fully) deals with all of it.
    pub fn authenticate(&self, token: &str, now: Timestamp) -> Result<Arc<Identity>, Rejected> {
        let identity = self.tokens.verify(token, now).map_err(Rejected::Token)?;
        self.judge(identity, now)
    }

    /// Whether an identity that was found right, by its token or otherwise, may still be believed. Does no I/O.
    pub(crate) fn judge(
        &self,
        identity: Arc<Identity>,
        now: Timestamp,
    ) -> Result<Arc<Identity>, Rejected> {
        // The number of the state must be read before the state is looked at.
        let mark = self.blacklist.epoch(now).and_then(|epoch| self.mark(epoch));
        if mark.is_some_and(|mark| identity.clean.is(mark))
            && identity.origin.holds(self.number, now)
        {
            return Ok(identity);
        }
        let verdict = self.blacklist.check(&identity, now);
        let judged = self.conclude(identity, verdict, now)?;
        if let Some(mark) = mark {
            judged.clean.set(mark);
        }
        Ok(judged)
    }

    fn conclude(
        &self,
        identity: Arc<Identity>,
        verdict: BlacklistVerdict,
        now: Timestamp,
    ) -> Result<Arc<Identity>, Rejected> {
        match verdict {
            BlacklistVerdict::Clean if identity.origin.holds(self.number, now) => Ok(identity),
            BlacklistVerdict::Clean => Err(Rejected::Incomplete(identity)),
            BlacklistVerdict::Outdated => Err(Rejected::Outdated(identity)),
            BlacklistVerdict::Revoked => Err(Rejected::Revoked),
            BlacklistVerdict::Stale => Err(Rejected::NeedsSource(identity)),
        }
    }

    /// The mark of what is read from the store from now on; `None` where news may be late, so that nobody could tell for how
    /// long it is right. To be taken before the reading.
    pub(crate) fn read_mark(&self, now: Timestamp) -> Option<ReadMark> {
        let epoch = self.blacklist.epoch(now)?;
        Some(ReadMark::new(self.number, epoch, now))
    }

    /// Whether a mark of this authenticator's is young enough.
    pub(crate) fn holds(&self, mark: &ReadMark, now: Timestamp) -> bool {
        mark.holds(self.number, now)
    }

    /// Asks the blacklist's source about an identity that [`authenticate`](Self::authenticate) could not vouch for.
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`] where it is revoked or outdated, [`Error::Store`] where the source does not answer.
    pub async fn ask_source(
        &self,
        identity: Arc<Identity>,
        now: Timestamp,
    ) -> Result<Arc<Identity>, Error> {
        let judged = self.judge_by_source(identity, now).await?;
        judged.map_err(|_| AccessError::Invalid.into())
    }

    /// The same, with the reason. Never [`Rejected::NeedsSource`].
    pub(crate) async fn judge_by_source(
        &self,
        identity: Arc<Identity>,
        now: Timestamp,
    ) -> Result<Result<Arc<Identity>, Rejected>, Error> {
        match self.blacklist.check_source(&identity, now).await? {
            BlacklistVerdict::Stale => Err(Error::Store(StoreError::new(
                StoreErrorKind::Unavailable,
                "the source of revocations is behind",
            ))),
            verdict => Ok(self.conclude(identity, verdict, now)),
        }
    }

    /// Who is asking, the source included where it must be asked. A token that is outdated is refused, since nothing here can read
    /// anew what its bearer may do: [`Gatekeeper::authenticate`](crate::Gatekeeper::authenticate) does that.
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`] for whatever is wrong with the token; [`Error::Store`] where the source must be asked and
    /// does not answer. For the true reason call [`authenticate`](Self::authenticate).
    pub async fn authenticate_fully(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<Identity>, Error> {
        match self.authenticate(token, now) {
            Ok(identity) => Ok(identity),
            Err(
                Rejected::Token(_)
                | Rejected::Revoked
                | Rejected::Outdated(_)
                | Rejected::Incomplete(_),
            ) => Err(AccessError::Invalid.into()),
            Err(Rejected::NeedsSource(identity)) => self.ask_source(identity, now).await,
        }
    }

    /// The tokens.
    pub const fn tokens(&self) -> &AccessTokens {
        &self.tokens
    }

    /// The blacklist.
    pub const fn blacklist(&self) -> &Arc<dyn Blacklist> {
        &self.blacklist
    }

    /// One number for (this authenticator, this state of its blacklist); `None` where they do not fit, which takes 2^48
    /// revocations or 2^16 authenticators.
    fn mark(&self, epoch: u64) -> Option<u64> {
        (epoch >> EPOCH_BITS == 0 && self.number >> (u64::BITS - EPOCH_BITS) == 0)
            .then_some(self.number << EPOCH_BITS | epoch)
    }
}
