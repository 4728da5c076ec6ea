use serde::{Deserialize, Serialize};

use super::MailKind;
use crate::model::{User, UserId};

/// A mail that is to be made.
///
/// What somebody asks for by an address holds the address alone: whether there is an account is found out by the worker,
/// so that the caller cannot tell by the time.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "mail", rename_all = "snake_case")]
pub(crate) enum AccountMail {
    /// Confirms a sign-up.
    VerifyEmail { user_id: UserId },
    /// Somebody asked for the verification mail again.
    VerificationRequested { email: String },
    /// Somebody tried to sign up with an address that has an account.
    RegistrationRepeated { user_id: UserId },
    /// Somebody asked for a reset.
    ResetRequested { email: String },
    /// Confirms a new address.
    ChangeEmail { user_id: UserId, address: String },
    /// Something happened to an account. It holds the address of that moment: a change of address is told to the old one.
    Notice {
        notice: Notice,
        to: String,
        to_name: Option<String>,
    },
}

/// What an owner is told after it happened.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notice {
    AccountDeleted,
    EmailChangeRequested,
    EmailChanged,
    PasswordChanged,
    PasswordReset,
    SessionReused,
}

impl AccountMail {
    pub(crate) fn notice(notice: Notice, user: &User) -> Self {
        Self::Notice {
            notice,
            to: user.email.as_str().to_owned(),
            to_name: user.name.clone(),
        }
    }
}

impl Notice {
    pub(crate) const fn kind(self) -> MailKind {
        match self {
            Self::AccountDeleted => MailKind::AccountDeleted,
            Self::EmailChangeRequested => MailKind::EmailChangeRequested,
            Self::EmailChanged => MailKind::EmailChanged,
            Self::PasswordChanged => MailKind::PasswordChanged,
            Self::PasswordReset => MailKind::PasswordReset,
            Self::SessionReused => MailKind::SessionReused,
        }
    }
}

/// A mail that is made and waits to be handed over.
#[derive(Serialize, Deserialize)]
pub(crate) struct RenderedMail {
    pub(crate) to: String,
    pub(crate) to_name: Option<String>,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}
