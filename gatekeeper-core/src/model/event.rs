use std::net::IpAddr;

use serde_json::{Map, Value};

use super::{ApiKeyId, EventId, TenantId, Timestamp, UserId};

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// Everything that is worth recording. The audit trail, webhooks, alerts and metrics all feed on it.
        ///
        /// The codes are part of the public contract: one is never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Event {
            $($(#[$doc])* $name,)*
        }

        impl Event {
            /// Every event.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// The event with this code.
            pub fn parse(code: &str) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

events! {
    /// Somebody who is signed in was refused for want of a permission.
    AccessDenied = "access.denied";
    /// An account was made by an operator.
    AccountCreated = "account.created";
    /// An account was deleted.
    AccountDeleted = "account.deleted";
    /// An account was disabled.
    AccountDisabled = "account.disabled";
    /// A disabled account was enabled again.
    AccountEnabled = "account.enabled";
    /// What the audit trail held of a person was erased; the rows stay, under pseudonyms.
    AccountErased = "account.erased";
    /// All that is kept about a user was given out.
    AccountExported = "account.exported";
    /// Accounts were imported.
    AccountsImported = "account.imported";
    /// Too many wrong guesses: the account answers to nobody for a while.
    AccountLocked = "account.locked";
    /// An account was made by its owner.
    AccountRegistered = "account.registered";
    /// Somebody tried to register an address that has an account.
    AccountRegistrationRepeated = "account.registration_repeated";
    /// An administrator, or a reset of the password, lifted a lock.
    AccountUnlocked = "account.unlocked";
    /// Name, locale or metadata changed.
    AccountUpdated = "account.updated";
    /// An API key was made.
    ApiKeyCreated = "api_key.created";
    /// An API key was revoked.
    ApiKeyRevoked = "api_key.revoked";
    /// An API key was replaced by a new one.
    ApiKeyRotated = "api_key.rotated";
    /// The audit trail was exported.
    AuditExported = "audit.exported";
    /// Rows of the audit trail went that were older than they are kept.
    AuditPurged = "audit.purged";
    /// A device is no longer known.
    DeviceRevoked = "device.revoked";
    /// A device is spared the second factor for a while.
    DeviceTrusted = "device.trusted";
    /// A change of address was asked for.
    EmailChangeRequested = "email.change_requested";
    /// The address changed.
    EmailChanged = "email.changed";
    /// A verification mail was asked for.
    EmailVerificationRequested = "email.verification_requested";
    /// An address was verified.
    EmailVerified = "email.verified";
    /// A group was made.
    GroupCreated = "group.created";
    /// A group was deleted.
    GroupDeleted = "group.deleted";
    /// Somebody became a member of a group.
    GroupMemberAdded = "group.member_added";
    /// Somebody is no longer a member of a group.
    GroupMemberRemoved = "group.member_removed";
    /// A group's name, description or roles changed.
    GroupUpdated = "group.updated";
    /// An outside identity was linked to an account.
    IdentityLinked = "identity.linked";
    /// Somebody began to act as another user.
    ImpersonationBegun = "impersonation.begun";
    /// Somebody ceased to act as another user.
    ImpersonationEnded = "impersonation.ended";
    /// An invitation was accepted.
    InvitationAccepted = "invitation.accepted";
    /// Somebody was invited.
    InvitationCreated = "invitation.created";
    /// An invitation was mailed again.
    InvitationResent = "invitation.resent";
    /// An invitation was revoked.
    InvitationRevoked = "invitation.revoked";
    /// A new signing key was made.
    KeyRotated = "key.rotated";
    /// A link to sign in with was opened in another browser than the one that asked, and became a code.
    MagicLinkOpenedElsewhere = "magic_link.opened_elsewhere";
    /// A link to sign in with was asked for.
    MagicLinkRequested = "magic_link.requested";
    /// A backup code was used up.
    MfaBackupCodeUsed = "mfa.backup_code_used";
    /// New backup codes were made; the old ones are dead.
    MfaBackupCodesGenerated = "mfa.backup_codes_generated";
    /// A code was sent as a second factor.
    MfaCodeRequested = "mfa.code_requested";
    /// A second factor was taken away.
    MfaDisabled = "mfa.disabled";
    /// A second factor is in force.
    MfaEnabled = "mfa.enabled";
    /// A second factor was wrong, after the first was right.
    MfaFailed = "mfa.failed";
    /// A second factor was shown again in a session.
    MfaSteppedUp = "mfa.stepped_up";
    /// An organisation was made.
    OrganizationCreated = "organization.created";
    /// An organisation was deleted.
    OrganizationDeleted = "organization.deleted";
    /// Somebody became a member of an organisation.
    OrganizationMemberAdded = "organization.member_added";
    /// Somebody is no longer a member of an organisation.
    OrganizationMemberRemoved = "organization.member_removed";
    /// A member's roles in an organisation changed.
    OrganizationMemberUpdated = "organization.member_updated";
    /// A user made another organisation the active one.
    OrganizationSwitched = "organization.switched";
    /// An organisation's name or metadata changed.
    OrganizationUpdated = "organization.updated";
    /// A password may no longer be used, but only changed: it is known to others.
    PasswordChangeRequired = "password.change_required";
    /// A password was changed by its owner.
    PasswordChanged = "password.changed";
    /// A password hash was made anew with the parameters of today.
    PasswordRehashed = "password.rehashed";
    /// A password was set through the reset flow.
    PasswordReset = "password.reset";
    /// A reset was asked for.
    PasswordResetRequested = "password.reset_requested";
    /// A role was made.
    RoleCreated = "role.created";
    /// A role was deleted.
    RoleDeleted = "role.deleted";
    /// A role was granted.
    RoleGranted = "role.granted";
    /// A role was taken away.
    RoleRevoked = "role.revoked";
    /// A role's permissions, its description or what it inherits changed.
    RoleUpdated = "role.updated";
    /// A service account was made.
    ServiceAccountCreated = "service_account.created";
    /// A session began: somebody signed in.
    SessionCreated = "session.created";
    /// A session was ended before its time.
    SessionEnded = "session.ended";
    /// A used refresh token came again; the session was ended.
    SessionReuseDetected = "session.reuse_detected";
    /// A sign-in was refused.
    SignInFailed = "sign_in.failed";
    /// A tenant was made.
    TenantCreated = "tenant.created";
    /// A tenant was deleted with all that was its own.
    TenantDeleted = "tenant.deleted";
    /// A suspended tenant is open again.
    TenantResumed = "tenant.resumed";
    /// A tenant was suspended: nobody can sign in.
    TenantSuspended = "tenant.suspended";
    /// A tenant's settings changed.
    TenantUpdated = "tenant.updated";
    /// A one-time token was refused.
    TokenRefused = "token.refused";
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused.
    Failure,
}

impl Outcome {
    /// The stable name that stores carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }

    /// The outcome with this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Success, Self::Failure]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}

/// A row of the audit trail: who did what to whom, from where, how it went and why. Rows are only ever added.
///
/// # Security
///
/// It holds no credential and no token, and of an address that has no account only a keyed hash (ASVS 16.2.5).
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEvent {
    /// The id.
    pub id: EventId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
    /// How it went.
    pub outcome: Outcome,
    /// The true reason, where the public answer may not give it: `unknown_account`, `wrong_password`, ...
    pub reason: Option<String>,
    /// Who did it; `None` for somebody unknown, and for an operator at the command line.
    pub actor: Option<UserId>,
    /// Whom it concerns.
    pub target: Option<UserId>,
    /// The correlation id of the request.
    pub correlation_id: String,
    /// The caller's address.
    pub ip: Option<IpAddr>,
    /// The caller's user agent, at most 512 bytes.
    pub user_agent: Option<String>,
    /// More, by event: a session's id, a role's name.
    pub details: Map<String, Value>,
    /// Who acted as `actor`, while impersonating.
    pub impersonator: Option<UserId>,
    /// The API key with which `actor` did it.
    pub api_key: Option<ApiKeyId>,
    /// What stands for the whole row, address, user agent and details included, from the moment it is written: a keyed hash over the salt
    /// and over them. The link is made over it, so that they can be erased without breaking the chain. `None` in rows of before there
    /// was a chain.
    pub digest: Option<[u8; 32]>,
    /// Random bytes, so that what was erased cannot be found again by trying, even by who has the secret; gone once erased.
    pub salt: Option<[u8; 16]>,
    /// When address, user agent and details were erased.
    pub erased_at: Option<Timestamp>,
    /// Its place in the chain of its tenant; `None` until the worker has given it one, within about a second.
    pub seal: Option<AuditSeal>,
}

/// A row's place in the chain of its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditSeal {
    /// Its number, from 1 on, without gaps.
    pub sequence: i64,
    /// A keyed hash over the link of the row before and all that this row says. Whoever can write to the database, but has not the
    /// secret, cannot make one.
    pub link: [u8; 32],
}

/// Where the chain of a tenant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The last row's number; 0 before the first.
    pub sequence: i64,
    /// The last row's link; zeros before the first.
    pub link: [u8; 32],
    /// The last number that was removed with age; 0 where none was.
    pub base_sequence: i64,
    /// That row's link, from which the rows that are left go on; zeros where none was removed.
    pub base_link: [u8; 32],
    /// When this last changed.
    pub updated_at: Timestamp,
    /// A keyed hash over all of it.
    pub mac: [u8; 32],
}
