#![doc = include_str!("../README.md")]

mod authority;
pub mod blacklist;
pub mod config;
mod context;
pub mod crypto;
pub mod env;
mod error;
mod flows;
mod gatekeeper;
mod hooks;
mod identity;
pub mod lockout;
pub mod mail;
pub mod model;
pub mod password_policy;
mod provider;
pub mod rate_limit;
pub mod store;
pub mod testing;

/// For implementing the traits of this crate.
pub use async_trait::async_trait;
pub use authority::DeniedAttempt;
pub use config::Config;
pub use context::{MAX_USER_AGENT, RequestContext};
pub use error::{
    AccessError, AccountError, ApiKeyError, Error, ErrorClass, ImpersonationError, InvitationError,
    MagicLinkError, MfaError, OrganizationError, PasswordError, RateLimited, Refusal, RoleError,
    SessionError, TenantError, Violation, Violations,
};
pub use flows::{
    accounts::{Accounts, Profile, ProfileChanges, Register, Registered},
    administration::{
        Administration, BrandingChanges, Count, CreatedUser, EffectiveRole, GroupChanges,
        GroupMember, KeyRotation, NewAddress, NewGroup, NewTenant, NewUser, RoleDefinition,
        Statistics, TenantChanges, TenantSettingsChanges, UserChanges,
    },
    api_keys::{ApiKeys, CreatedApiKey, NewApiKey, NewServiceAccount},
    audit::{
        AnchorStanding, Audit, AuditAnchor, AuditBreach, AuditExport, AuditFault, AuditProof,
        AuditVerdict, InvalidAnchor, SealRun, Sealed,
    },
    cleanup::{Cleanup, CleanupRun, Removed},
    impersonation::{BeginImpersonation, ImpersonationStatus, Impersonations, Impersonator},
    imports::{ExportedUser, FirebaseProject, ImportSource, ImportedUser, MAX_IMPORT_BATCH},
    invitations::{AcceptInvitation, InvitationDetails, Invitations, NewInvitation},
    magic_links::{MagicLinkRequested, MagicLinks},
    mfa::{
        BackupCodes, Destination, FactorStatus, Mfa, MfaAttempt, MfaFactor, MfaMethod, MfaProof,
        MfaStanding, MfaStatus, PreparedCode, TotpSetup,
    },
    organizations::{NewOrganization, OrganizationChanges, OrganizationMember, Organizations},
    outbox::{Delivered, Outbox, Retry},
    passwords::Passwords,
    privacy::{Privacy, UserEvents, UserExport},
    sessions::{FinishMfa, MfaPending, SessionDevice, Sessions, SignIn, SignedIn},
};
pub use gatekeeper::{BuildError, Check, CheckState, Gatekeeper, GatekeeperBuilder, Readiness};
pub use hooks::{Hooks, Registration};
pub use identity::Identity;
pub use provider::{
    AuthProvider, Begun, Evidence, Provisioning, Subject, Verification, VerifiedIdentity,
};
