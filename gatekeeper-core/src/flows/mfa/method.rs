use std::fmt;

use async_trait::async_trait;

use crate::{
    Error,
    model::{AuthMethod, SecretBytes, SecretString, Timestamp, User},
    store::Transaction,
};

/// How a method stands beside the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MfaStanding {
    /// A factor of its own: offered to users who have set it up.
    Factor,
    /// Stands in for a lost factor: offered beside factors, where [`MfaMethod::is_ready`].
    Recovery,
    /// Weaker than a factor: offered to users who have no factor, and either chose it or must have one.
    Fallback,
}

/// Where codes of a method are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To the account's address.
    Mailbox,
    /// To this telephone number, E.164.
    Telephone(String),
}

/// A factor of a user that is in force, opened.
#[derive(Clone, Debug)]
pub struct MfaFactor {
    /// What was sealed: a seed, a telephone number.
    pub secret: SecretBytes,
    /// The last counter that was accepted; -1 for none.
    pub counter: i64,
}

/// A code as a user gave it, after what is slow was done with it: see [`MfaMethod::prepare`].
#[derive(Clone, Debug)]
pub struct PreparedCode {
    /// The code, freed of spaces and hyphens.
    pub code: SecretString,
    /// What the method made of it.
    pub prepared: Option<SecretString>,
}

/// A code to be judged.
#[derive(Debug)]
pub struct MfaAttempt<'a> {
    /// Whose factor it is; held by the transaction.
    pub user: &'a User,
    /// The factor; `None` where the method keeps none.
    pub factor: Option<&'a MfaFactor>,
    /// The code.
    pub code: &'a PreparedCode,
    /// When.
    pub now: Timestamp,
}

/// What a method says of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum MfaProof {
    /// It is right.
    Accepted,
    /// It is right for this counter: accepted if no code of this counter or a later one was before. The caller sees to it, by one
    /// guarded statement (RFC 6238 section 5.2).
    AtCounter(i64),
    /// It was right and is used up; so many are left.
    UsedUp {
        /// How many.
        left: usize,
    },
    /// It is wrong: the reason, for the audit trail.
    Refused(&'static str),
}

/// A second factor. Sign-in knows this trait alone: a method that is added by
/// [`GatekeeperBuilder::mfa_method`](crate::GatekeeperBuilder::mfa_method) finishes sign-ins like the built-in ones.
///
/// # Security
///
/// A method decides whether a code is right and nothing else. That wrong codes are counted, that a counter is accepted once,
/// that a code that was sent is good once, for ten minutes and for its own sign-in, is seen to by its caller.
#[async_trait]
pub trait MfaMethod: Send + Sync + fmt::Debug {
    /// A stable name, 1 to 32 of `a-z`, `0-9` and `_`: what clients send as `method`, and what factors are stored under.
    fn name(&self) -> &'static str;

    /// What `amr` says of it (RFC 8176). A method is not offered after a first factor that said the same: a factor shown twice
    /// is one.
    fn amr(&self) -> AuthMethod;

    /// How it stands beside the others.
    fn standing(&self) -> MfaStanding {
        MfaStanding::Factor
    }

    /// Whether the user could use it now; asked of [`MfaStanding::Recovery`] and of [`MfaStanding::Fallback`], which may have no
    /// stored factor. Reads, and changes nothing.
    ///
    /// # Errors
    ///
    /// Where it cannot be found out.
    async fn is_ready(&self, _tx: &mut dyn Transaction, _user: &User) -> Result<bool, Error> {
        Ok(false)
    }

    /// Where its codes are sent; `None` for a method whose users make their codes themselves. Codes that are sent are made and
    /// verified by the caller: [`verify`](Self::verify) is then not asked.
    ///
    /// # Errors
    ///
    /// Where the factor cannot be read.
    fn destination(&self, _factor: Option<&MfaFactor>) -> Result<Option<Destination>, Error> {
        Ok(None)
    }

    /// What has to be computed or asked elsewhere before a code can be judged. Runs outside of any transaction; its answer is
    /// handed to [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// Where it cannot be done: nobody is signed in then.
    async fn prepare(
        &self,
        _user: &User,
        _code: &SecretString,
    ) -> Result<Option<SecretString>, Error> {
        Ok(None)
    }

    /// Judges a code, and uses it up where it is one of several. Runs inside the transaction of what it allows; must not wait
    /// for anything but the store.
    ///
    /// # Errors
    ///
    /// Where it cannot be found out: nobody is signed in then.
    async fn verify(
        &self,
        tx: &mut dyn Transaction,
        attempt: MfaAttempt<'_>,
    ) -> Result<MfaProof, Error>;
}
