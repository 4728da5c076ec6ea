//! Passwords: the built-in provider, reset and change.
//!
//! Threats: guessing; telling accounts apart by answer or time (a name without an account costs the same hash); a link that
//! stays good (a newer request, a change of password or of address ends the older ones); a reset that signs in or that
//! leaves the thief signed in (it ends every session and signs nobody in, CS-1); a password that others know (the common, the
//! breached, the user's own earlier ones are refused; one that becomes known can only be changed).
//!
//! Events: `password.changed`, `password.reset`, `password.reset_requested`, `password.rehashed`, `password.change_required`. Violations
//! of a new password: `password.too_short`, `.too_long`, `.common`, `.contextual`, `.too_weak`, `.breached`, `.reused`.

mod change;
mod choose;
mod compromised;
mod provider;
mod reset;

pub(crate) use choose::{LookedUp, forget_passwords};
pub(crate) use compromised::{BreachPause, mark};
pub(crate) use provider::PasswordProvider;

use crate::Gatekeeper;

/// Passwords. From [`Gatekeeper::passwords`].
#[derive(Clone, Copy, Debug)]
pub struct Passwords<'a>(pub(crate) &'a Gatekeeper);
