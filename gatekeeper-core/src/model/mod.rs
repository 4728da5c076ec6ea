//! The domain: what is stored, and the small types it is made of.
//!
//! Rows (`User`, `Session`, ...) have public fields and are *not* `non_exhaustive`: whoever writes a store should be
//! told by the compiler when a field comes to be.

mod api_key;
mod device_name;
mod email;
mod event;
mod group;
mod id;
mod invitation;
mod mfa;
mod organization;
mod outbox;
mod page;
mod permission;
mod revocation;
mod role;
mod secret;
mod session;
mod signing_key;
mod tenant;
mod timestamp;
mod token;
mod user;

pub use api_key::ApiKey;
pub use device_name::device_name;
pub use email::{EmailAddress, EmailError, NormalizedEmail};
pub use event::{AuditEvent, AuditHead, AuditSeal, Event, Outcome};
pub use group::Group;
pub use id::{
    ApiKeyId, BackupCodeId, DeviceId, EventId, GroupId, InvitationId, KeyId, MailId,
    OneTimeTokenId, OrganizationId, PasswordHistoryId, SessionId, TenantId, TokenId, UserId,
};
pub use invitation::{Invitation, InvitationState};
pub use ipnet::IpNet;
pub use mfa::{BackupCode, Device, MfaCredential};
pub use organization::{Membership, Organization};
pub use outbox::{OutboxEntry, OutboxKind, OutboxState};
pub use page::{Cursor, MAX_PAGE, Page, PageRequest, SearchCursor, SearchPage};
pub use permission::Permission;
pub use revocation::{Revocation, RevocationTarget};
pub use role::{Authority, OrganizationAuthority, Role, RoleName};
pub use secret::{SecretBytes, SecretString};
pub use session::{AuthMethod, Impersonation, Session, SessionEnd};
pub use signing_key::{Algorithm, StoredSigningKey};
pub use tenant::{
    Branding, MfaRequirement, Offered, SessionLimit, SignInMethod, Tenant, TenantSettings,
    TenantSlug, WhenFull,
};
pub use timestamp::Timestamp;
pub use token::{OneTimeToken, TokenHash, TokenPurpose};
pub use user::{Account, ExternalIdentity, FormerPassword, PasswordCredential, User, UserKind};
