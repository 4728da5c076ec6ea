use std::sync::Arc;

use super::{Blacklist, BlacklistVerdict};
use crate::{
    AccessError, Error, Identity,
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
        // The number of the state must be read before the state is looked at.
        let mark = self.blacklist.epoch(now).and_then(|epoch| self.mark(epoch));
        if mark.is_some_and(|mark| identity.clean.is(mark)) {
            return Ok(identity);
        }
        match self.blacklist.check(&identity, now) {
            BlacklistVerdict::Clean => {
                if let Some(mark) = mark {
                    identity.clean.set(mark);
                }
                Ok(identity)
            }
            BlacklistVerdict::Revoked => Err(Rejected::Revoked),
            BlacklistVerdict::Stale => Err(Rejected::NeedsSource(identity)),
        }
    }

    /// Asks the blacklist's source about an identity that [`authenticate`](Self::authenticate) could not vouch for.
    ///
    /// # Errors
    ///
    /// [`AccessError::Invalid`] where it is revoked, [`Error::Store`] where the source does not answer.
    pub async fn ask_source(
        &self,
        identity: Arc<Identity>,
        now: Timestamp,
    ) -> Result<Arc<Identity>, Error> {
        match self.blacklist.check_source(&identity, now).await? {
            BlacklistVerdict::Clean => Ok(identity),
            BlacklistVerdict::Revoked => Err(AccessError::Invalid.into()),
            BlacklistVerdict::Stale => Err(Error::Store(StoreError::new(
                StoreErrorKind::Unavailable,
                "the source of revocations is behind",
            ))),
        }
    }

    /// Who is asking, the source included where it must be asked.
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
            Err(Rejected::Token(_) | Rejected::Revoked) => Err(AccessError::Invalid.into()),
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
