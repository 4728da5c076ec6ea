use std::net::IpAddr;

use serde_json::{Map, Value};

use super::{EventId, TenantId, Timestamp, UserId};

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
    /// A disabled account was enabled again.
    AccountEnabled = "account.enabled";
    /// An account was disabled.
    AccountDisabled = "account.disabled";
    /// Too many wrong guesses: the account answers to nobody for a while.
    AccountLocked = "account.locked";
    /// An administrator, or a reset of the password, lifted a lock.
    AccountUnlocked = "account.unlocked";
    /// An account was deleted.
    AccountDeleted = "account.deleted";
    /// Name, locale or metadata changed.
    AccountUpdated = "account.updated";
    /// An account was made by its owner.
    AccountRegistered = "account.registered";
    /// An account was made by an operator.
    AccountCreated = "account.created";
    /// Somebody tried to register an address that has an account.
    AccountRegistrationRepeated = "account.registration_repeated";
    /// An address was verified.
    EmailVerified = "email.verified";
    /// A verification mail was asked for.
    EmailVerificationRequested = "email.verification_requested";
    /// A change of address was asked for.
    EmailChangeRequested = "email.change_requested";
    /// The address changed.
    EmailChanged = "email.changed";
    /// A device is spared the second factor for a while.
    DeviceTrusted = "device.trusted";
    /// A device is no longer known.
    DeviceRevoked = "device.revoked";
    /// An outside identity was linked to an account.
    IdentityLinked = "identity.linked";
    /// A new signing key was made.
    KeyRotated = "key.rotated";
    /// A link to sign in with was opened in another browser than the one that asked, and became a code.
    MagicLinkOpenedElsewhere = "magic_link.opened_elsewhere";
    /// A link to sign in with was asked for.
    MagicLinkRequested = "magic_link.requested";
    /// New backup codes were made; the old ones are dead.
    MfaBackupCodesGenerated = "mfa.backup_codes_generated";
    /// A backup code was used up.
    MfaBackupCodeUsed = "mfa.backup_code_used";
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
    /// A role was granted.
    RoleGranted = "role.granted";
    /// A role was taken away.
    RoleRevoked = "role.revoked";
    /// A session began: somebody signed in.
    SessionCreated = "session.created";
    /// A session was ended before its time.
    SessionEnded = "session.ended";
    /// A used refresh token came again; the session was ended.
    SessionReuseDetected = "session.reuse_detected";
    /// A sign-in was refused.
    SignInFailed = "sign_in.failed";
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
}
