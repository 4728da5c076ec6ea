//! What an operator does: make, list, disable, enable and unlock accounts, grant roles, set up a tenant, rotate keys.
//!
//! The callers are trusted: a command line, a job. Nothing here asks who is calling.

mod accounts;
mod keys;
mod passwords;
mod roles;
mod tenants;
mod unlock;

pub use accounts::{CreatedUser, NewUser};
pub use keys::KeyRotation;

use crate::Gatekeeper;

/// What an operator does. From [`Gatekeeper::administration`].
///
/// # Security
///
/// It asks nobody for a permission: never hand it to the handler of a request unguarded.
#[derive(Clone, Copy, Debug)]
pub struct Administration<'a>(pub(crate) &'a Gatekeeper);
