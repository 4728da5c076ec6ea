//! What an operator does: make, list, disable, enable and unlock accounts, grant roles, set up a tenant, rotate keys.
//!
//! A command line or a job is trusted. Whoever asks over the network does so through
//! [`on_behalf_of`](Administration::on_behalf_of): every operation then names a permission and a reach, and asks for both in its own
//! transaction (see `acting.rs`).

mod accounts;
mod acting;
mod groups;
mod keys;
mod passwords;
pub(crate) mod roles;
mod sessions;
mod statistics;
mod tenants;
mod unlock;
mod users;

pub use accounts::{CreatedUser, NewUser};
pub(crate) use acting::{Acting, hold_administrators, keep_an_administrator};
pub use groups::{GroupChanges, GroupMember, NewGroup};
pub use keys::KeyRotation;
pub use roles::{EffectiveRole, RoleDefinition};
pub use statistics::{Count, Statistics};
pub use tenants::{BrandingChanges, NewTenant, TenantChanges, TenantSettingsChanges};
pub use users::{NewAddress, UserChanges};

use crate::{Gatekeeper, Identity};

/// What an operator does. From [`Gatekeeper::administration`].
///
/// # Security
///
/// By itself it asks nobody for a permission. In the handler of a request, call [`on_behalf_of`](Self::on_behalf_of) first.
#[derive(Clone, Copy, Debug)]
pub struct Administration<'a>(pub(crate) &'a Gatekeeper, pub(crate) Option<&'a Identity>);
