//! The domain: what is stored, and the small types it is made of.
//!
//! Rows (`User`, `Session`, ...) have public fields and are *not* `non_exhaustive`: whoever writes a store should be
//! told by the compiler when a field comes to be.

mod device_name;
mod email;
mod event;
mod id;
mod mfa;
mod outbox;
mod page;
mod revocation;
mod role;
mod secret;
mod session;
mod signing_key;
mod tenant;
mod timestamp;
mod token;
mod user;

pub use device_name::device_name;
pub use email::{EmailAddress, EmailError, NormalizedEmail};
pub use event::{AuditEvent, Event, Outcome};
pub use id::{
    BackupCodeId, DeviceId, EventId, KeyId, MailId, OneTimeTokenId, PasswordHistoryId, SessionId,
    TenantId, TokenId, UserId,
};
pub use mfa::{BackupCode, Device, MfaCredential};
pub use outbox::{OutboxEntry, OutboxKind, OutboxState};
pub use page::{Cursor, MAX_PAGE, Page, PageRequest};
pub use revocation::{Revocation, RevocationTarget};
pub use role::{Authority, Role, RoleName};
pub use secret::{SecretBytes, SecretString};
pub use session::{AuthMethod, Session, SessionEnd};
pub use signing_key::{Algorithm, StoredSigningKey};
pub use tenant::{
    Branding, MfaRequirement, SessionLimit, Tenant, TenantSettings, TenantSlug, WhenFull,
};
pub use timestamp::Timestamp;
pub use token::{OneTimeToken, TokenHash, TokenPurpose};
pub use user::{Account, ExternalIdentity, FormerPassword, PasswordCredential, User};
