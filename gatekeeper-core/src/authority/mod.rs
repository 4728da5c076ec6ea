//! What users may do, at this moment: where an identity has its roles and permissions from, for how long they are believed,
//! and what becomes of those that are out of date.
//!
//! A change of roles is a piece of news like a revocation
//! ([`RevocationTarget::Authority`](crate::model::RevocationTarget::Authority)). What was read from the store bears the number of
//! the blacklist's state *before* the reading: news that came to be known after that number may be missing from what was
//! read, and make it outdated; whatever was known before is in it. Times are compared for tokens alone, which have nothing else.
//!
//! Threats: a change that commits while it is read (the number is taken first); a node that hears nothing any more (its
//! blacklist is stale, and nothing remembered is believed); what is read for one tenant or organisation believed in
//! another (they are part of the key).

mod cache;
mod denials;
mod instants;
mod renew;

use std::time::Duration;

use crate::model::Timestamp;

pub(crate) use cache::{AuthorityCache, AuthorityKey};
pub(crate) use denials::Denials;
pub use denials::DeniedAttempt;
pub(crate) use instants::Instants;
pub(crate) use renew::Judged;

/// For how long what was read is believed without any news.
const BELIEVED_FOR: Duration = Duration::from_mins(5);

/// Where an identity has its roles and permissions from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From its access token.
    #[default]
    Token,
    /// From nowhere: its access token says that they have to be looked up.
    Omitted,
    /// From the store.
    Store(ReadMark),
}

/// Up to which news, and until when, what was read from the store is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadMark {
    /// By whom news are numbered.
    authenticator: u64,
    epoch: u64,
    until: Timestamp,
}

impl ReadMark {
    /// The mark of what is read from now on.
    pub(crate) fn new(authenticator: u64, epoch: u64, now: Timestamp) -> Self {
        Self {
            authenticator,
            epoch,
            until: now.after(BELIEVED_FOR),
        }
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether it is young enough, and numbered by this authenticator.
    pub(crate) fn holds(&self, authenticator: u64, now: Timestamp) -> bool {
        self.authenticator == authenticator && now < self.until
    }
}

impl Origin {
    /// Whether there are roles and permissions to be believed, news apart.
    pub(crate) fn holds(&self, authenticator: u64, now: Timestamp) -> bool {
        match self {
            Self::Token => true,
            Self::Omitted => false,
            Self::Store(mark) => mark.holds(authenticator, now),
        }
    }
}

#[cfg(test)]
mod tests;
