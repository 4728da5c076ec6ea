use super::Quota;
use crate::config::RateLimitConfig;

/// What kind of request is limited. Each is counted for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RateClass {
    /// Asking for a mail.
    Mail,
    /// Whatever else a signed-in user reads.
    Read,
    /// Redeeming a token from a mail.
    Redeem,
    /// Refresh and sign-out.
    Refresh,
    /// Sign-up.
    Register,
    /// Guessing at a secret: sign-in, second factors, a password shown again.
    SignIn,
    /// Whatever else a signed-in user changes.
    Write,
}

/// Where requests of a class are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// By all nodes together.
    Shared,
    /// By each process for itself: what is limited is load, and is asked for too often to wait for a network.
    Process,
}

impl RateClass {
    /// Every class.
    pub const ALL: &'static [Self] = &[
        Self::Mail,
        Self::Read,
        Self::Redeem,
        Self::Refresh,
        Self::Register,
        Self::SignIn,
        Self::Write,
    ];

    /// The name of its policy, and its quota.
    pub(super) const fn policy(self, config: &RateLimitConfig) -> (&'static str, Quota) {
        match self {
            Self::Mail => ("mail", config.mail),
            Self::Read => ("read", config.read),
            Self::Redeem => ("redeem", config.redeem),
            Self::Refresh => ("refresh", config.refresh),
            Self::Register => ("register", config.register),
            Self::SignIn => ("sign_in", config.sign_in),
            Self::Write => ("write", config.write),
        }
    }

    pub(super) const fn reach(self) -> Reach {
        match self {
            Self::Mail | Self::Redeem | Self::Register | Self::SignIn => Reach::Shared,
            Self::Read | Self::Refresh | Self::Write => Reach::Process,
        }
    }
}

/// What kind of mail to one account is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailLimit {
    Invitation,
    MagicLink,
    MfaCode,
    Reset,
    /// To prove an address: at sign-up, asked for again, or to change it.
    Verification,
}

impl MailLimit {
    pub(super) const fn policy(self, config: &RateLimitConfig) -> (&'static str, Quota) {
        match self {
            Self::Invitation => ("invitation_mails", config.invitation_mails),
            Self::MagicLink => ("magic_link_mails", config.magic_link_mails),
            Self::MfaCode => ("mfa_codes", config.mfa_codes),
            Self::Reset => ("reset_mails", config.reset_mails),
            Self::Verification => ("verification_mails", config.verification_mails),
        }
    }
}
