//! The storage contracts: one trait an aggregate, [`Repository`] and [`Transaction`] over them.
//!
//! Rules that every implementation keeps, and that `gatekeeper-testkit` proves:
//!
//! 1. A [`Transaction`] is committed whole or dropped; dropping it without a commit undoes everything.
//! 2. Every method that names a tenant sees that tenant's rows alone. The few that do not are maintenance
//!    ([`OutboxRepository::claim`], [`Repository::revocations_since`], [`AuditRepository::unsealed`] and `heads`, `purge_expired`) and
//!    are called by workers only; and tenants themselves, which the platform's administrators list.
//! 3. Time comes in as a value. "Expired" means `now >= expires_at`.
//! 4. What may happen once (`consume`, `rotate_session`, `end`) is one guarded statement; of any number of concurrent
//!    callers one wins.
//! 5. A transaction that reads a row `_for_update` holds off others that do the same until it ends.
//! 6. Timestamps come back to the microsecond, text to the byte.
//! 7. A failure is a [`StoreError`] with a kind; absence is `Option::None`, never an error.

mod accounts;
mod api_keys;
mod audit;
mod devices;
mod error;
mod groups;
mod invitations;
mod leases;
mod lockouts;
pub mod memory;
mod mfa;
mod organizations;
mod outbox;
mod repository;
mod revocations;
mod roles;
mod sessions;
mod signing_keys;
mod tenants;
mod tokens;

pub use accounts::{CredentialRepository, UserFilter, UserRepository, UserSearch};
pub use api_keys::ApiKeyRepository;
pub use audit::{AuditFilter, AuditRepository};
pub use devices::DeviceRepository;
pub use error::{Constraint, StoreError, StoreErrorKind};
pub use groups::GroupRepository;
pub use invitations::{InvitationFilter, InvitationRepository};
pub use leases::LeaseRepository;
pub use lockouts::LockoutRepository;
pub use mfa::MfaRepository;
pub use organizations::OrganizationRepository;
pub use outbox::OutboxRepository;
pub use repository::{Repository, RevocationSignal, RotatedSession, SessionRotation, Transaction};
pub use revocations::RevocationRepository;
pub use roles::RoleRepository;
pub use sessions::SessionRepository;
pub use signing_keys::SigningKeyRepository;
pub use tenants::TenantRepository;
pub use tokens::OneTimeTokenRepository;
