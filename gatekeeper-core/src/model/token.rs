use serde_json::Value;

use super::{OneTimeTokenId, TenantId, Timestamp, UserId};

/// What a one-time token is good for. A token of one purpose is refused for every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TokenPurpose {
    /// Confirms a new address; the payload holds the address.
    EmailChange,
    /// Confirms the address given at sign-up; the payload holds the address.
    EmailVerification,
    /// Signs in, from a mail; the payload holds the address and what binds it to a browser.
    MagicLink,
    /// Signs in, in the browser that asked, with the code shown where the link was opened.
    MagicLinkCode,
    /// A code that was sent as a second factor; good together with its pending sign-in alone.
    MfaCode,
    /// Sets up the second factor that a policy requires, and then signs in.
    MfaEnrollment,
    /// Finishes a sign-in with a second factor. It does exactly that.
    MfaPending,
    /// Sets a new password.
    PasswordReset,
}

impl TokenPurpose {
    /// Every purpose.
    pub const ALL: &'static [Self] = &[
        Self::EmailChange,
        Self::EmailVerification,
        Self::MagicLink,
        Self::MagicLinkCode,
        Self::MfaCode,
        Self::MfaEnrollment,
        Self::MfaPending,
        Self::PasswordReset,
    ];

    /// The stable name that stores carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmailChange => "email_change",
            Self::EmailVerification => "email_verification",
            Self::MagicLink => "magic_link",
            Self::MagicLinkCode => "magic_link_code",
            Self::MfaCode => "mfa_code",
            Self::MfaEnrollment => "mfa_enrollment",
            Self::MfaPending => "mfa_pending",
            Self::PasswordReset => "password_reset",
        }
    }

    /// The purpose with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|purpose| purpose.as_str() == text)
    }
}

/// SHA-256 of a one-time token. The token has 256 random bits, so a plain hash is enough (ASVS 6.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

/// A one-time token as a store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct OneTimeToken {
    /// The row's id.
    pub id: OneTimeTokenId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// What it is good for.
    pub purpose: TokenPurpose,
    /// Whom it concerns.
    pub user_id: UserId,
    /// The hash it is found by.
    pub hash: TokenHash,
    /// What it confirms.
    pub payload: Value,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused: `now >= expires_at`.
    pub expires_at: Timestamp,
    /// When it was used or made void.
    pub consumed_at: Option<Timestamp>,
}
