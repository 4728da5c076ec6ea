//! One's own account: sign-up, the address, the profile, the history, the end.
//!
//! | state | how it comes about |
//! |---|---|
//! | unverified | `register` where verification is required or optional |
//! | verified | `verify_email` with the token that went to the address; a redeemed reset |
//! | gone | `delete` |
//!
//! Threats: an account set up with somebody else's address before its owner comes (pre-hijacking); finding out who has an
//! account; taking an account over by its address. Sign-up answers alike for a taken address, after the same hash; what
//! depends on whether there is an account is done by the worker. A token holds the address it confirms. The first proof of
//! the mailbox that is not the sign-up's own link ends what the unproven owner left.

mod email;
mod history;
mod profile;
mod prove;
mod register;

pub(crate) use profile::close;
pub(crate) use prove::{MailboxProof, drop_unproven_factors, prove_mailbox};

use serde_json::{Map, Value};

use crate::{
    Gatekeeper,
    flows::sessions::{SignIn, SignedIn},
    model::{Authority, SecretString, User},
};

/// One's own account. From [`Gatekeeper::accounts`].
#[derive(Clone, Copy, Debug)]
pub struct Accounts<'a>(pub(crate) &'a Gatekeeper);

/// Who wants an account.
#[derive(Clone, Debug)]
pub struct Register {
    /// The address.
    pub email: String,
    /// The password.
    pub password: SecretString,
    /// What the user wants to be called.
    pub name: Option<String>,
    /// The preferred language.
    pub locale: Option<String>,
}

/// What came of a sign-up.
#[derive(Clone, Debug)]
#[must_use]
pub enum Registered {
    /// A mail is on its way to the address, which one depends on what nobody may know.
    VerificationRequired,
    /// The account is there, and its owner signed in.
    SignedIn(Box<SignedIn>),
    /// The account is there; its owner has to show or set up a second factor first. Never [`SignIn::SignedIn`].
    MfaNeeded(SignIn),
}

/// A user as others see them.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The user.
    pub user: User,
    /// What they may do.
    pub authority: Authority,
    /// Whether a second factor is in force.
    pub mfa_enabled: bool,
}

/// What to change of a profile; `None` leaves a field alone.
#[derive(Clone, Debug, Default)]
pub struct ProfileChanges {
    /// The name; `Some(None)` removes it.
    pub name: Option<Option<String>>,
    /// The language; `Some(None)` removes it.
    pub locale: Option<Option<String>>,
    /// The metadata, as a whole.
    pub metadata: Option<Map<String, Value>>,
}

impl Profile {
    pub(crate) fn new(user: User, authority: Authority) -> Self {
        Self {
            mfa_enabled: user.mfa_enabled_at.is_some(),
            user,
            authority: authority.complete(),
        }
    }
}
