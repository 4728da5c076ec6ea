//! Passwords: the built-in provider, reset and change.
//!
//! Threats: guessing; telling accounts apart by answer or time (a name without an account costs the same hash); a link that
//! stays good (a newer request, a change of password or of address ends the older ones); a reset that signs in or that
//! leaves the thief signed in (it ends every session and signs nobody in, CS-1).

mod change;
mod provider;
mod reset;

pub(crate) use provider::PasswordProvider;

use crate::Gatekeeper;

/// Passwords. From [`Gatekeeper::passwords`].
#[derive(Clone, Copy, Debug)]
pub struct Passwords<'a>(pub(crate) &'a Gatekeeper);
