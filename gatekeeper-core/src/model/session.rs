use std::net::IpAddr;

use super::{DeviceId, OrganizationId, SessionId, TenantId, Timestamp, UserId};

/// How a user proved to be who they are: a value of `amr` (RFC 8176 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AuthMethod {
    /// A mail that was read: a link or a code. No registered value exists.
    Email,
    /// An outside provider vouched for the user; no registered value exists.
    Federated,
    /// More than one factor: always beside what they were.
    MultiFactor,
    /// A one-time code: of an authenticator app, or a backup code.
    OneTimeCode,
    /// A password.
    Password,
    /// A code in a text message.
    Sms,
}

impl AuthMethod {
    /// Every method.
    pub const ALL: &'static [Self] = &[
        Self::Email,
        Self::Federated,
        Self::MultiFactor,
        Self::OneTimeCode,
        Self::Password,
        Self::Sms,
    ];

    /// The value in `amr`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Federated => "fed",
            Self::MultiFactor => "mfa",
            Self::OneTimeCode => "otp",
            Self::Password => "pwd",
            Self::Sms => "sms",
        }
    }

    /// The method with this value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|method| method.as_str() == text)
    }
}

/// Why a session ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The account was disabled or deleted.
    AccountClosed,
    /// Whoever impersonated the user, or the user, ended the impersonation, or the one who impersonated lost the right to.
    ImpersonationEnded,
    /// Another sign-in took its place: there may be only so many.
    LimitReached,
    /// A second factor was set up or taken away.
    MfaChanged,
    /// The user made another organisation the active one, and goes on in a new session.
    OrganizationSwitched,
    /// The password changed or was reset.
    PasswordChanged,
    /// A refresh token that had been used came again (RFC 9700 section 4.14.2).
    Reuse,
    /// The user ended it from another session.
    RevokedByUser,
    /// An administrator ended it.
    RevokedByAdmin,
    /// The user signed out.
    SignedOut,
    /// The user showed a second factor again and goes on in a new session.
    SteppedUp,
    /// The tenant was suspended.
    TenantSuspended,
}

impl SessionEnd {
    /// Every reason.
    pub const ALL: &'static [Self] = &[
        Self::AccountClosed,
        Self::ImpersonationEnded,
        Self::LimitReached,
        Self::MfaChanged,
        Self::OrganizationSwitched,
        Self::PasswordChanged,
        Self::Reuse,
        Self::RevokedByUser,
        Self::RevokedByAdmin,
        Self::SignedOut,
        Self::SteppedUp,
        Self::TenantSuspended,
    ];

    /// The stable name that stores and events carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountClosed => "account_closed",
            Self::ImpersonationEnded => "impersonation_ended",
            Self::LimitReached => "limit_reached",
            Self::MfaChanged => "mfa_changed",
            Self::OrganizationSwitched => "organization_switched",
            Self::PasswordChanged => "password_changed",
            Self::Reuse => "reuse",
            Self::RevokedByUser => "revoked_by_user",
            Self::RevokedByAdmin => "revoked_by_admin",
            Self::SignedOut => "signed_out",
            Self::SteppedUp => "stepped_up",
            Self::TenantSuspended => "tenant_suspended",
        }
    }

    /// The reason with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|end| end.as_str() == text)
    }
}

/// One signed-in device. There is no table of refresh tokens: the row counts generations, and a refresh token is
/// (session id, generation, MAC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The id, `sid` in its access tokens.
    pub id: SessionId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// Who is signed in.
    pub user_id: UserId,
    /// The generation of the refresh token that is current; starts at 0.
    pub generation: i64,
    /// When the current generation came to be; the grace window of the one before is counted from here.
    pub rotated_at: Timestamp,
    /// When the session began.
    pub created_at: Timestamp,
    /// When the user last proved who they are: `auth_time`.
    pub authenticated_at: Timestamp,
    /// By what: `amr`.
    pub methods: Vec<AuthMethod>,
    /// When a second factor was last shown, if ever: `mfa_verified` is whether it is there.
    pub mfa_verified_at: Option<Timestamp>,
    /// The last refresh.
    pub last_seen_at: Timestamp,
    /// When it ends if it is not refreshed before. Ended means `now >= idle_expires_at`.
    pub idle_expires_at: Timestamp,
    /// When it ends in any case. Ended means `now >= absolute_expires_at`.
    pub absolute_expires_at: Timestamp,
    /// When it was ended before its time.
    pub ended_at: Option<Timestamp>,
    /// Why it was ended before its time.
    pub end_reason: Option<SessionEnd>,
    /// The address it began from.
    pub ip: Option<IpAddr>,
    /// The user agent it began with, at most 512 bytes.
    pub user_agent: Option<String>,
    /// The device it began on.
    pub device_id: Option<DeviceId>,
    /// The organisation that is active in it. Whether the user still is a member is for
    /// [`Authority::organization`](super::Authority::organization) to say.
    pub organization_id: Option<OrganizationId>,
    /// Who acts as the user in it, where somebody does. Such a session counts towards no limit of the user's.
    pub impersonation: Option<Impersonation>,
}

/// Somebody acts as a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impersonation {
    /// Who.
    pub by: UserId,
    /// The session in which they asked to.
    pub from: SessionId,
    /// Why, in their words: 1 to 500 characters.
    pub reason: String,
}

impl Session {
    /// Whether it is neither ended nor expired at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.idle_expires_at && now < self.absolute_expires_at
    }

    /// When it ends if nothing more happens.
    pub fn expires_at(&self) -> Timestamp {
        self.idle_expires_at.min(self.absolute_expires_at)
    }
}
